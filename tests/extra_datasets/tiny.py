"""A dataset of eleven tiny samples of one or two persons, for the tests of `data_pipelines`."""

import pathlib
from collections.abc import Iterator

import numpy as np

from data_pipelines.raw.record import Record
from data_pipelines.skeletons import Skeleton
from data_pipelines.spec import DatasetSpec, Protocol

SPEC = DatasetSpec(
    name="tiny",
    skeleton=Skeleton(
        name="stick4",
        joints=("hip", "neck", "hand", "foot"),
        bones=((1, 0), (2, 1), (3, 0)),
        root=0,
        center=0,
        shoulders=(1, 2),
        partitions={},
    ),
    labels=("wave", "hug", "stand"),
    persons=2,
    protocols={
        "xsub": Protocol(column="subject", train=(1, 2, 3), counts=(7, 4)),
        "xview": Protocol(column="camera", train=(2,), counts=(5, 6)),
    },
    texts="tiny",
    obtain="it is made here",
    builtin=True,
)

FRAMES = (5, 1, 9, 3, 7, 2, 8, 4, 6, 1, 9)
BODIES = (1, 2, 1, 1, 2, 2, 1, 1, 2, 1, 1)


def records(raw: pathlib.Path | None) -> Iterator[Record]:
    """Yield the samples."""
    del raw
    rng = np.random.default_rng(0)
    for number, (frames, bodies) in enumerate(zip(FRAMES, BODIES, strict=True)):
        skeleton = rng.normal(size=(frames, bodies, 4, 3)).astype(np.float32)
        name = f"sample, {number}"
        yield Record(skeleton, number % 3, 1 + number % 5, 1 + number % 2, number // 6, name)
