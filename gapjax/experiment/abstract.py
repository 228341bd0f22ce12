"""A run of which only shapes are known: neither its data nor its devices need be here.

`gapjax.compile` compiles it. What is asked of the data is how many samples there are, how long the
longest is, and how many frames all have together: taken from the dataset where it is converted,
else the number of samples is what the papers count and the others are given.
"""

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.storage.index import FILE, Index
from gapjax.experiment import plan
from gapjax.experiment.data import FEEDS, FRAMES, Dataset, named, open_dataset, pose, resident
from gapjax.experiment.model import build_backbone
from gapjax.experiment.schema import check_keys
from gapjax.experiment.stages import needs_encoder
from gapjax.inputs.feed import Feed, StreamFeed
from gapjax.parallel.sharding import Layout, ShapeLayout
from gapjax.registry import chosen
from gapjax.training import feature_cache, loop
from gapjax.training.frozen_encoder import Encoded, Encoder
from gapjax.training.run import Run

# (training, test) samples of a protocol of which nobody says how many it has.
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


def build(config: ConfigDict, layout: Layout, size: Size) -> Run:
    """Return the run of one stage, which cannot be carried out, but compiled.

    Args:
        config: the config of the stage.
        layout: gives shapes their places (`gapjax.parallel.sharding.ShapeLayout`).
        size: of the dataset, if it is not converted.

    Raises:
        UserError: the config has an unknown key, or a value that makes no sense.
    """
    check_keys(config)
    layout.check(config.train.batch_size)
    plan.check_replicas(config)
    dataset = describe_dataset(config, size)
    run = plan.on_clips(config, dataset, layout, _feed(config, dataset, layout))
    return _on_features(run, config, dataset) if needs_encoder(config) else run


def check_split(config: ConfigDict) -> None:
    """Refuse rules of a stage that its parameters cannot follow, before its encoder is there.

    Raises:
        UserError: a rule matches no parameter, or one that cannot be split so.
    """
    layout = plan.open_devices(config)
    loop.state_shapes(build(config, ShapeLayout(layout.mesh, layout.rules), Size()))


def describe_dataset(config: ConfigDict, size: Size) -> Dataset:
    """Return a config's dataset, with samples of the given size where it is not converted."""
    directory, spec = named(config)
    if (directory / FILE).exists():
        return open_dataset(config)
    index = _index(spec, spec.protocols[config.data.protocol], size)
    return pose(config, spec, index, directory)


def stored_frames(index: Index) -> int:
    """Return how many frames all bodies of all samples have."""
    return int((index.frames.astype(np.int64) * index.bodies).sum())


def _index(spec: DatasetSpec, protocol: Protocol, size: Size) -> Index:
    """Return facts of samples that a protocol splits as it does the real ones."""
    loop, test = protocol.counts or UNCOUNTED
    count = loop + test
    row, none = np.arange(count), np.zeros(count, np.int32)
    facts = dict.fromkeys(("camera", "setup"), none)
    facts["subject"] = (row % _SUBJECTS).astype(np.int32)
    others = max(protocol.train) + 1
    side = np.where(row < loop, np.resize(protocol.train, count), others)
    facts[protocol.column] = side.astype(np.int32)
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
        **facts,
    )


def _zeros(*shape: int) -> Float[np.ndarray, "..."]:
    """Return zeros of any size that take up no memory."""
    return np.broadcast_to(np.float32(0), shape)


def _feed(config: ConfigDict, dataset: Dataset, layout: Layout) -> Feed:
    """Return the feed of a config, without its frames."""
    spec, index = dataset.spec, dataset.index
    joint = (spec.skeleton.num_joints, spec.coordinates)
    if chosen("data.feed", config.data.feed, FEEDS) == "resident":
        chosen("data.resident", config.data.resident, FRAMES)
        return resident(_zeros(stored_frames(index), *joint), dataset, config, layout)
    sample = (spec.persons, int(index.frames.max()), *joint)
    return StreamFeed(functools.partial(_read, sample), index.label, layout)


def _read(
    sample: tuple[int, ...], rows: Int[np.ndarray, "n b"]
) -> Iterator[tuple[Float[np.ndarray, "b m t v c"], Int[np.ndarray, " b"]]]:
    """Yield batches of samples of one shape."""
    for batch in rows:
        yield _zeros(len(batch), *sample), np.full(len(batch), sample[1])


def _on_features(run: Run, config: ConfigDict, dataset: Dataset) -> Run:
    """Return a run of clips with a frozen encoder, of unknown weights, before its method."""
    encoder = _encoder(run, config, dataset)
    if not plan.cached(config):
        method = Encoded(run.method, encoder, config.encoder.norm)
        return dataclasses.replace(run, method=method)
    clips = jax.ShapeDtypeStruct((1, *run.clip_shape), jnp.float32)
    shape = jax.eval_shape(encoder.encode, encoder.variables, clips).shape
    views = config.encoder.views
    items = np.arange(len(dataset.index) * views)
    return feature_cache.replace_clips(run, _zeros(len(items), *shape[1:]), items, views)


def _encoder(run: Run, config: ConfigDict, dataset: Dataset) -> Encoder:
    """Return the frozen encoder of a config, with zeros for weights."""
    backbone: Any = build_backbone(config, dataset.spec.skeleton)
    make = functools.partial(backbone.init, train=False)
    clips = jax.ShapeDtypeStruct((1, *run.clip_shape), jnp.float32)
    shapes = jax.eval_shape(make, jax.random.key(0), clips)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return Encoder(backbone, zeros, config.encoder.person_merge)
