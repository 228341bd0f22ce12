"""A run of which only shapes are known: neither its data nor its devices need be here.

`gapjax.compile` compiles it. What is asked of the data is how many samples there are, how long the
longest is, and how many frames all have together: taken from the dataset where it is converted,
else the number of samples is what the papers count and the others are given.
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
from gapjax.experiment.build import Sources, connect, open_devices
from gapjax.experiment.data import Dataset, find_dataset, open_dataset, pose, resident_feed
from gapjax.experiment.model import build_backbone, clip_shape
from gapjax.experiment.plan import Plan
from gapjax.inputs.feed import Feed, StreamFeed
from gapjax.parallel.sharding import Layout, ShapeLayout
from gapjax.training import evaluation, loop
from gapjax.training.frozen_encoder import Encoder
from gapjax.training.run import Run

# (training, test) samples of a protocol that does not say how many it has.
UNCOUNTED = (15000, 5000)

# More than a fifth of them can be held out.
_SUBJECTS = 10


@dataclass(frozen=True)
class Size:
    """How long samples are, for datasets that are not converted.

    Attributes:
        longest: frames of the longest sample.
        mean: frames of a sample on average, those of all its bodies together.
    """

    longest: int = 300
    mean: int = 100


def build(plan: Plan, layout: Layout, size: Size) -> Run:
    """Return the run of one stage, which can be compiled, but not trained.

    Args:
        plan: the plan of the stage.
        layout: gives shapes their shardings (`gapjax.parallel.sharding.ShapeLayout`).
        size: of the dataset, if it is not converted.

    Raises:
        UserError: a value makes no sense.
    """
    layout.check_batch_size(plan.train.batch_size)
    dataset = describe_dataset(plan, size)
    sources = Sources(
        feed=functools.partial(_feed, plan, dataset, layout),
        encoder=functools.partial(_encoder, plan, dataset),
        features=functools.partial(_features, plan, dataset),
    )
    return connect(plan, dataset, layout, sources, evaluation.summary)


def check_split(plan: Plan) -> None:
    """Refuse partition rules that a stage's parameters cannot follow, before its encoder is there.

    Raises:
        UserError: a rule matches no parameter, or one that cannot be split so.
    """
    layout = open_devices(plan)
    loop.state_shapes(build(plan, ShapeLayout(layout.mesh, layout.rules), Size()))


def describe_dataset(plan: Plan, size: Size) -> Dataset:
    """Return a plan's dataset, with samples of the given size where it is not converted."""
    directory, spec = find_dataset(plan)
    if (directory / FILE).exists():
        return open_dataset(plan)
    index = _index(spec, spec.protocols[plan.data.protocol], size)
    return pose(plan, spec, index, directory)


def stored_frames(index: Index) -> int:
    """Return how many frames all bodies of all samples have."""
    return int((index.frames.astype(np.int64) * index.bodies).sum())


def _index(spec: DatasetSpec, protocol: Protocol, size: Size) -> Index:
    """Return metadata of samples that a protocol splits as it does the real ones."""
    train, test = protocol.counts or UNCOUNTED
    count = train + test
    row, zeros = np.arange(count), np.zeros(count, np.int32)
    columns = dict.fromkeys(("camera", "setup"), zeros)
    columns["subject"] = (row % _SUBJECTS).astype(np.int32)
    others = max(protocol.train) + 1
    side = np.where(row < train, np.resize(protocol.train, count), others)
    columns[protocol.column] = side.astype(np.int32)
    frames = np.full(count, size.mean, np.int32)
    frames[0] = size.longest
    return Index(
        name=row.astype(str),
        label=(row % len(spec.labels)).astype(np.int32),
        frames=frames,
        bodies=np.ones(count, np.int32),
        shard=np.full(count, ""),
        offset=np.zeros(count, np.int64),
        bytes=np.zeros(count, np.int64),
        **columns,
    )


def _zeros(*shape: int) -> Float[np.ndarray, "..."]:
    """Return zeros of any size that take up no memory."""
    return np.broadcast_to(np.float32(0), shape)


def _feed(plan: Plan, dataset: Dataset, layout: Layout) -> Feed:
    """Return the feed of a plan, without its frames."""
    spec, index = dataset.spec, dataset.index
    joint = (spec.skeleton.num_joints, spec.coordinates)
    if plan.data.feed == "resident":
        return resident_feed(_zeros(stored_frames(index), *joint), plan, dataset, layout)
    sample = (spec.persons, int(index.frames.max()), *joint)
    return StreamFeed(functools.partial(_read, sample), index.label, layout)


def _read(
    sample: tuple[int, ...], rows: Int[np.ndarray, "n b"]
) -> Iterator[tuple[Float[np.ndarray, "b m t v c"], Int[np.ndarray, " b"]]]:
    """Yield batches of samples of one shape."""
    for batch in rows:
        yield _zeros(len(batch), *sample), np.full(len(batch), sample[1])


def _encoder(plan: Plan, dataset: Dataset) -> Encoder:
    """Return the frozen encoder of a plan, with zeros for weights."""
    backbone = build_backbone(plan, dataset.spec.skeleton)
    initialize = functools.partial(backbone.init, train=False)
    shapes = jax.eval_shape(initialize, jax.random.key(0), _clips(plan, dataset))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return Encoder(backbone, zeros, plan.encoder.person_merge)


def _features(
    plan: Plan, dataset: Dataset, encoder: Encoder
) -> tuple[Float[np.ndarray, "n t v d"], Int[np.ndarray, " n"]]:
    """Return the features of every view of every sample, without their values."""
    clips = _clips(plan, dataset)
    shape = jax.eval_shape(encoder.encode, encoder.variables, clips).shape
    items = np.arange(len(dataset.index) * plan.views)
    return _zeros(len(items), *shape[1:]), items


def _clips(plan: Plan, dataset: Dataset) -> jax.ShapeDtypeStruct:
    """Return the shape of one clip."""
    return jax.ShapeDtypeStruct((1, *clip_shape(plan, dataset)), jnp.float32)
