"""Reading arrays in `.npz` files row by row, as they need not fit into memory.

Arrays written by `numpy.savez` are mapped into memory; those written by `numpy.savez_compressed`
are decompressed from the start, so that rows are best read in order.
"""

import functools
import pathlib
import struct
import tokenize
import zipfile
import zlib
from typing import cast

import numpy as np
from jaxtyping import Shaped

from data_pipelines.errors import DataError, FileError
from data_pipelines.parsers.sources import State
from data_pipelines.specs import wrong_file

# NumPy's errors on a damaged array: it evaluates the header as a Python literal and allocates as
# much memory as the header says.
ARRAY_DAMAGE = (
    *(OSError, ValueError, EOFError, OverflowError, MemoryError),
    *(SyntaxError, tokenize.TokenError),
)
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, *ARRAY_DAMAGE)
# The size of a member's header, and the offset in it of the lengths of its name and extra field.
_LOCAL, _LENGTHS = 30, 26


class Rows:
    """The rows of an array of numbers or booleans, with its `shape` and `dtype`."""

    def __init__(self, path: str, name: str) -> None:
        """Open the array `name` of an archive; DataError if it is not an array of numbers."""
        self._path, self._name = path, name
        try:
            self.shape, self.dtype, fortran_order = self._open()
        except (*_DAMAGED, RuntimeError) as error:
            if isinstance(error, DataError):
                raise
            wrong_file.refuse(path)
            raise self._error(f"is not a readable array ({wrong_file.cause(error)})") from None
        if fortran_order or self.dtype.kind not in "fiub" or not self.shape:
            raise self._error(f"is of type {self.dtype} or stored by columns, not rows of numbers")
        self._bytes = int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize
        if self._start + self.shape[0] * self._bytes != self._member.file_size:
            raise self._error("is cut short")
        try:
            self._mapped = self._map()
        except _DAMAGED:
            raise self._error("does not lie where the archive says") from None

    def _open(self) -> tuple[tuple[int, ...], np.dtype, bool]:
        """Return the array's shape, type, and whether it is in Fortran order."""
        with zipfile.ZipFile(self._path) as archive:
            if f"{self._name}.npy" not in archive.namelist():
                names = ", ".join(name.removesuffix(".npy") for name in archive.namelist()[:8])
                raise DataError(f"{self._path}: has no array {self._name!r}; there are: {names}")
            self._member = archive.getinfo(f"{self._name}.npy")
            with cast("zipfile.ZipExtFile", archive.open(self._member)) as file:
                shape, fortran_order, dtype = _header(file)
                self._start = file.tell()
        return shape, dtype, fortran_order

    def _error(self, reason: str) -> DataError:
        return DataError(f"{self._path}: {self._name} {reason}; download or write the file again")

    def row(self, number: int) -> Shaped[np.ndarray, "..."]:
        """Return a row, counted from 0; FileError if it is damaged."""
        return self._unpacked(number) if self._mapped is None else self._mapped[number, ...]

    def _map(self) -> Shaped[np.ndarray, "..."] | None:
        """Return the array, mapped into memory, if it is not compressed."""
        if self._member.compress_type != zipfile.ZIP_STORED or 0 in self.shape:
            return None
        with pathlib.Path(self._path).open("rb") as file:
            file.seek(self._member.header_offset)
            lengths = struct.unpack_from("<HH", file.read(_LOCAL), _LENGTHS)
        start = self._member.header_offset + _LOCAL + sum(lengths) + self._start
        return np.memmap(self._path, self.dtype, "r", start, self.shape)

    @functools.cached_property
    def _file(self) -> zipfile.ZipExtFile:
        """Return the array's file, which is closed with this object."""
        return cast("zipfile.ZipExtFile", zipfile.ZipFile(self._path).open(self._member))

    def _unpacked(self, row: int) -> Shaped[np.ndarray, "..."]:
        try:
            self._file.seek(self._start + row * self._bytes)
            content = self._file.read(self._bytes)
            return np.frombuffer(content, self.dtype).reshape(self.shape[1:])
        except _DAMAGED:
            reason = f"{self._name} is damaged before row {row}; download or write the file again"
            raise FileError(self._path, reason) from None

    def all(self) -> Shaped[np.ndarray, "..."]:
        """Return the array."""
        rows = [self.row(number) for number in range(self.shape[0])]
        return np.stack(rows) if rows else np.empty(self.shape, self.dtype)


def _header(file: zipfile.ZipExtFile) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return the shape, the order and the type in an array's header."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


@functools.lru_cache(maxsize=8)
def rows(path: str, name: str, version: State) -> Rows:
    """Return an array of an archive; `version` is part of the cache key."""
    del version
    return Rows(path, name)
