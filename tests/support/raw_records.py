"""All records of a raw dataset, in order, up to the first file that cannot be used."""

import pathlib
from collections.abc import Iterator
from types import ModuleType

from data_pipelines.specs.record import Record


def records_of(module: ModuleType, raw: pathlib.Path | None) -> Iterator[Record]:
    """Yield the records of every item of a dataset's module."""
    for item in module.items(raw):
        yield from module.read(item)
