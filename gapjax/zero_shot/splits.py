"""Which samples and classes a run is trained on, and which it is tested on.

Zero-shot splits, the seen classes on which a skeleton encoder is trained, and the pseudo-unseen
classes on which γ is chosen are all selections from the index of one converted dataset.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from data_pipelines.errors import UserError
from data_pipelines.readers.order import hold_out_subjects, permutation
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.storage.index import Index
from gapjax.registry import chosen

# These take the place of an epoch in the draws of random splits and of folds; no epoch is as large.
_SPLIT_DRAW = 2**64 - 2
_FOLD_DRAW = 2**63

# A fold is tested on one of this many training subjects.
_SUBJECTS_PER_TESTED = 5


@dataclass(frozen=True, eq=False)
class Problem:
    """The classes and samples of a recognition problem.

    Attributes:
        classes: the dataset's class ids, ascending; scores have one column for each, in this order.
        unseen: the class ids that no training sample has.
        train: the index rows of the training samples, all of seen classes.
        evaluations: name, such as `test` or `validation` → the rows to evaluate.
    """

    classes: tuple[int, ...]
    unseen: tuple[int, ...]
    train: Int[np.ndarray, " n"]
    evaluations: Mapping[str, Int[np.ndarray, " _"]]

    @property
    def seen(self) -> tuple[int, ...]:
        """Return the class ids that are trained on."""
        return tuple(k for k in self.classes if k not in self.unseen)

    @property
    def unseen_indices(self) -> tuple[int, ...]:
        """Return the indices of the unseen classes in `classes`."""
        return tuple(self.classes.index(k) for k in self.unseen)

    def relabel(self, label: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Return class ids as indices into `classes`; -1 for other classes."""
        index = np.full(max(label.max(), max(self.classes)) + 1, -1, np.int32)
        index[list(self.classes)] = np.arange(len(self.classes))
        return index[label]


def unseen_classes(spec: DatasetSpec, split: str) -> tuple[int, ...]:
    """Return the unseen class ids of a zero-shot split.

    Args:
        spec: the dataset.
        split: a split of the dataset by name, or `random:COUNT:SEED` for random classes.

    Raises:
        UserError: there is no such split.
    """
    random = re.fullmatch(r"random:(\d+):(\d+)", split)
    if not random:
        option = "data.zero_shot (or random:COUNT:SEED)"
        return spec.zero_shot[chosen(option, split, spec.zero_shot)]
    count, seed = map(int, random.groups())
    if not 2 <= count <= len(spec.labels) - 2:
        raise UserError(
            f"data.zero_shot={split!r}: of {len(spec.labels)} classes, at least 2 must be unseen "
            "and 2 seen"
        )
    return tuple(sorted(permutation(len(spec.labels), seed, _SPLIT_DRAW)[:count].tolist()))


def zero_shot(problem: Problem, index: Index, unseen: Sequence[int]) -> Problem:
    """Return the problem in which only the evaluation `test` has samples of the unseen classes."""

    def without_unseen(rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n2"]:
        """Return the rows whose class is seen."""
        return rows[~np.isin(index.label[rows], unseen)]

    evaluations = {
        name: rows if name == "test" else without_unseen(rows)
        for name, rows in problem.evaluations.items()
    }
    return Problem(problem.classes, tuple(unseen), without_unseen(problem.train), evaluations)


def seen_only(problem: Problem, index: Index) -> Problem:
    """Return the supervised problem of the seen classes, on which a skeleton encoder is trained."""
    evaluations = {
        name: rows[np.isin(index.label[rows], problem.seen)]
        for name, rows in problem.evaluations.items()
    }
    return Problem(problem.seen, (), problem.train, evaluations)


def fold(problem: Problem, index: Index, number: int) -> Problem:
    """Return a zero-shot problem within the training samples, on which γ is validated.

    Random seen classes become pseudo-unseen, in the same proportion as the unseen classes. All
    their samples are tested, and those of the other classes from a fifth of the training subjects,
    which the fold does not train on. A skeleton encoder that all folds share was trained on both;
    `zero_shot.fold_encoder="own"` trains one for each fold on neither.

    Args:
        problem: a zero-shot problem.
        index: the metadata of the dataset's samples.
        number: the fold, from 1. It alone decides the draws, so that runs of all seeds share them.

    Raises:
        UserError: there are too few seen classes or training subjects.
    """
    seen = problem.seen
    count = max(2, round(len(seen) * len(problem.unseen) / len(problem.classes)))
    subjects = len(np.unique(index.subject[problem.train]))
    if len(seen) < count + 2 or subjects < 2:
        raise UserError(
            f"{len(seen)} seen classes and {subjects} training subjects cannot be split to choose "
            "gamma; set zero_shot.folds=0"
        )
    drawn = permutation(len(seen), number, _FOLD_DRAW)[:count]
    pseudo_unseen = tuple(sorted(seen[i] for i in drawn))
    held_out = max(1, subjects // _SUBJECTS_PER_TESTED)
    train, tested = hold_out_subjects(index, problem.train, held_out, number)
    is_pseudo_unseen = np.isin(index.label[problem.train], pseudo_unseen)
    test = np.union1d(problem.train[is_pseudo_unseen], tested)
    return zero_shot(Problem(seen, (), train, {"test": test}), index, pseudo_unseen)
