"""The data of a config: its converted dataset, the problem posed on it, and the feed of batches."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from data_pipelines.errors import UserError
from data_pipelines.readers.order import TrainOrder
from data_pipelines.readers.stream import stream
from data_pipelines.readers.subjects import hold_out_subjects
from data_pipelines.specs import catalog
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.storage import index as indexing
from data_pipelines.storage.digests import DIGITS, protocol_digest, split_digest
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import open_pack
from gapjax.experiment.stages import needs_encoder
from gapjax.inputs.feed import Feed, ResidentFeed, Store, StreamFeed
from gapjax.parallel.sharding import Layout
from gapjax.registry import chosen
from gapjax.zero_shot import splits
from gapjax.zero_shot.splits import Problem


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset with the problem that a run poses on it.

    Attributes:
        spec: the dataset's facts.
        index: the facts of its samples; labels are indices into `problem.classes`.
        digest: of the index as it lies on disk.
        problem: which samples and classes are learnt from, and which tested.
        whole: the problem that a fold is of; otherwise the same.
        directory: where it lies.
    """

    spec: DatasetSpec
    index: Index
    digest: str
    problem: Problem
    whole: Problem
    directory: Path

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the problem's classes."""
        return tuple(self.spec.labels[each] for each in self.problem.classes)

    @property
    def seen_labels(self) -> tuple[str, ...]:
        """Return the names of the classes that are learnt from."""
        return tuple(self.spec.labels[each] for each in self.problem.seen)


def open_dataset(config: ConfigDict) -> Dataset:
    """Return the dataset of a config.

    Raises:
        UserError: there is no such dataset, protocol or split.
        DataError: it is not converted yet, or damaged.
    """
    directory, spec = named(config)
    if not directory.exists():
        raise UserError(
            f"{directory}: this data set is not here. To get it: {spec.obtain}. Then run "
            f"`{catalog.conversion(directory)}`. The built-in data set needs no files: `make demo` "
            "converts it and trains on it"
        )
    return pose(config, spec, Index.load(directory), directory)


def named(config: ConfigDict) -> tuple[Path, DatasetSpec]:
    """Return where the dataset that a config names should lie, and its facts.

    Raises:
        UserError: there is no such dataset or protocol.
    """
    folder = Path(config.data.dir)
    directory = folder / chosen("data.dataset", config.data.dataset, catalog.names(folder))
    spec = catalog.spec_of(directory)
    chosen("data.protocol", config.data.protocol, spec.protocols)
    return directory, spec


def pose(config: ConfigDict, spec: DatasetSpec, index: Index, directory: Path) -> Dataset:
    """Return a dataset with the problem that a config poses on it.

    Raises:
        UserError: there is no such split, or nothing to test on.
    """
    train, test = indexing.select(index, spec.protocols[config.data.protocol])
    evaluations = {"test": test}
    if config.data.validation_subjects:
        count, seed = config.data.validation_subjects, config.seed
        train, evaluations["validation"] = hold_out_subjects(index, train, count, seed)
    whole = splits.supervised(spec, train, evaluations)
    if config.data.zero_shot:
        unseen = splits.unseen_classes(spec, config.data.zero_shot)
        whole = splits.zero_shot(whole, index, unseen)
    posed = splits.fold(whole, index, config.data.fold) if config.data.fold else whole
    if not needs_encoder(config):
        posed = splits.seen_only(posed, index)
    for name, rows in posed.evaluations.items():
        if not len(rows):
            told = f"data.protocol={config.data.protocol!r}"
            raise UserError(f"{told} of {directory} leaves no samples for {name!r}")
    relabelled = dataclasses.replace(index, label=posed.relabel(index.label))
    return Dataset(spec, relabelled, index.digest, posed, whole, directory)


def selected(config: ConfigDict, dataset: Dataset) -> dict[str, str]:
    """Return which samples and classes a result is of, with the digests by which to compare it."""
    protocol = dataset.spec.protocols[config.data.protocol]
    told = {
        "dataset": config.data.dataset,
        "protocol": config.data.protocol,
        "protocol_digest": protocol_digest(dataset.index, protocol),
        "index": dataset.digest[:DIGITS],
    }
    if config.data.zero_shot:
        told["split"] = config.data.zero_shot
        told["split_digest"] = split_digest(dataset.spec.labels, dataset.whole.unseen)
        told["unseen"] = " ".join(map(str, dataset.problem.unseen_indices))
    if config.data.fold:
        told["fold"] = str(config.data.fold)
    return told


def train_order(dataset: Dataset, config: ConfigDict, repeat: int) -> TrainOrder:
    """Return which samples every step sees; each sample is visited `repeat` times an epoch."""
    return TrainOrder(
        rows=dataset.problem.train,
        samples_in_index=len(dataset.index),
        repeat=repeat,
        batch_size=config.train.batch_size,
        seed=config.seed,
    )


def open_feed(dataset: Dataset, config: ConfigDict, layout: Layout) -> Feed:
    """Return the feed of a config.

    Raises:
        UserError: there is no such feed, or no such place for the frames of a resident one.
    """
    make = FEEDS[chosen("data.feed", config.data.feed, FEEDS)]
    chosen("data.resident", config.data.resident, FRAMES)
    return make(dataset, config, layout)


def resident_feed(dataset: Dataset, config: ConfigDict, layout: Layout) -> Feed:
    """Put a converted dataset on the devices, packing it first if it is not packed yet.

    Raises:
        DiskError: there is no room for the pack.
    """
    frames = open_pack(dataset.directory).frames
    return resident(frames, dataset, config, layout)


def resident(
    frames: Float[np.ndarray, "f v c"], dataset: Dataset, config: ConfigDict, layout: Layout
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
    placed = layout.in_rows(FRAMES[config.data.resident](layout, rows))
    store = Store(frames=placed, **layout.replicate(samples))
    longest, joints = int(index.frames.max()), frames.shape[1]
    return ResidentFeed(store, layout, persons, longest, joints)


def stream_feed(dataset: Dataset, config: ConfigDict, layout: Layout) -> Feed:
    """Read a converted dataset while training."""
    del config
    index, persons = dataset.index, dataset.spec.persons
    frames = int(index.frames.max())
    read = functools.partial(stream, dataset.directory, index, frames=frames, persons=persons)
    return StreamFeed(read, index.label, layout)


FEEDS = {"resident": resident_feed, "stream": stream_feed}

# Where the frames of a resident feed lie: all of them on every device, or each on one.
FRAMES: dict[str, Callable[[Layout, np.ndarray], Array]] = {
    "replicated": lambda layout, rows: layout.replicate(rows),
    "sharded": lambda layout, rows: layout.put_rows(rows),
}
