"""The data of a plan: its converted dataset, and what is trained on and tested."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from data_pipelines.errors import UserError
from data_pipelines.readers.order import TrainOrder, hold_out_subjects, subject_fold
from data_pipelines.readers.stream import stream
from data_pipelines.specs import catalog
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.storage import index as indexing
from data_pipelines.storage.digests import DIGITS, protocol_digest, split_digest
from data_pipelines.storage.index import FILE, Index
from data_pipelines.storage.packed import open_pack
from gapjax.experiment import generated, sources
from gapjax.experiment.plan import Plan
from gapjax.registry import chosen
from gapjax.zero_shot import splits
from gapjax.zero_shot.splits import Problem


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset with the problem that a run poses on it.

    Attributes:
        spec: what all its samples have in common.
        index: the metadata of its samples; a label is a position in `problem.classes`.
        stored: the index as it is on disk, with the labels of all classes.
        problem: the samples and classes that are trained on and tested.
        full_problem: the problem of the run that a fold belongs to; otherwise the same.
        directory: its folder.
    """

    spec: DatasetSpec
    index: Index
    stored: Index
    problem: Problem
    full_problem: Problem
    directory: Path

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the problem's classes."""
        return tuple(self.spec.labels[number] for number in self.problem.classes)

    @property
    def seen_labels(self) -> tuple[str, ...]:
        """Return the names of the classes that are trained on."""
        return tuple(self.spec.labels[number] for number in self.problem.seen)


def open_dataset(plan: Plan) -> Dataset:
    """Return the dataset of a plan.

    Raises:
        UserError: there is no such dataset, protocol or split.
        DataError: it is damaged.
    """
    directory, spec = find_dataset(plan)
    generated.provide(plan, directory, spec)
    path = directory / FILE
    index = _load_index(directory, path.stat().st_mtime_ns if path.exists() else 0)
    return pose(plan, spec, index, directory)


@functools.lru_cache(maxsize=4)
def _load_index(directory: Path, modified: int) -> Index:
    """Return the index of a dataset; a process loads it again only if it has been modified."""
    del modified
    return Index.load(directory)


def find_dataset(plan: Plan) -> tuple[Path, DatasetSpec]:
    """Return the folder of a plan's dataset, which may be missing, and its spec."""
    name = chosen("data.dataset", plan.data.dataset, catalog.names(Path(plan.data.dir)))
    directory = generated.folder(plan) / name
    spec = catalog.spec_of(directory)
    chosen("data.protocol", plan.data.protocol, spec.protocols)
    return directory, spec


def with_protocol(plan: Plan) -> Plan:
    """Return a plan that names the protocol of its dataset where that has only one."""
    name = plan.data.dataset
    if plan.data.protocol or name not in catalog.names(Path(plan.data.dir)):
        return plan
    protocols = catalog.spec_of(generated.folder(plan) / name).protocols
    (only, *others) = protocols
    return plan if others else replace(plan, data=replace(plan.data, protocol=only))


def pose(plan: Plan, spec: DatasetSpec, index: Index, directory: Path) -> Dataset:
    """Return a dataset with the problem that a plan poses on it.

    Raises:
        UserError: there is no such split, or nothing to test on.
    """
    options = plan.data
    train, test = indexing.select(index, spec.protocols[options.protocol])
    if options.cross_validation:
        train, test = subject_fold(index, train, options.cross_validation, plan.seed)
    evaluations = {"test": test}
    if options.validation_subjects:
        subjects = options.validation_subjects, plan.seed
        train, evaluations["validation"] = hold_out_subjects(index, train, *subjects)
    full = Problem(tuple(range(len(spec.labels))), (), train, evaluations)
    if options.zero_shot:
        full = splits.zero_shot(full, index, splits.unseen_classes(spec, options.zero_shot))
    problem = splits.fold(full, index, options.fold) if options.fold else full
    if not plan.on_features:
        problem = splits.seen_only(problem, index)
    for name, rows in problem.evaluations.items():
        if not len(rows):
            protocol = f"data.protocol={options.protocol!r}"
            raise UserError(f"{protocol} of {directory} leaves no samples for {name!r}")
    if len(problem.seen) < 2:
        names = ", ".join(spec.labels[number] for number in problem.seen)
        raise UserError(f"{directory} trains on one class ({names}): give data of two or more")
    relabeled = replace(index, label=problem.relabel(index.label))
    return Dataset(spec, relabeled, index, problem, full, directory)


def known_labels(plan: Plan, dataset: Dataset) -> tuple[str, ...]:
    """Return the names of the classes that a stage and its encoder are trained on."""
    # A shared encoder is trained on a fold's pseudo-unseen classes, too.
    return dataset.labels if plan.shares_encoder else dataset.seen_labels


def describe_selection(plan: Plan, dataset: Dataset) -> dict[str, str]:
    """Return metadata of the samples and classes of a result, digests included."""
    protocol = dataset.spec.protocols[plan.data.protocol]
    metadata = {
        "dataset": plan.data.dataset,
        "protocol": plan.data.protocol,
        "protocol_digest": protocol_digest(dataset.index, protocol),
        "index": dataset.stored.digest[:DIGITS],
    }
    if plan.data.zero_shot:
        metadata["split"] = plan.data.zero_shot
        metadata["split_digest"] = split_digest(dataset.spec.labels, dataset.full_problem.unseen)
        metadata["unseen"] = " ".join(map(str, dataset.problem.unseen_indices))
    if plan.data.cross_validation:
        folds = plan.data.cross_validation
        metadata["cross_validation"] = f"{(plan.seed - 1) % folds + 1} of {folds}"
    if plan.data.fold:
        metadata["fold"] = str(plan.data.fold)
    return metadata


def training_frames(dataset: Dataset, most: int) -> Iterator[Float[np.ndarray, "m t v c"]]:
    """Yield the raw frames of evenly chosen training samples, persons first."""
    train = dataset.problem.train
    return raw_frames(dataset, train[np.unique(np.linspace(0, len(train) - 1, most).astype(int))])


def raw_frames(
    dataset: Dataset, rows: Int[np.ndarray, " n"]
) -> Iterator[Float[np.ndarray, "m t v c"]]:
    """Yield the raw frames of samples, persons first."""
    return stored_frames(dataset.directory, dataset.stored, rows, dataset.spec.persons)


def stored_frames(
    directory: Path, index: Index, rows: Int[np.ndarray, " n"], persons: int
) -> Iterator[Float[np.ndarray, "m t v c"]]:
    """Yield the raw frames of samples of a converted dataset, persons first.

    Args:
        directory: its folder.
        index: its samples.
        rows: which of them.
        persons: the most persons of a sample.
    """
    if (directory / "pack").exists():
        pack = open_pack(directory, index)
        yield from (pack.skeleton(int(row)).swapaxes(0, 1) for row in rows)
    else:
        longest = int(index.frames.max())
        for row, (frames, _) in zip(
            rows,
            stream(directory, index, rows[:, None], longest, persons),
            strict=True,
        ):
            yield frames[0, :, : index.frames[row]]


def train_order(plan: Plan, dataset: Dataset) -> TrainOrder:
    """Return the samples of every step; of cached features, every view in turn."""
    return TrainOrder(
        rows=dataset.problem.train,
        samples_in_index=len(dataset.index),
        repeat=plan.data.repeat * plan.views,
        batch_size=plan.train.batch_size,
        seed=plan.seed,
        visits=sources.visits(plan, dataset.index.name[dataset.problem.train]),
    )
