"""The classes of a run: the accuracy of each with its interval, and their confusions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int
from scipy import stats

from gapjax.analysis import confusions
from gapjax.analysis.comparison import CONFIDENCE
from gapjax.analysis.metrics import confusion_counts
from gapjax.reporting.runs import ReportedRun


def interval(correct: int, samples: int) -> tuple[float, float]:
    """Return Wilson's interval of an accuracy (JASA 1927), of `CONFIDENCE`.

    >>> [round(each, 3) for each in interval(9, 10)]
    [0.596, 0.982]
    """
    found = stats.binomtest(correct, samples).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


def counts_of(run: ReportedRun) -> Int[np.ndarray, "k k"]:
    """Return how many samples of each class (row) were recognized as each class (column)."""
    return confusion_counts(np.eye(len(run.labels))[run.recognized], run.scores.label)


def table(run: ReportedRun) -> list[dict[str, Any]]:
    """Return a row for each class that has samples."""
    counts = counts_of(run)
    return [_row(run, counts, int(k)) for k in np.flatnonzero(counts.sum(axis=1))]


def _row(run: ReportedRun, counts: Int[np.ndarray, "k k"], number: int) -> dict[str, Any]:
    samples, correct = int(counts[number].sum()), int(counts[number, number])
    others = counts[number].copy()
    others[number] = 0
    low, high = interval(correct, samples)
    return {
        "name": run.labels[number],
        "kind": ("unseen" if number in run.unseen else "seen") if run.unseen else "",
        "samples": samples,
        "correct": correct,
        "accuracy": correct / samples,
        "low": low,
        "high": high,
        "other": run.labels[int(others.argmax())] if others.any() else "",
        "confused": int(others.max()),
    }


def confusion(run: ReportedRun) -> dict[str, Any]:
    """Return the confusion matrix of the classes that occur, in an order that shows blocks.

    Returns:
        `names`; which classes are `unseen`; `totals`, the samples of each; and `counts` and
        `shares` (of the true class's samples), with a row for each true class.
    """
    counts = counts_of(run)
    kept = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    counts = counts[np.ix_(kept, kept)]
    order = confusions.similarity_order(counts)
    counts = counts[np.ix_(order, order)]
    names: Sequence[str] = [run.labels[kept[k]] for k in order]
    unseen = [bool(np.isin(kept[k], run.unseen)) for k in order]
    shares = confusions.shares(counts).round(4)
    sizes = {"totals": counts.sum(axis=1), "counts": counts, "shares": shares}
    return {"names": names, "unseen": unseen, **sizes}
