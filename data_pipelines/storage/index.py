"""The metadata of every sample of a converted dataset, and selections over them.

`index.csv` lies next to the TFRecords and says what each sample is and where its record is. All
protocols are selections over it: one conversion serves them all.
"""

import csv
import functools
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from etils import epath
from jaxtyping import Int32, Int64, Shaped

from data_pipelines.errors import DataError
from data_pipelines.specs import catalog
from data_pipelines.specs.dataset import Protocol
from data_pipelines.specs.record import Record

FILE = "index.csv"
# Of the format of converted datasets: the folder of their TFRecords, in the column `shard`.
VERSION = "1.0.0"


@dataclass(frozen=True, eq=False)
class Index:
    """The metadata of n samples.

    Attributes:
        name: the samples' unique names.
        label: classes, 0-based.
        subject: who moves.
        camera: viewpoints.
        setup: recording setups.
        frames: true numbers of frames.
        bodies: numbers of persons.
        shard: TFRecord files, relative to the dataset's folder.
        offset: where in its file a sample's record starts, in bytes.
        bytes: the record's size, with TFRecord's 16 bytes of lengths and checksums.
    """

    name: Shaped[np.ndarray, " n"]
    label: Int32[np.ndarray, " n"]
    subject: Int32[np.ndarray, " n"]
    camera: Int32[np.ndarray, " n"]
    setup: Int32[np.ndarray, " n"]
    frames: Int32[np.ndarray, " n"]
    bodies: Int32[np.ndarray, " n"]
    shard: Shaped[np.ndarray, " n"]
    offset: Int64[np.ndarray, " n"]
    bytes: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.name)

    @functools.cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the samples' metadata, without shards and offsets.

        `data_pipelines.storage.contents` has the digest of the coordinates.
        """
        digest = hashlib.sha256("\n".join(self.name).encode())
        for column in (self.label, self.subject, self.camera, self.setup, self.frames, self.bodies):
            digest.update(column.astype("<i4").tobytes())
        return digest.hexdigest()

    @staticmethod
    def load(directory: str | os.PathLike) -> "Index":
        """Return the index of a converted dataset; DataError if it or a TFRecord is altered."""
        index = read(directory)
        check_shards(index, directory)
        return index


def read(directory: str | os.PathLike) -> Index:
    """Return the index without checking the TFRecords; DataError if it is missing or altered."""
    folder = epath.Path(directory)
    if not (folder / FILE).exists():
        raise DataError(f"{folder}: no converted dataset is here; {_conversion(folder)}")
    text = (folder / FILE).read_text(encoding="utf-8")
    _check_version(text, folder)
    try:
        return Index(*_columns(text))
    except (ValueError, OverflowError, csv.Error):
        damaged = f"{folder / FILE}: is cut or altered"
        raise DataError(f"{damaged}; convert again: {_conversion(folder)}") from None


def _check_version(text: str, folder: epath.Path) -> None:
    """Raise DataError if a dataset is of another version of the format, whatever its columns."""
    versions = {*re.findall(r",(\d+\.\d+\.\d+)/[^,\n]*tfrecord", text)} - {VERSION}
    if versions:
        other = f"is of format {max(versions)}, this version of gapjax reads {VERSION}"
        raise DataError(f"{folder / FILE}: {other}; convert again: {_conversion(folder)}")


def write(directory: str | os.PathLike, rows: Iterable[Sequence[str | int]]) -> None:
    """Write `index.csv`; a row has the values of `Index`'s attributes, in their order."""
    with (epath.Path(directory) / FILE).open("w", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Index))
        writer.writerows(rows)


def _columns(text: str) -> Iterator[Shaped[np.ndarray, " n"]]:
    """Yield the columns of `index.csv` in their order; ValueError or csv.Error if it is damaged."""
    header, *rows = csv.reader(io.StringIO(text), strict=True)
    if header != [field.name for field in fields(Index)] or not rows or not text.endswith("\n"):
        raise ValueError
    columns = list(zip(*rows, strict=True))
    for field, column in zip(fields(Index), columns, strict=True):
        if field.name in ("name", "shard"):
            yield np.array(column)
        else:
            kind = np.int64 if field.name in ("offset", "bytes") else np.int32
            yield np.array(list(map(int, column)), kind)


def check_shards(index: Index, directory: str | os.PathLike) -> None:
    """Raise DataError if TFRecords do not end where the index says; a pack replaces them."""
    folder = epath.Path(directory)
    for shard in np.unique(index.shard):
        path, rows = folder / str(shard), np.flatnonzero(index.shard == shard)
        stops = np.cumsum(index.bytes[rows])
        if not path.exists():
            if (folder / "pack").exists():
                continue
            raise DataError(f"{path}: is missing; convert again: {_conversion(folder)}")
        if (
            path.stat().length != stops[-1]
            or (index.offset[rows] + index.bytes[rows] != stops).any()
        ):
            raise DataError(f"{path}: is cut or altered; convert again: {_conversion(folder)}")


def check_record(index: Index, row: int, record: Record, directory: str | os.PathLike) -> None:
    """Raise DataError if a record is not what its row says."""
    frames, bodies = record.skeleton.shape[:2]
    indexed = tuple(column[row].item() for column in (index.name, index.frames, index.bodies))
    if indexed != (record.name, frames, bodies):
        folder = epath.Path(directory)
        raise DataError(
            f"{folder / FILE} and {index.shard[row]} disagree: line {row + 2} is of sample "
            f"{indexed[0]!r} (frames x persons: {indexed[1]} x {indexed[2]}), the record of "
            f"{record.name!r} ({frames} x {bodies}); convert again: {_conversion(folder)}"
        )


def check_count(index: Index, records: int, directory: str | os.PathLike) -> None:
    """Raise DataError unless there are as many records as rows."""
    if records != len(index):
        folder = epath.Path(directory)
        raise DataError(
            f"{folder / FILE}: has {len(index):,} rows for {records:,} records; "
            f"convert again: {_conversion(folder)}"
        )


def _conversion(folder: epath.Path) -> str:
    return f"run `{catalog.conversion(folder)}`"


def select(
    index: Index, protocol: Protocol
) -> tuple[Int64[np.ndarray, " n1"], Int64[np.ndarray, " n2"]]:
    """Return the rows of a protocol's training samples and of its test samples, ascending."""
    values = getattr(index, protocol.column)
    train = np.isin(values, protocol.train)
    test = ~train if protocol.test is None else np.isin(values, protocol.test)
    return np.flatnonzero(train), np.flatnonzero(test)
