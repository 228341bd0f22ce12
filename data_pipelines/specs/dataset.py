"""The metadata of a dataset."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_pipelines.specs.skeletons import Skeleton


@dataclass(frozen=True)
class Protocol:
    """An official split of a dataset into training and test samples.

    Attributes:
        column: the index column that decides: `subject`, `camera` or `setup`.
        train: the column's values of training samples.
        counts: the published numbers of (training, test) samples; None if unknown.
        test: the column's values of test samples, where some samples are on neither side; None if
            all that do not train are for testing.
    """

    column: str
    train: tuple[int, ...]
    counts: tuple[int, int] | None = None
    test: tuple[int, ...] | None = None

    @staticmethod
    def of_setups(sides: Mapping[int, str]) -> "Protocol":
        """Return the protocol of setup → `train`, `test`, or another word for neither."""
        train, test = (
            tuple(sorted(setup for setup, side in sides.items() if side == wanted))
            for wanted in ("train", "test")
        )
        return Protocol("setup", train, test=test if len(sides) > len(train + test) else None)


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset.

    Attributes:
        name: the name of the dataset and of its module.
        skeleton: the body model.
        labels: the class names; a class id is an index in this list.
        persons: the largest number of persons in a sample.
        protocols: name → the official split of that name.
        texts: the file of class descriptions: its path, or its name in `gapjax/prompts/texts`
            without the extension; several names, and after them a path, are joined by `+`. Empty if
            the classes have no descriptions but their names.
        obtain: how to get the raw files, in one line.
        zero_shot: name → the unseen classes of the zero-shot split of that name.
        coordinates: the number of values per joint, including a confidence: 3 for x, y, z.
        builtin: whether the project generates the samples.
        confidence: whether the last value of a joint is its confidence.
        format: the module of `data_pipelines.formats` that reads the raw files; empty for a dataset
            that has its own module.
        person_order: who is the first person, one of `clip_rule.ORDERS`.
    """

    name: str
    skeleton: Skeleton
    labels: tuple[str, ...]
    persons: int
    protocols: Mapping[str, Protocol]
    texts: str
    obtain: str
    zero_shot: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    coordinates: int = 3
    builtin: bool = False
    confidence: bool = False
    format: str = ""
    person_order: str = "motion"

    @property
    def space(self) -> int:
        """Return the number of dimensions of the joints' positions."""
        return self.coordinates - self.confidence


def said_sizes(split: str) -> tuple[int, int] | None:
    """Return the numbers of seen and unseen classes in the name of a zero-shot split, if any.

    >>> said_sizes("48_12"), said_sizes("20_4_simple"), said_sizes("table5_1")
    ((48, 12), (20, 4), None)
    """
    sizes = re.match(r"(\d+)_(\d+)", split)
    return (int(sizes[1]), int(sizes[2])) if sizes else None


@dataclass(frozen=True)
class RawDataset:
    """The contents of raw files.

    Attributes:
        spec: the dataset's metadata.
        items: what is read separately, in order.
        texts: the YAML file of class descriptions that comes with them, if any.
        notes: what a conversion tells of the metadata, which may be meant.
        sources: tables and descriptions among the raw files → the digest of each.
    """

    spec: DatasetSpec
    items: Sequence[Any]
    texts: bytes | None = None
    notes: Sequence[str] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
