"""The samples of every step: a pure function of the seed and the step.

The step is therefore the only state of the input: a run resumes anywhere at no cost, and all hosts
compute the same batches, of which each takes its own columns.
"""

import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int64, Shaped

from data_pipelines.errors import DataError
from data_pipelines.storage.index import Index

# The draw of the held-out subjects; no epoch has this number.
_HOLD_OUT = 2**64 - 1


@functools.lru_cache(maxsize=4)
def permutation(count: int, seed: int, draw: int) -> Int64[np.ndarray, " n"]:
    """Return the permutation of `range(count)` for (seed, draw); read-only, as it is cached.

    It sorts raw 64-bit outputs of the Philox generator (Salmon et al., SC 2011) with the key
    (seed, draw). NumPy guarantees that stream for all versions, but not that of its samplers.
    """
    key = np.array([seed % 2**64, draw % 2**64], np.uint64)
    order = np.argsort(np.random.Philox(key=key).random_raw(count), kind="stable")
    order.flags.writeable = False
    return order


@dataclass(frozen=True, eq=False)
class TrainOrder:
    """The order of training.

    An *item* is one occurrence of a sample in an epoch, `occurrence * samples_in_index + row`:
    `row = item % samples_in_index`, and all items of an epoch have different random numbers.

    Attributes:
        rows: the training samples, as rows of the index, ascending.
        samples_in_index: the number of samples of the index.
        repeat: how often an epoch visits each sample.
        batch_size: items per step, over all hosts.
        seed: the seed of the order.
        visits: for each row, by how much its `repeat` is multiplied; None for 1 each.
    """

    rows: Int64[np.ndarray, " n"]
    samples_in_index: int
    repeat: int
    batch_size: int
    seed: int
    visits: Int64[np.ndarray, " n"] | None = None

    @functools.cached_property
    def items(self) -> Int64[np.ndarray, " n2"]:
        """Return the items of an epoch, one occurrence of the samples after another."""
        ones = np.ones(len(self.rows), np.int64)
        times = self.repeat * (ones if self.visits is None else self.visits)
        passes = range(int(times.max(initial=0)))
        return np.concatenate(
            [self.rows[:0].astype(np.int64)]
            + [each * self.samples_in_index + self.rows[times > each] for each in passes]
        )

    @property
    def steps_per_epoch(self) -> int:
        """Return the number of full batches of an epoch; DataError if there is none."""
        items = len(self.items)
        if items < self.batch_size:
            raise DataError(
                f"an epoch has {items} items, less than one batch of {self.batch_size}: "
                "lower train.batch_size (for the encoder of a zero-shot run encoder.batch_size), "
                "or choose a split with more samples"
            )
        return items // self.batch_size

    def batch(self, step: int) -> Int64[np.ndarray, " b"]:
        """Return the items of a step, counted from 0 over all epochs."""
        epoch, step = divmod(step, self.steps_per_epoch)
        order = permutation(len(self.items), self.seed, epoch)
        return self.items[order[step * self.batch_size : (step + 1) * self.batch_size]]

    def batches(self, first_step: int, last_step: int) -> Int64[np.ndarray, "n b"]:
        """Return the items of the steps `first_step` to `last_step - 1`."""
        steps = range(first_step, last_step)
        return np.array([self.batch(step) for step in steps], np.int64).reshape(-1, self.batch_size)


def equal_visits(group: Shaped[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return for each sample how often to visit it so that all groups have about as many visits.

    The largest group is visited once; a sample of another as often as that is larger, rounded.

    >>> equal_visits(np.array(["a", "a", "a", "b", "a", "a", "c", "c"])).tolist()
    [1, 1, 1, 5, 1, 1, 2, 2]
    """
    _, number, count = np.unique(group, return_inverse=True, return_counts=True)
    return np.rint(count.max(initial=0) / count).astype(np.int64)[number]


def eval_batches(
    rows: Int[np.ndarray, " n"], batch_size: int
) -> tuple[Int64[np.ndarray, "n1 b"], Float[np.ndarray, "n1 b"]]:
    """Return all samples in batches, in order, and their weights.

    The last sample is repeated with the weight 0 to fill the last batch; all others have 1.

    Raises:
        DataError: there is no sample.
    """
    if len(rows) == 0:
        raise DataError("there is no sample to evaluate: choose another protocol, split or dataset")
    missing = -len(rows) % batch_size
    padded = np.pad(rows.astype(np.int64), (0, missing), mode="edge")
    weight = np.pad(np.ones(len(rows), np.float32), (0, missing))
    return padded.reshape(-1, batch_size), weight.reshape(-1, batch_size)


def hold_out_subjects(
    index: Index, rows: Int[np.ndarray, " n"], count: int, seed: int
) -> tuple[Int64[np.ndarray, " n1"], Int64[np.ndarray, " n2"]]:
    """Split `rows` into those to keep and those of `count` random subjects.

    Raises:
        DataError: no subject would be left.
    """
    subjects = np.unique(index.subject[rows])
    if not 0 <= count < len(subjects):
        raise DataError(
            f"cannot hold out {count} of {len(subjects)} training subjects: lower the number"
        )
    return _split(index, rows, subjects[permutation(len(subjects), seed, _HOLD_OUT)[:count]])


def subject_fold(
    index: Index, rows: Int[np.ndarray, " n"], folds: int, seed: int
) -> tuple[Int64[np.ndarray, " n1"], Int64[np.ndarray, " n2"]]:
    """Split `rows` for cross-validation into those to train on and those of one fold of subjects.

    Every `folds`-th subject is in the same fold. Seeds 1 to `folds` have a fold each, and those
    that follow have them again.

    Raises:
        DataError: there are fewer than two folds, or fewer subjects than folds.
    """
    subjects = np.unique(index.subject[rows])
    if not 2 <= folds <= len(subjects):
        raise DataError(
            f"{len(subjects)} training subjects have no {folds} folds: choose 2 to {len(subjects)} "
            "by data.cross_validation, or 0 for the protocol's test samples"
        )
    return _split(index, rows, subjects[(seed - 1) % folds :: folds])


def _split(
    index: Index, rows: Int[np.ndarray, " n"], subjects: Int[np.ndarray, " n3"]
) -> tuple[Int64[np.ndarray, " n1"], Int64[np.ndarray, " n2"]]:
    """Return the rows of all other subjects, and those of the given ones."""
    given = np.isin(index.subject[rows], subjects)
    return rows[~given].astype(np.int64), rows[given].astype(np.int64)
