"""Features of a frozen encoder, computed once and kept on disk.

A file holds the features of the samples of one run; its name is a digest of the encoder, the clips,
the samples and the code that computes features of them. A sample's first view is the clip that is
evaluated; further ones, for training, are random clips, the same in every run.
"""

import collections
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tqdm
from jaxtyping import Array, Float, Int, Key

from data_pipelines.readers.order import eval_batches
from data_pipelines.storage import npy
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax import registry
from gapjax.inputs.feed import Batch, Feed, StreamFeed, first_step
from gapjax.inputs.present import known
from gapjax.methods import Variables
from gapjax.parallel import agreement, preemption
from gapjax.parallel.sharding import Layout
from gapjax.training.frozen_encoder import Encoder
from gapjax.training.run import Inputs
from gapjax.training.step import EvalInput, TrainInput, sample_keys
from gapjax.workdir.log import has_bar

# What computes features.
_CODE = (
    *("gapjax.backbones", "gapjax.inputs", "gapjax.nn"),
    *("gapjax.training.step", "gapjax.training.frozen_encoder", __name__),
)
_NO_ROOM = "choose a --workdir on another disk, or encoder.features=fresh"


@dataclass(frozen=True)
class Source:
    """All that features depend on.

    Attributes:
        encoder: the frozen encoder.
        train_input: makes a random clip of frames.
        eval_input: makes the evaluated clip of frames.
        recipe: a description of both, for the digest.
        index_digest: of the metadata of the dataset's samples.
        contents_digest: of their coordinates (`data_pipelines.storage.contents`).
        seed: the seed of random clips.
        layout: where they are computed.
        views: how many clips a training sample has; the first is the evaluated one.
    """

    encoder: Encoder
    train_input: TrainInput
    eval_input: EvalInput
    recipe: str
    index_digest: str
    contents_digest: str
    seed: int
    layout: Layout
    views: int = 1

    def clips(self, batch: Batch, view: Int[Array, ""]) -> Float[Array, "b m t v c"]:
        """Return a view of a batch: the evaluated clips for 0, else random ones."""
        keys = sample_keys(jax.random.key(self.seed), batch.epoch + view, batch.item)
        return jax.lax.cond(
            view == 0,
            lambda: self.eval_input(batch.frames, batch.length),
            lambda: self.train_input(batch.frames, batch.length, keys),
        )

    def digest(self, items: Int[np.ndarray, " n"]) -> str:
        """Return the digest that names a file of features of these items."""
        data = (self.index_digest, self.contents_digest)
        facts = (self.recipe, *data, self.encoder.person_merge, self.views)
        facts += (registry.code_digest(*_CODE),)
        seed = self.seed if self.views > 1 else None
        source = fingerprint(self.encoder.variables, *facts, seed)
        return hashlib.sha256(source.encode() + items.tobytes()).hexdigest()[:32]


def fingerprint(params: Any, *facts: Any) -> str:
    """Return a digest of parameters and other values."""
    digest = hashlib.sha256(repr(facts).encode())
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        digest.update(f"{jax.tree_util.keystr(path)} {leaf.shape} {leaf.dtype}".encode())
        digest.update(np.ascontiguousarray(leaf))
    return digest.hexdigest()


def items_of(
    train: Int[np.ndarray, " n"], tested: Int[np.ndarray, " n2"], samples: int, views: int
) -> Int[np.ndarray, " n3"]:
    """Return the items to encode, ascending: all views of training samples, the first of others.

    Args:
        train: rows of training samples.
        tested: rows of samples that are evaluated.
        samples: how many samples the index has; item = view * samples + row.
        views: how many views a training sample has.
    """
    random_views = [train.astype(np.int64) + view * samples for view in range(1, views)]
    return np.unique(np.concatenate([train, tested, *random_views]).astype(np.int64))


