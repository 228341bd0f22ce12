"""A dataset of eleven tiny samples of one or two persons, for the tests of `data_pipelines`."""

import os
import pathlib
import time
from collections.abc import Iterator, Sequence

import numpy as np

from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import Record
from data_pipelines.specs.skeletons import Skeleton

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


def items(raw: pathlib.Path | None) -> Sequence[int]:
    """Return the samples' numbers."""
    del raw
    return range(len(FRAMES))


def read(item: int) -> Iterator[Record]:
    """Yield a sample, slowly where a test asks for it."""
    time.sleep(float(os.environ.get("TINY_SECONDS", "0")))
    skeleton = np.random.default_rng(item).normal(size=(FRAMES[item], BODIES[item], 4, 3))
    skeleton[:, 1:] /= 2  # The first person moves most.
    facts = item % 3, 1 + item % 5, 1 + item % 2, item // 6, f"sample, {item}"
    yield Record(skeleton.astype(np.float32), *facts)
