"""Data of one's own: a folder with `dataset.yaml`, `samples.csv` and one `.npy` a sample.

What the YAML says is in `data_pipelines.spec_file`, what the table in `data_pipelines.raw.samples`.
Any joints will do, in two or three dimensions, with a confidence or without.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etils import epath

from data_pipelines import sheet, spec_file
from data_pipelines.raw import samples
from data_pipelines.raw.record import DataError, Record
from data_pipelines.raw.samples import Sample
from data_pipelines.spec import DatasetSpec, Found

WANTED = f"a folder with {spec_file.FILE}, {samples.FILE} and .npy files"


@dataclass(frozen=True)
class Item:
    """A sample, and what its array should be.

    Attributes:
        sample: the line of the table.
        joints: the joints' names.
        coordinates: numbers that a joint has.
    """

    sample: Sample
    joints: Sequence[str]
    coordinates: int

    def __str__(self) -> str:
        return str(self.sample)


def found(raw: pathlib.Path, name: str) -> Found:
    """Return what a folder holds.

    Raises:
        DataError: a file is missing, or is not what it should be.
    """
    path = raw / spec_file.FILE
    if not path.is_file():
        raise DataError(f"{path}: is missing; --raw takes {WANTED}")
    facts = sheet.load(epath.Path(path))
    facts.check_keys(spec_file.REQUIRED, spec_file.OPTIONAL)
    spec = spec_file.spec_of(facts, name)
    joints, numbers = spec.skeleton.joints, spec.coordinates
    items = [Item(each, joints, numbers) for each in samples.table(raw, spec.labels)]
    texts = _texts(raw, facts, spec)
    return Found(dataclasses.replace(spec, format="own", texts=""), items, texts)


def read(item: Item) -> Iterator[Record]:
    """Yield a sample."""
    yield samples.record(item.sample, item.joints, item.coordinates)


def _texts(raw: pathlib.Path, facts: sheet.Sheet, spec: DatasetSpec) -> bytes | None:
    """Return the file of class descriptions that the facts name."""
    if not spec.texts:
        return None
    try:
        return (raw / spec.texts).read_bytes()
    except (OSError, ValueError):
        raise facts.error("texts", f"names {spec.texts!r}, which is no file in {raw}") from None