def prepare(
    source: Source,
    items: Int[np.ndarray, " n"],
    open_feed: Callable[[], Feed],
    samples: int,
    batch: int,
    folder: Path,
) -> Float[np.ndarray, "n t v d"]:
    """Return the features of items, in their order, as a memory-mapped array.

    They are computed unless an earlier run left them in `folder`, which all hosts share. The file
    is written atomically.

    Args:
        source: all that they depend on.
        items: `items_of`.
        open_feed: opens the feed of frames; not called if the file exists and is whole.
        samples: how many samples the index has.
        batch: items of one call of the encoder.
        folder: the folder of such files.

    Raises:
        Preempted: this process received a signal.
        UserError: the features do not fit on the disk.
    """
    path = folder / f"{source.digest(items)}.npy"
    if not agreement.on_first_host(npy.load(path, mapped=True) is not None):
        batches = _encode_all(source, items, open_feed(), samples, batch)
        if jax.process_index() == 0:
            _write(path, batches, len(items))
        # All hosts compute, and the first one writes.
        collections.deque(batches, maxlen=0)
        agreement.wait(f"features {path.name}")
    return np.load(path, mmap_mode="r")


def _write(path: Path, batches: Iterable[Float[np.ndarray, "b t v d"]], count: int) -> None:
    """Write `count` features, which arrive in batches, atomically."""
    with writing(path.parent), replacing_file(path, single_writer=True) as file:
        npy.write(file, count, _shown(batches, count), _NO_ROOM)


def _shown(
    batches: Iterable[Float[np.ndarray, "b t v d"]], count: int
) -> Iterator[Float[np.ndarray, "b t v d"]]:
    if not has_bar():
        print(f"computing the features of {count:,} clips, once", flush=True)
    with tqdm.tqdm(total=count, unit="clip", desc="features", disable=not has_bar()) as bar:
        for features in batches:
            yield features
            bar.update(len(features))


def _encode_all(
    source: Source, items: Int[np.ndarray, " n"], feed: Feed, samples: int, batch: int
) -> Iterator[Float[np.ndarray, "b t v d"]]:
    """Yield the features of the items batch by batch, view after view: in the items' order."""
    encode = jax.jit(
        functools.partial(_encode_batch, source, feed), out_shardings=source.layout.replicated
    )
    variables = source.layout.replicate(source.encoder.variables)
    for view in range(source.views):
        rows = items[items // samples == view] % samples
        batches, weight = eval_batches(rows, batch) if len(rows) else ([], [])
        requests = feed.requests(batches, 0, [1] * len(batches))
        for request, kept in zip(requests, weight, strict=True):
            preemption.check()
            features = encode(variables, feed.store, request, view)
            yield np.asarray(features)[: int(kept.sum())]


def _encode_batch(
    source: Source,
    feed: Feed,
    variables: Variables,
    store: Any,
    request: Any,
    view: Int[Array, ""],
) -> Float[Array, "b t v d"]:
    batch = feed.load(store, first_step(request))
    with known(request):
        return source.encoder.encode(variables, source.clips(batch, view))


def feature_inputs(
    features: Float[np.ndarray, "n t v d"],
    items: Int[np.ndarray, " n"],
    label: Int[np.ndarray, " n2"],
    views: int,
    layout: Layout,
) -> Inputs:
    """Return the inputs of a method that learns from features, read from disk while training.

    Args:
        features: the features of `items`, in their order.
        items: `items_of`.
        label: the class of every sample of the index.
        views: how many views a training sample has: occurrence r of an epoch shows view r % views.
        layout: the placement of batches.
    """
    read = functools.partial(_read, features, items)
    feed = StreamFeed(read, np.tile(label, views), layout)
    return Inputs(feed, unchanged, unchanged, features.shape[1:])


def _read(
    features: Float[np.ndarray, "n t v d"],
    items: Int[np.ndarray, " n"],
    batches: Int[np.ndarray, "n2 b"],
) -> Iterator[tuple[Float[np.ndarray, "b t v d"], Int[np.ndarray, " b"]]]:
    """Yield the features of each batch of items, and their numbers of frames."""
    for batch in batches:
        yield features[np.searchsorted(items, batch)], np.full(len(batch), features.shape[1])


def unchanged(
    features: Float[Array, "b t v d"],
    length: Int[Array, " b"],
    keys: Key[Array, " b"] | None = None,
) -> Float[Array, "b t v d"]:
    """Return features as they are, as the input of a method that learns from them."""
    del length, keys
    return features
