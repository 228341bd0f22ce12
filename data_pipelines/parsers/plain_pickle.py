"""Safe reading of pickles of arrays, dicts, lists, tuples, strings and numbers.

A pickle may call any function. This unpickler allows only functions that rebuild plain data, and
replaces NumPy's: a damaged pickle can clear the flags of NumPy's dtype, and arrays of such a type
crash the process (NumPy 2).
"""

import math
import pathlib
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Shaped

from data_pipelines.errors import DataError
from data_pipelines.specs import wrong_file

# The operations of a pickle that store an object in its memo.
_MEMOIZING = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")

# Booleans, integers, real numbers and strings.
_TYPE = re.compile(r"[<>|=]?([biufSU]\d{1,6}|\?)")


class _RefusedError(pickle.UnpicklingError):
    """A pickle that has something other than plain data."""


class _Type:
    """The type of an array, as a pickle builds it."""

    def __init__(self, name: str, *_: Any) -> None:
        if not isinstance(name, str) or not _TYPE.fullmatch(name):
            raise _RefusedError(f"an array of type {name!r}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple) -> None:
        """Take the byte order from NumPy's state."""
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array, as a pickle builds it."""

    array: Shaped[np.ndarray, "..."] | None = None

    def __setstate__(self, state: tuple) -> None:
        """Take NumPy's state."""
        _, shape, kind, is_fortran, content = state
        self.array = _shaped(content, kind, shape, "F" if is_fortran else "C")


def _shaped(content: Any, kind: Any, shape: Any, order: str) -> Shaped[np.ndarray, "..."]:
    if not isinstance(content, bytes | bytearray) or not isinstance(kind, _Type):
        raise _RefusedError("an array of objects")
    if math.prod(shape) * kind.dtype.itemsize != len(content):
        raise ValueError(f"an array of shape {shape} has {len(content)} bytes")
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order)


def _reconstruct(*_: Any) -> _Array:
    """Return an array without its state."""
    return _Array()


def _from_buffer(content: Any, kind: Any, shape: Any, order: str) -> _Array:
    """Return an array of protocol 5."""
    result = _Array()
    result.array = _shaped(content, kind, shape, order)
    return result


def _scalar(kind: _Type, content: bytes) -> Any:
    """Return a NumPy scalar as a Python number."""
    return _shaped(content, kind, (), "C").item()


def _bytes(text: str, encoding: str) -> bytes:
    """Return bytes that protocol 2 writes as a string."""
    if encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"a text in {encoding!r}")
    return text.encode("latin-1")


def _unusable(*_: Any) -> Any:
    """Stand for numpy.ndarray, which pickles pass to `_reconstruct`."""
    raise _RefusedError("a call of numpy.ndarray")


_ALLOWED: dict[str, Callable] = {
    "numpy.ndarray": _unusable,
    "numpy.dtype": _Type,
    "_codecs.encode": _bytes,
    **{
        f"numpy.{core}.{name}": function
        for core in ("core", "_core")
        for name, function in (
            ("multiarray._reconstruct", _reconstruct),
            ("multiarray.scalar", _scalar),
            ("numeric._frombuffer", _from_buffer),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    """Finds only this module's functions."""

    def find_class(self, module: str, name: str) -> Callable:
        """Return a new function each time, as a pickle can set attributes on it."""
        function = _ALLOWED.get(f"{module}.{name}")
        if function is None:
            raise _RefusedError(f"{module}.{name}")
        return lambda *arguments: function(*arguments)

    def persistent_load(self, pid: Any) -> Any:
        """Refuse objects that are not in the file."""
        raise _RefusedError(f"a reference to {pid!r}")


def _check_memo(file: BinaryIO) -> None:
    """Refuse a pickle whose memo has gaps, for which Python allocates memory."""
    stored = 0
    for operation, number, _ in pickletools.genops(file):
        if operation.name in _MEMOIZING:
            if isinstance(number, int) and number > stored:
                raise ValueError(f"its memo has {stored} objects and numbers one {number}")
            stored += 1


def load(path: pathlib.Path) -> Any:
    """Return the content of a pickle; DataError if it is damaged or not plain data."""
    try:
        with path.open("rb") as file:
            _check_memo(file)
            file.seek(0)
            return _Unpickler(file).load()
    except _RefusedError as error:
        allowed = "only arrays, dicts, lists, texts and numbers are read"
        raise DataError(f"{path}: is refused: it wants {error}; {allowed}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    # A damaged pickle can raise any error.
    except Exception as error:
        wrong_file.refuse(path)
        reason = f"is damaged or not a pickle ({type(error).__name__} {error!s:.200})"
        raise DataError(f"{path}: {reason}; download it again") from None


def array(value: Any) -> Shaped[np.ndarray, "..."] | None:
    """Return the array that a value of a pickle is, or None."""
    return value.array if isinstance(value, _Array) else None
