"""Reading arrays of numbers from MATLAB's level 5 MAT-files (versions 5 to 7).

`scipy.io.loadmat` can crash the process on a damaged file (SciPy 1.17): it looks up unknown element
types outside its table, and deeply nested cells overflow its stack. Here, every length and type is
checked before it is used. Source of the format: MathWorks, "MAT-File Format", chapter 1.
"""

import itertools
import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import Shaped

# The largest decompressed size of a variable, in bytes.
LARGEST = 1 << 26

_HEADER = 128
_BYTE_ORDERS = {b"IM": "<", b"MI": ">"}
_MATRIX, _COMPRESSED = 14, 15
# Element type → NumPy's type without the byte order.
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_NUMBERS |= {12: "i8", 13: "u8"}
# Array classes: double, single and integers; others are text, cells, objects, ...
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX = 0x800


def variable(content: bytes, name: str) -> Shaped[np.ndarray, "..."] | None:
    """Return the real array called `name` in a file's content, or None if there is none.

    Raises:
        ValueError: the content is not a level 5 MAT-file, or is damaged.
    """
    order = _BYTE_ORDERS.get(content[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("is not a MAT-file of level 5")
    for kind, payload in _elements(content[_HEADER:], order):
        if kind == _COMPRESSED:
            kind, payload = next(_elements(_unpacked(payload), order), (kind, b""))
        if kind == _MATRIX:
            matrix_name, values = _matrix(payload, order)
            if matrix_name == name.encode():
                return values
    return None


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the (type, data) of consecutive elements; ValueError if one is truncated."""
    offset = 0
    while offset < len(content):
        if offset + 8 > len(content):
            raise ValueError("is cut")
        kind, size = struct.unpack_from(f"{order}II", content, offset)
        start = offset + 8
        if kind >> 16:
            # A small element has its size and its data in the same eight bytes.
            kind, size, start = kind & 0xFFFF, kind >> 16, offset + 4
        stop = start + size
        if stop > (offset + 8 if start < offset + 8 else len(content)):
            raise ValueError("is cut")
        yield kind, content[start:stop]
        offset = stop if kind == _COMPRESSED else stop + (offset - stop) % 8


def _unpacked(payload: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(payload, LARGEST)
    except zlib.error:
        raise ValueError("has a damaged variable") from None
    if not stream.eof:
        raise ValueError(f"has a variable that is cut or larger than {LARGEST} bytes")
    return content


def _matrix(payload: bytes, order: str) -> tuple[bytes, Shaped[np.ndarray, "..."] | None]:
    """Return the name and the values of a variable; None unless it is a real array."""
    parts = list(itertools.islice(_elements(payload, order), 4))
    if len(parts) < 4 or len(parts[0][1]) != 8:
        return b"", None
    (_, flags), (_, sizes), (_, name), (kind, real) = parts
    (flag,) = struct.unpack(f"{order}I", flags[:4])
    if flag & 0xFF not in _NUMERIC_CLASSES or flag & _COMPLEX:
        return name, None
    shape = [size for (size,) in struct.iter_unpack(f"{order}i", sizes[: len(sizes) // 4 * 4])]
    if kind not in _NUMBERS or min(shape, default=-1) < 0:
        raise ValueError("has a damaged array")
    dtype = np.dtype(order + _NUMBERS[kind])
    if math.prod(shape) * dtype.itemsize != len(real):
        raise ValueError("has an array of another size than it says")
    return name, np.frombuffer(real, dtype).reshape(shape, order="F")
