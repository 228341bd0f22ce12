"""What has been read of a raw dataset, in files that are there completely or not at all.

A chunk holds the records of some items, and which were rejected or left out: an uncompressed
`.npz`, without pickles.
"""

import dataclasses
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_pipelines.errors import DataError, FileError
from data_pipelines.specs.record import LeftOut, Record
from data_pipelines.storage.atomic import replacing_file


@dataclass(frozen=True, eq=False)
class Chunk:
    """What some items hold.

    Attributes:
        records: the samples, float32.
        rejected: why items cannot be used.
        left_out: recordings without a sample, and why.
    """

    records: Sequence[Record]
    rejected: Sequence[FileError]
    left_out: Sequence[LeftOut] = ()


@dataclass(frozen=True, eq=False)
class Summary:
    """What some items hold, in a few words.

    Attributes:
        names: the samples' names.
        rejected: why items cannot be used.
        left_out: recordings without a sample, and why.
    """

    names: list[str] = field(default_factory=list)
    rejected: list[FileError] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def extend(self, other: "Summary") -> None:
        """Add what further items hold."""
        self.names.extend(other.names)
        self.rejected.extend(other.rejected)
        self.left_out.extend(other.left_out)


def save(path: Path, chunk: Chunk) -> None:
    """Write a chunk; a process that is killed meanwhile leaves no file of this name."""
    skeletons = [record.skeleton for record in chunk.records]
    text = {
        "names": [record.name for record in chunk.records],
        "metadata": [
            [int(record.label), int(record.subject), int(record.camera), int(record.setup)]
            for record in chunk.records
        ],
        "rejected": [error.args for error in chunk.rejected],
        "left_out": [dataclasses.astuple(left_out) for left_out in chunk.left_out],
    }
    with replacing_file(path) as file:
        np.savez(
            file,
            values=np.concatenate([np.empty(0, np.float32), *map(np.ravel, skeletons)]),
            shapes=np.array([skeleton.shape for skeleton in skeletons]).reshape(-1, 4).astype(int),
            text=np.array(json.dumps(text)),
        )


def load(path: Path) -> Chunk:
    """Return a chunk.

    Raises:
        DataError: the file is damaged.
    """
    values, shapes, text = _arrays(path, "values", "shapes", "text")
    content = json.loads(text.item())
    parts = np.split(values, np.cumsum(shapes.prod(1))[:-1]) if len(shapes) else []
    rows = zip(parts, shapes, content["metadata"], content["names"], strict=True)
    records = [Record(part.reshape(shape), *numbers, name) for part, shape, numbers, name in rows]
    summary = _summary(content)
    return Chunk(records, summary.rejected, summary.left_out)


def summary(path: Path) -> Summary:
    """Return what a chunk holds, without the skeletons.

    Raises:
        DataError: the file is damaged.
    """
    return _summary(json.loads(_arrays(path, "text")[0].item()))


def _summary(content: dict[str, Any]) -> Summary:
    rejected = [FileError(*error) for error in content["rejected"]]
    left_out = [LeftOut(*fields) for fields in content["left_out"]]
    return Summary(content["names"], rejected, left_out)


def complete(path: Path) -> bool:
    """Return whether there is a chunk that was not cut, as by a loss of power."""
    return path.exists() and zipfile.is_zipfile(path)


def _arrays(path: Path, *names: str) -> list[Any]:
    """Return arrays of a chunk."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, EOFError):
        raise DataError(f"{path}: is damaged; remove it and run the command again") from None
