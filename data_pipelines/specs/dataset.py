"""The metadata of a dataset that does not depend on where it is stored."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_pipelines.specs.skeletons import Skeleton


@dataclass(frozen=True)
class Protocol:
    """An official split of a dataset into training and test samples.

    Attributes:
        column: the fact of a sample that decides: `subject`, `camera` or `setup`.
        train: the values of that fact whose samples are for training; all others are for testing.
        counts: how many (training, test) samples the papers count; None where they do not say.
    """

    column: str
    train: tuple[int, ...]
    counts: tuple[int, int] | None = None


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset.

    Attributes:
        name: the dataset's name, which is also its module's.
        skeleton: the body model.
        labels: the class names; a class's id is its place here.
        persons: the largest number of persons in a sample.
        protocols: name → the official split of that name.
        texts: the file of class descriptions: its path, or its name in `gapjax/prompts/texts`
            without the ending; several names, and after them a path, are joined by `+`. Empty where
            the classes are not described.
        obtain: how to get the raw files, in one line.
        zero_shot: name → the unseen classes of the zero-shot split of that name.
        coordinates: numbers a joint has, a confidence included: 3 for x, y, z.
        builtin: whether the project makes the samples itself, so that nothing need be obtained.
        confidence: whether the last of the numbers is no coordinate, but how sure the others are.
        format: the module of `data_pipelines.formats` that reads the raw files; empty for a dataset
            with a module of its own.
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

    @property
    def space(self) -> int:
        """Return the number of dimensions that joints lie in."""
        return self.coordinates - self.confidence


def said_sizes(split: str) -> tuple[int, int] | None:
    """Return how many seen and unseen classes the name of a zero-shot split says there are.

    >>> said_sizes("48_12"), said_sizes("20_4_simple"), said_sizes("table5_1")
    ((48, 12), (20, 4), None)
    """
    said = re.match(r"(\d+)_(\d+)", split)
    return (int(said[1]), int(said[2])) if said else None


@dataclass(frozen=True)
class RawDataset:
    """What raw files hold.

    Attributes:
        spec: the dataset's metadata.
        items: what can be read by itself, in order.
        texts: a file of class descriptions that lies with them, in YAML; None for none.
    """

    spec: DatasetSpec
    items: Sequence[Any]
    texts: bytes | None = None
