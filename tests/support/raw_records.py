"""All records of a raw dataset, in order, up to the first file that cannot be used."""

import pathlib
from collections.abc import Iterator
from types import ModuleType

from data_pipelines.conversion import reading
from data_pipelines.specs.record import Record


def records_of(module: ModuleType, raw: pathlib.Path | None) -> Iterator[Record]:
    """Yield the records of every item of a dataset's module, as a conversion stores them."""
    for item in module.items(raw):
        found = list(module.read(item))
        records = [each for each in found if isinstance(each, Record)]
        clips = iter(reading.clips_of(item, records, module.SPEC)[0])
        yield from (next(clips) if isinstance(each, Record) else each for each in found)
