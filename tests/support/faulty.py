"""Converted datasets with faults, and the checks that find them, for the tests of `verify`."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from data_pipelines.checks.record_checks import METADATA
from data_pipelines.specs.record import Record
from data_pipelines.storage import builder, tfrecord
from data_pipelines.storage import index as indexing
from data_pipelines.storage.index import Index
from data_pipelines.verify import verify
from support import tiny_dataset

SHARD = "1.0.0/tiny-samples.tfrecord-00000-of-00001"


def written(out: pathlib.Path, records: Sequence[Record], **facts: object) -> pathlib.Path:
    """Write records, good or bad, of a dataset with these facts, as a conversion would."""
    folder = out / "tiny"
    builder.write(dataclasses.replace(tiny_dataset.spec(), **facts), records, out)
    rows = []
    for offset, size, record in tfrecord.read(folder / SHARD):
        facts = (getattr(record, fact) for fact in METADATA)
        rows.append((*facts, *record.skeleton.shape[:2], SHARD, offset, size))
    indexing.write(folder, rows)
    return folder


def failed(folder: pathlib.Path) -> dict[str, str]:
    """Return the checks that fail, and their faults."""
    return {check.name: "\n".join(check.faults) for check in verify(folder) if check.faults}


def edited(folder: pathlib.Path, row: int, **facts: str | int) -> None:
    """Change facts in one row of the index."""
    index = Index.load(folder)
    columns = {
        field.name: getattr(index, field.name).tolist() for field in dataclasses.fields(Index)
    }
    for name, value in facts.items():
        columns[name][row] = value
    indexing.write(folder, zip(*columns.values(), strict=True))


def flipped(folder: pathlib.Path, rows: Sequence[int], place: int) -> None:
    """Flip a bit in the records of some rows, at a byte counted from their starts or ends."""
    index, content = Index.load(folder), bytearray((folder / SHARD).read_bytes())
    for row in rows:
        content[index.offset[row] + place % index.bytes[row]] ^= 1
    (folder / SHARD).write_bytes(content)


def changed(index: Index, **columns: Sequence) -> Index:
    """Return an index with other columns."""
    return dataclasses.replace(
        index,
        **{name: np.array(each, getattr(index, name).dtype) for name, each in columns.items()},
    )
