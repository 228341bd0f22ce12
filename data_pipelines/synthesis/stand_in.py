"""A small dataset in the place of one that is not here: same body, classes, protocols and splits.

It checks the plumbing and nothing else: each class is a swing of its own of the joints about a
pose. Every class has training samples of some subjects, and a test sample, by every protocol at
once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import DataError
from data_pipelines.specs.dataset import DatasetSpec, RawDataset
from data_pipelines.specs.record import Record

# Training samples of a class: two subjects, and more if there are few classes, to fill a batch.
_TRAIN, _FEW = 2, 40
_FRAMES = 16


@dataclass(frozen=True)
class Item:
    """What a sample is made from.

    Attributes:
        shape: persons, joints and coordinates.
        confidence: whether the last coordinate is a confidence.
        label: the class.
        take: the sample's number in its class, from 0; the last one is for testing.
        columns: the index columns and their values.
    """

    shape: tuple[int, int, int]
    confidence: bool
    label: int
    take: int
    columns: tuple[tuple[str, int], ...]


def opened(spec: DatasetSpec) -> RawDataset:
    """Return the stand-in for a dataset; DataError if one sample cannot train in all protocols."""
    count = max(_TRAIN, _FEW // len(spec.labels))
    takes = [_columns(spec, take, take < count) for take in range(count + 1)]
    items = [
        Item(
            (1 + (take + label) % spec.persons, spec.skeleton.num_joints, spec.coordinates),
            spec.confidence,
            label,
            take,
            tuple(columns.items()),
        )
        for label in range(len(spec.labels))
        for take, columns in enumerate(takes)
    ]
    return RawDataset(spec, items)


def _columns(spec: DatasetSpec, take: int, trains: bool) -> dict[str, int]:
    """Return the index columns of a take that all protocols train on, or test on."""
    columns = {"subject": 1 + take, "camera": 1, "setup": 1}
    for column in columns:
        train = [set(p.train) for p in spec.protocols.values() if p.column == column]
        if not train:
            continue
        common = sorted(set.intersection(*train))
        if not common:
            raise DataError(f"{spec.name}: no sample trains in all of its protocols")
        tested = max(set.union(*train)) + 1
        columns[column] = common[take % len(common)] if trains else tested
    return columns


def read(item: Item) -> Iterator[Record]:
    """Yield the sample of an item."""
    name = f"class{item.label:03d}_{item.take}"
    yield Record(_motion(item), label=item.label, name=name, **dict(item.columns))


def _motion(item: Item) -> Float[np.ndarray, "t m v c"]:
    """Return a pose whose joints swing as the class has it, with some noise."""
    persons, joints, coordinates = item.shape
    of_class = np.random.default_rng(item.label)
    of_sample = np.random.default_rng((item.label, item.take))
    time = np.linspace(0, 2 * np.pi, _FRAMES + of_sample.integers(8))[:, None, None, None]
    pose = np.random.default_rng(0).normal(size=(1, persons, joints, coordinates))
    reach = of_class.normal(scale=0.3, size=pose.shape)
    noise = of_sample.normal(scale=0.02, size=(len(time), *pose.shape[1:]))
    motion = pose + reach * np.sin(time * of_class.integers(1, 4)) + noise
    if item.confidence:
        motion[..., -1] = 1.0
    return motion.astype(np.float32)
