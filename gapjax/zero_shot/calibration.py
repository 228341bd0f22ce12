"""Calibrated stacking and the seen-unseen curve, in NumPy.

Calibrated stacking (Chao et al., ECCV 2016; STAR, ACM MM 2024, Eq. 9) subtracts γ from the scores
of the seen classes. A sample is assigned to an unseen class if γ exceeds its *margin*, the best
seen score minus the best unseen score. Accuracies therefore change at margins only, and the sorted
margins give the exact curve without a grid of γ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

SampleWeights = Callable[[Int[np.ndarray, " n"]], Float[np.ndarray, " n"]]


def _equal_samples(label: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.full(len(label), 1 / max(len(label), 1))


def _equal_classes(label: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    _, index, count = np.unique(label, return_inverse=True, return_counts=True)
    return 1 / (len(count) * count[index])


# How accuracies are averaged → a function from labels to the samples' weights, which sum to 1.
AVERAGES: dict[str, SampleWeights] = {"sample": _equal_samples, "class": _equal_classes}


@dataclass(frozen=True, eq=False)
class Curve:
    """Accuracies on seen and on unseen classes as functions of γ.

    Attributes:
        threshold: the margins at which an accuracy changes, ascending.
        seen: accuracy on samples of seen classes; entry j holds for γ in
            (threshold[j - 1], threshold[j]].
        unseen: accuracy on samples of unseen classes, at the same γ.
    """

    threshold: Float[np.ndarray, " n"]
    seen: Float[np.ndarray, " n2"]
    unseen: Float[np.ndarray, " n2"]

    def at(self, gamma: float) -> tuple[float, float]:
        """Return the accuracies on seen and on unseen classes at one γ."""
        index = int(np.searchsorted(self.threshold, gamma, side="left"))
        return float(self.seen[index]), float(self.unseen[index])

    @property
    def area(self) -> float:
        """Return the area under the seen-unseen curve, AUSUC (Chao et al., ECCV 2016)."""
        return float(np.trapezoid(self.seen, self.unseen))


def seen_unseen_curve(
    score: Float[np.ndarray, "n k"],
    label: Int[np.ndarray, " n"],
    unseen: Sequence[int],
    average: str = "sample",
) -> Curve:
    """Return the seen-unseen curve of scores.

    Args:
        score: scores of all classes, such as cosine similarities.
        label: the true classes.
        unseen: the unseen classes.
        average: how accuracies are averaged, a key of `AVERAGES`.
    """
    from_unseen = np.isin(label, unseen)
    best_seen, best_unseen, margin = _best(score, unseen)
    correct = np.where(from_unseen, best_unseen == label, best_seen == label)
    weight = np.zeros(len(label))
    for group in (from_unseen, ~from_unseen):
        weight[group] = AVERAGES[average](label[group])
    threshold = np.unique(margin[correct])
    gained = _cumulative_weight(threshold, margin, weight * (correct & from_unseen))
    lost = _cumulative_weight(threshold, margin, weight * (correct & ~from_unseen))
    return Curve(threshold, seen=lost[-1] - lost, unseen=gained)


def recognize(
    score: Float[np.ndarray, "n k"], unseen: Sequence[int], gamma: float
) -> Int[np.ndarray, " n"]:
    """Return the class of each sample among seen and unseen classes, at one γ."""
    best_seen, best_unseen, margin = _best(score, unseen)
    return np.where(margin < gamma, best_unseen, best_seen)


def _best(
    score: Float[np.ndarray, "n k"], unseen: Sequence[int]
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return each sample's best seen class, its best unseen class, and its margin."""
    is_unseen = np.isin(np.arange(score.shape[1]), unseen)
    best_seen, best_unseen = _argmax(score, ~is_unseen), _argmax(score, is_unseen)
    rows = np.arange(len(score))
    margin = (score[rows, best_seen] - score[rows, best_unseen]).astype(np.float64)
    return best_seen, best_unseen, margin


def _argmax(
    score: Float[np.ndarray, "n k"], allowed: Bool[np.ndarray, " k"]
) -> Int[np.ndarray, " n"]:
    return np.where(allowed, score, -np.inf).argmax(axis=1)


def _cumulative_weight(
    threshold: Float[np.ndarray, " n"],
    margin: Float[np.ndarray, " n2"],
    weight: Float[np.ndarray, " n2"],
) -> Float[np.ndarray, " n3"]:
    """Return 0, then the total weight of the samples with margins up to each threshold."""
    counted = weight > 0
    bins = np.searchsorted(threshold, margin[counted])
    total = np.bincount(bins, weight[counted], minlength=len(threshold))
    return np.concatenate([[0.0], np.cumsum(total)])


def harmonic_mean(seen: float, unseen: float) -> float:
    """Return 2·S·U / (S + U), the score of generalized zero-shot recognition; 0 if S = U = 0.

    >>> harmonic_mean(0.6, 0.3)
    0.4
    """
    return 2 * seen * unseen / (seen + unseen) if seen + unseen > 0 else 0.0


def best_gamma(curves: Sequence[Curve]) -> float:
    """Return the γ with the highest harmonic mean, averaged over the curves.

    Of several equally good intervals of γ, the middle one is taken.

    Args:
        curves: one curve per validation fold, or the test curve alone for the oracle's γ.
    """
    candidates = interval_centers(np.unique(np.concatenate([curve.threshold for curve in curves])))
    means = [np.mean([harmonic_mean(*curve.at(gamma)) for curve in curves]) for gamma in candidates]
    best = np.flatnonzero(np.isclose(means, np.max(means)))
    return float(candidates[best[len(best) // 2]])


def interval_centers(threshold: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n2"]:
    """Return one γ inside every interval between thresholds, the two unbounded ones included.

    >>> interval_centers(np.array([0.0, 1.0]))
    array([-1. ,  0.5,  2. ])
    """
    if not len(threshold):
        return np.zeros(1)
    inner = (threshold[:-1] + threshold[1:]) / 2
    return np.concatenate([[threshold[0] - 1], inner, [threshold[-1] + 1]])
