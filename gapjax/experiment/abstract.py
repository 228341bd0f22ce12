"""A run of shapes, for `gapjax.compile`: neither its data nor its devices need be here.

The number of samples and their lengths are those of the converted dataset, or else the number that
the papers count and the lengths that the user gives.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.storage.index import FILE, Index
from gapjax.experiment import initial_weights, platform
from gapjax.experiment.build import Sources, connect, open_devices
from gapjax.experiment.data import Dataset, find_dataset, open_dataset, pose
from gapjax.experiment.feeds import resident_feed
from gapjax.experiment.model import build_backbone, clip_shape
from gapjax.experiment.plan import Plan
from gapjax.inputs.feed import Feed, StreamFeed
from gapjax.parallel.sharding import Layout, ShapeLayout
from gapjax.training import evaluation, loop
from gapjax.training.frozen_encoder import Encoder
from gapjax.training.run import Run

# (training, test) samples of a protocol whose counts are unknown.
UNCOUNTED = (15000, 5000)
# Enough to hold some of them out for validation.
_SUBJECTS = 10


@dataclass(frozen=True)
class Size:
    """The lengths of samples of a dataset that is not converted.

    Attributes:
        longest: frames of the longest sample.
        mean: mean frames of a sample, those of all its bodies together.
        bodies: mean persons of a sample; 0 for as many as a clip has room for.
    """

    longest: int = 300
    mean: int = 100
    bodies: float = 0.0


def build(plan: Plan, layout: Layout, size: Size) -> Run:
    """Return the run of one stage, which can be compiled, but not trained.

    Args:
        plan: the plan of the stage.
        layout: gives shapes their shardings (`gapjax.parallel.sharding.ShapeLayout`).
        size: of the samples, if the dataset is not converted.

    Raises:
        UserError: a value is invalid.
    """
    plan = platform.settle(plan, layout.platform)
    layout.check_batch_size(plan.train.batch_size)
    dataset = describe_dataset(plan, size)
    sources = Sources(
        feed=functools.partial(_feed, plan, dataset, layout),
        encoder=functools.partial(_encoder, plan, dataset),
        features=functools.partial(_features, plan, dataset),
    )
    return connect(plan, dataset, layout, sources, evaluation.summary)


def check_state(plan: Plan) -> None:
    """Refuse what would stop a run as its state is created, without creating it.

    Raises:
        UserError: a partition rule matches no parameter, or one that it cannot split; or the
            weights of `train.init_from` do not fit.
    """
    layout = open_devices(plan)
    run = build(plan, ShapeLayout(layout.mesh, layout.rules), Size())
    state = loop.state_shapes(run)
    if plan.train.init_from:
        initial_weights.adoption(plan, describe_dataset(plan, Size()), state)


def describe_dataset(plan: Plan, size: Size) -> Dataset:
    """Return a plan's dataset, with samples of the given size where it is not converted."""
    directory, spec = find_dataset(plan)
    if (directory / FILE).exists():
        return open_dataset(plan)
    index = _index(spec, spec.protocols[plan.data.protocol], size)
    return pose(plan, spec, index, directory)


def stored_frames(index: Index) -> int:
    """Return the frames of all bodies of all samples."""
    return int((index.frames.astype(np.int64) * index.bodies).sum())


def _index(spec: DatasetSpec, protocol: Protocol, size: Size) -> Index:
    """Return an index that a protocol splits into as many samples as the real one."""
    train, test = protocol.counts or UNCOUNTED
    count = train + test
    row, zeros = np.arange(count), np.zeros(count, np.int32)
    columns = dict.fromkeys(("camera", "setup"), zeros)
    columns["subject"] = (row % _SUBJECTS).astype(np.int32)
    tested = protocol.test[0] if protocol.test else max(protocol.train) + 1
    split = np.where(row < train, np.resize(protocol.train, count), tested)
    columns[protocol.column] = split.astype(np.int32)
    more = (size.bodies or spec.persons) - 1
    bodies = np.clip(1 + np.diff((np.arange(count + 1) * more).astype(int)), 1, spec.persons)
    frames = np.maximum(size.mean // bodies, 1).astype(np.int32)
    frames[0] = size.longest
    return Index(
        name=row.astype(str),
        label=(row % len(spec.labels)).astype(np.int32),
        frames=frames,
        bodies=bodies.astype(np.int32),
        shard=np.full(count, ""),
        offset=np.zeros(count, np.int64),
        bytes=np.zeros(count, np.int64),
        **columns,
    )


def _zeros(*shape: int) -> Float[np.ndarray, "..."]:
    """Return zeros that take up no memory."""
    return np.broadcast_to(np.float32(0), shape)


def _feed(plan: Plan, dataset: Dataset, layout: Layout) -> Feed:
    spec, index = dataset.spec, dataset.index
    joint = (spec.skeleton.num_joints, spec.coordinates)
    if plan.data.feed == "resident":
        return resident_feed(_zeros(stored_frames(index), *joint), plan, dataset, layout)
    sample = (spec.persons, int(index.frames.max()), *joint)
    return StreamFeed(functools.partial(_read, sample), index.label, layout)


def _read(
    sample: tuple[int, ...], rows: Int[np.ndarray, "n b"]
) -> Iterator[tuple[Float[np.ndarray, "b m t v c"], Int[np.ndarray, " b"]]]:
    for batch in rows:
        yield _zeros(len(batch), *sample), np.full(len(batch), sample[1])


def _encoder(plan: Plan, dataset: Dataset) -> Encoder:
    """Return the frozen skeleton encoder, with zeros for weights."""
    backbone = build_backbone(plan, dataset.spec.skeleton)
    initialize = functools.partial(backbone.init, train=False)
    shapes = jax.eval_shape(initialize, jax.random.key(0), _clips(plan, dataset))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return Encoder(backbone, zeros, plan.encoder.person_merge)


def _features(
    plan: Plan, dataset: Dataset, encoder: Encoder
) -> tuple[Float[np.ndarray, "n t v d"], Int[np.ndarray, " n"]]:
    """Return zeros for the features of every view of every sample, and their items."""
    clips = _clips(plan, dataset)
    shape = jax.eval_shape(encoder.encode, encoder.variables, clips).shape
    items = np.arange(len(dataset.index) * plan.views)
    return _zeros(len(items), *shape[1:]), items


def _clips(plan: Plan, dataset: Dataset) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, *clip_shape(plan, dataset)), jnp.float32)
