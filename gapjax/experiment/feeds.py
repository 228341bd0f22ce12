"""The feed of a plan: where the frames of a step come from."""

import functools
import math

import numpy as np
from jaxtyping import Float

from data_pipelines.readers.order import TrainOrder
from data_pipelines.readers.stream import stream
from data_pipelines.storage.packed import open_pack
from gapjax.experiment.data import Dataset
from gapjax.experiment.plan import Plan
from gapjax.inputs.feed import Feed, ResidentFeed, Store, StreamFeed
from gapjax.inputs.present import CountingFeed
from gapjax.parallel.sharding import Layout

# Steps from which on a second size of them (`gapjax.inputs.present`) is worth its compilation.
LONG_TRAINING = 2000


def count_bodies(
    plan: Plan, dataset: Dataset, layout: Layout, feed: Feed, order: TrainOrder | None = None
) -> Feed:
    """Return a feed of raw frames that says who is present, if that spares a plan absent persons.

    Args:
        plan: the plan.
        dataset: its dataset.
        layout: its devices.
        feed: the feed.
        order: the samples of training, if it trains.
    """
    copied = plan.clips["absent_person"] == "copy"
    if plan.train.absent_persons == "each" or copied or dataset.spec.persons == 1:
        return feed
    return CountingFeed(
        feed,
        bodies=dataset.index.bodies,
        persons=dataset.spec.persons,
        shares=math.lcm(layout.mesh.shape["data"], plan.train.replicas),
        order=order,
        epochs=plan.train.epochs,
        one_size=plan.train.steps_per_dispatch > 1 or _is_short(plan, order),
    )


def _is_short(plan: Plan, order: TrainOrder | None) -> bool:
    """Return whether a second program takes longer to compile than it saves in a training."""
    return order is not None and order.steps_per_epoch * plan.train.epochs < LONG_TRAINING


def open_feed(plan: Plan, dataset: Dataset, layout: Layout) -> Feed:
    """Return the feed of a plan; for a resident one, pack the dataset if that is not done yet."""
    if plan.data.feed == "resident":
        pack = open_pack(dataset.directory, dataset.stored)
        return resident_feed(pack.frames, plan, dataset, layout)
    index = dataset.index
    shape = {"frames": int(index.frames.max()), "persons": dataset.spec.persons}
    read = functools.partial(stream, dataset.directory, index, **shape)
    return StreamFeed(read, index.label, layout)


def resident_feed(
    frames: Float[np.ndarray, "f v c"], plan: Plan, dataset: Dataset, layout: Layout
) -> ResidentFeed:
    """Put the frames of a pack (`data_pipelines.storage.packed.Pack`) on the devices."""
    index, persons = dataset.index, dataset.spec.persons
    stored = index.frames.astype(np.int64) * index.bodies
    samples = {
        "start": (np.cumsum(stored) - stored).astype(np.int32),
        "length": index.frames.astype(np.int32),
        "persons": index.bodies.astype(np.int32),
        "label": index.label.astype(np.int32),
    }
    rows = np.asarray(frames, np.float32).reshape(len(frames), -1)
    put = layout.put_rows if plan.data.resident == "sharded" else layout.replicate
    store = Store(frames=layout.row_major(put(rows)), **layout.replicate(samples))
    longest, joints = int(index.frames.max()), frames.shape[1]
    return ResidentFeed(store, layout, persons, longest, joints)
