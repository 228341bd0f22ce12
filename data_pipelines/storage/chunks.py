"""Chunks of a raw dataset: atomic, uncompressed `.npz` files without pickles.

A chunk holds the records of some items and lists what was rejected or left out.
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
class Summary:
    """The contents of some items, without the skeletons.

    Attributes:
        names: the samples' names.
        rejected: the items that cannot be used.
        left_out: the recordings without a sample.
        dropped: the samples whose clips lack something of the files: the numbers of frames in which
            nobody is seen, and of persons who move less than others.
    """

    names: list[str] = field(default_factory=list)
    rejected: list[FileError] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    dropped: list[tuple[int, int]] = field(default_factory=list)

    def extend(self, other: "Summary") -> None:
        """Add the contents of further items."""
        self.names.extend(other.names)
        self.rejected.extend(other.rejected)
        self.left_out.extend(other.left_out)
        self.dropped.extend(other.dropped)


def save(
    path: Path,
    records: Sequence[Record],
    rejected: Sequence[FileError],
    left_out: Sequence[LeftOut],
    dropped: Sequence[tuple[int, int]] = (),
) -> None:
    """Write a chunk atomically."""
    skeletons = [record.skeleton for record in records]
    text = {
        "names": [record.name for record in records],
        "metadata": [
            [int(record.label), int(record.subject), int(record.camera), int(record.setup)]
            for record in records
        ],
        "rejected": [error.args for error in rejected],
        "left_out": [dataclasses.astuple(recording) for recording in left_out],
        "dropped": list(dropped),
    }
    with replacing_file(path) as file:
        np.savez(
            file,
            values=np.concatenate([np.empty(0, np.float32), *map(np.ravel, skeletons)]),
            shapes=np.array([skeleton.shape for skeleton in skeletons]).reshape(-1, 4).astype(int),
            text=np.array(json.dumps(text)),
        )


def records(path: Path) -> list[Record]:
    """Return the records of a chunk; DataError if the file is damaged."""
    values, shapes, text = _arrays(path, "values", "shapes", "text")
    content = json.loads(text.item())
    parts = np.split(values, np.cumsum(shapes.prod(1))[:-1]) if len(shapes) else []
    rows = zip(parts, shapes, content["metadata"], content["names"], strict=True)
    return [
        Record(part.reshape(shape), label, subject, camera, setup, name)
        for part, shape, (label, subject, camera, setup), name in rows
    ]


def summary(path: Path) -> Summary:
    """Return the contents of a chunk without the skeletons; DataError if it is damaged."""
    content = json.loads(_arrays(path, "text")[0].item())
    rejected = [FileError(*error) for error in content["rejected"]]
    left_out = [LeftOut(*fields) for fields in content["left_out"]]
    return Summary(content["names"], rejected, left_out, list(map(tuple, content["dropped"])))


def complete(path: Path) -> bool:
    """Return whether a chunk exists and is not truncated, as by a power failure."""
    return path.exists() and zipfile.is_zipfile(path)


def _arrays(path: Path, *names: str) -> list[Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, EOFError):
        raise DataError(f"{path}: is damaged; remove it and run the command again") from None
