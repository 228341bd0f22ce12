"""Which samples and classes a run learns from, and which it is tested on.

Zero-shot splits, the seen classes that an encoder is trained on, and the pseudo-unseen classes on
which γ is chosen are all selections over the index of one converted dataset.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from data_pipelines.errors import UserError
from data_pipelines.readers.order import permutation
from data_pipelines.readers.subjects import hold_out_subjects
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.storage.index import Index
from gapjax.registry import chosen

# Draws of random splits and folds: no epoch has these numbers.
_SPLIT_DRAW = 2**64 - 2
_FOLD_DRAW = 2**63

# Of the training subjects, the share whose samples of seen classes test a fold.
_HELD_OUT_SHARE = 5


@dataclass(frozen=True, eq=False)
class Problem:
    """A selection of samples and classes.

    Attributes:
        classes: the dataset's class ids, ascending; a method's class is a place in this list.
        unseen: the class ids that no training sample has.
        train: the rows to learn from; of seen classes alone.
        evaluations: name → the rows to evaluate, such as `test` and `validation`.
    """

    classes: tuple[int, ...]
    unseen: tuple[int, ...]
    train: Int[np.ndarray, " n"]
    evaluations: Mapping[str, Int[np.ndarray, " _"]]

    @property
    def seen(self) -> tuple[int, ...]:
        """Return the class ids that are trained on."""
        return tuple(each for each in self.classes if each not in self.unseen)

    @property
    def unseen_places(self) -> tuple[int, ...]:
        """Return the unseen classes as a method counts them."""
        return tuple(self.classes.index(each) for each in self.unseen)

    def places(self, label: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Return the dataset's class ids as a method counts them; -1 for classes left out."""
        table = np.full(max(label.max(), max(self.classes)) + 1, -1, np.int32)
        table[list(self.classes)] = np.arange(len(self.classes))
        return table[label]


def unseen_classes(spec: DatasetSpec, split: str) -> tuple[int, ...]:
    """Return the unseen classes of a zero-shot split.

    Args:
        spec: the dataset.
        split: one of the dataset's own, or `random:COUNT:SEED` for as many classes at random.

    Raises:
        UserError: there is no such split.
    """
    drawn = re.fullmatch(r"random:(\d+):(\d+)", split)
    if not drawn:
        what = "data.zero_shot (or random:COUNT:SEED)"
        return spec.zero_shot[chosen(what, split, spec.zero_shot)]
    count, seed = map(int, drawn.groups())
    if not 2 <= count <= len(spec.labels) - 2:
        raise UserError(
            f"data.zero_shot={split!r}: of {len(spec.labels)} classes, at least 2 must be unseen "
            "and 2 seen"
        )
    return tuple(sorted(permutation(len(spec.labels), seed, _SPLIT_DRAW)[:count].tolist()))


def supervised(
    spec: DatasetSpec, train: Int[np.ndarray, " n"], evaluations: Mapping[str, np.ndarray]
) -> Problem:
    """Return the problem in which every class is seen."""
    return Problem(tuple(range(len(spec.labels))), (), train, evaluations)


def zero_shot(problem: Problem, index: Index, unseen: Sequence[int]) -> Problem:
    """Return the problem whose training samples have no unseen class; only `test` has them."""
    kept = {
        name: rows if name == "test" else rows[~np.isin(index.label[rows], unseen)]
        for name, rows in problem.evaluations.items()
    }
    train = problem.train[~np.isin(index.label[problem.train], unseen)]
    return dataclasses.replace(problem, unseen=tuple(unseen), train=train, evaluations=kept)


def seen_only(problem: Problem, index: Index) -> Problem:
    """Return the supervised problem among the seen classes, on which an encoder is trained."""
    evaluations = {
        name: rows[np.isin(index.label[rows], problem.seen)]
        for name, rows in problem.evaluations.items()
    }
    return Problem(problem.seen, (), problem.train, evaluations)


def fold(problem: Problem, index: Index, number: int) -> Problem:
    """Return a zero-shot problem made of the training samples alone.

    Some of the seen classes play the unseen ones, as many as keep the proportion; the others are
    tested on the samples of a fifth of the training subjects, which the fold does not learn from.
    An encoder that all folds share has learnt from both: only with `zero_shot.fold_encoder="own"`
    are they new to it, too.

    Args:
        problem: a zero-shot problem.
        index: the facts of the dataset's samples.
        number: which fold, from 1; it alone decides the draws, so that all seeds share the folds.

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
    unseen = tuple(sorted(seen[place] for place in drawn))
    held_out = max(1, subjects // _HELD_OUT_SHARE)
    kept, tested = hold_out_subjects(index, problem.train, held_out, number)
    pseudo = np.isin(index.label[problem.train], unseen)
    test = np.union1d(problem.train[pseudo], tested)
    inner = Problem(seen, (), kept, {"test": test})
    return zero_shot(inner, index, unseen)
