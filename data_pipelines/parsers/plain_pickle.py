"""Pickles of arrays, dicts, lists, tuples, texts and numbers, read without running what they say.

A pickle is a program that may call any function. This module's unpickler finds only the few that
rebuild plain data, and has its own in place of NumPy's: a damaged pickle can clear the flags of
NumPy's dtype, and arrays of such a type crash the process (NumPy 2).
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

# The operations of a pickle that remember a thing, in a list.
_REMEMBERING = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")

# Booleans, integers, real numbers and texts: no objects, no records.
_TYPE = re.compile(r"[<>|=]?([biufSU]\d{1,6}|\?)")


class _RefusedError(pickle.UnpicklingError):
    """A pickle that names something other than plain data."""


class _Type:
    """The type of an array, as a pickle builds it."""

    def __init__(self, name: str, *_: Any) -> None:
        if not isinstance(name, str) or not _TYPE.fullmatch(name):
            raise _RefusedError(f"an array of type {name!r}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple) -> None:
        """Take the order of bytes from NumPy's state."""
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array, as a pickle builds it."""

    array: Shaped[np.ndarray, "..."] | None = None

    def __setstate__(self, state: tuple) -> None:
        """Take NumPy's state: version, shape, type, whether stored by columns, and the bytes."""
        _, shape, kind, by_columns, content = state
        self.array = _shaped(content, kind, shape, "F" if by_columns else "C")


def _shaped(content: Any, kind: Any, shape: Any, order: str) -> Shaped[np.ndarray, "..."]:
    """Return the array of these bytes."""
    if not isinstance(content, bytes | bytearray) or not isinstance(kind, _Type):
        raise _RefusedError("an array of objects")
    if math.prod(shape) * kind.dtype.itemsize != len(content):
        raise ValueError(f"an array of shape {shape} has {len(content)} bytes")
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order)


def _reconstruct(*_: Any) -> _Array:
    """Return the array that a state is to fill."""
    return _Array()


def _from_buffer(content: Any, kind: Any, shape: Any, order: str) -> _Array:
    """Return a filled array, as protocol 5 has it."""
    made = _Array()
    made.array = _shaped(content, kind, shape, order)
    return made


def _scalar(kind: _Type, content: bytes) -> Any:
    """Return a number of NumPy's as Python's own."""
    return _shaped(content, kind, (), "C").item()


def _bytes(text: str, encoding: str) -> bytes:
    """Return the bytes that protocol 2 writes as text."""
    if encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"a text in {encoding!r}")
    return text.encode("latin-1")


def _unusable(*_: Any) -> Any:
    """Stand for the class of arrays, which pickles name and `_reconstruct` does not need."""
    raise _RefusedError("a call of numpy.ndarray")


_ALLOWED: dict[str, Callable] = {
    "numpy.ndarray": _unusable,
    "numpy.dtype": _Type,
    "_codecs.encode": _bytes,
    **{
        f"numpy.{core}.{name}": made
        for core in ("core", "_core")
        for name, made in (
            ("multiarray._reconstruct", _reconstruct),
            ("multiarray.scalar", _scalar),
            ("numeric._frombuffer", _from_buffer),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    """Finds this module's functions, and nothing else."""

    def find_class(self, module: str, name: str) -> Callable:
        """Return what rebuilds a thing, each time anew: a pickle can change what it gets."""
        made = _ALLOWED.get(f"{module}.{name}")
        if made is None:
            raise _RefusedError(f"{module}.{name}")
        return lambda *given: made(*given)

    def persistent_load(self, pid: Any) -> Any:
        """Refuse things that are not in the file."""
        raise _RefusedError(f"a reference to {pid!r}")


def _check_memo(file: BinaryIO) -> None:
    """Refuse a pickle that numbers what it remembers with gaps: Python makes room for the gaps."""
    remembered = 0
    for operation, number, _ in pickletools.genops(file):
        if operation.name in _REMEMBERING:
            if isinstance(number, int) and number > remembered:
                raise ValueError(f"it remembers {remembered} things and numbers one {number}")
            remembered += 1


def load(path: pathlib.Path) -> Any:
    """Return what a pickle holds; arrays are to be taken out by `array`.

    Raises:
        DataError: it holds other things than plain data, or is damaged.
    """
    try:
        with path.open("rb") as file:
            _check_memo(file)
            file.seek(0)
            return _Unpickler(file).load()
    except _RefusedError as error:
        what = f"wants {error}; only arrays, dicts, lists, texts and numbers are read"
        raise DataError(f"{path}: is refused: it {what}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    # A damaged pickle is a program that went astray: it ends with any kind of error.
    except Exception as error:
        what = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise DataError(f"{path}: is damaged or no pickle ({what}); download it again") from None


def array(value: Any) -> Shaped[np.ndarray, "..."] | None:
    """Return the array that a value of a pickle is, or None."""
    return value.array if isinstance(value, _Array) else None
