"""Zero-shot and generalised zero-shot accuracy: NumPy on the scores of all classes.

Calibrated stacking (STAR, Eq. 9) subtracts γ from the scores of the seen classes. A sample goes to
an unseen class where γ exceeds its *margin*, its best seen score less its best unseen one, so that
the accuracies at every γ follow from the sorted margins: the curve is exact, without a grid.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from gapjax.analysis.metrics import mean_class_accuracy, top_k_accuracy
from gapjax.workdir.scores import Scores

Weigh = Callable[[Int[np.ndarray, " n"]], Float[np.ndarray, " n"]]


def _by_sample(label: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.full(len(label), 1 / max(len(label), 1))


def _by_class(label: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    _, place, count = np.unique(label, return_inverse=True, return_counts=True)
    return 1 / (len(count) * count[place])


# How samples are averaged: each counts the same, or each class does.
AVERAGES: dict[str, Weigh] = {"sample": _by_sample, "class": _by_class}


def harmonic_mean(
    seen: Float[np.ndarray, "..."] | float, unseen: Float[np.ndarray, "..."] | float
) -> Float[np.ndarray, "..."]:
    """Return 2·S·U / (S + U), zero where both are.

    >>> harmonic_mean(0.6, 0.3).item()
    0.4
    """
    total = np.asarray(seen) + np.asarray(unseen)
    return np.divide(
        2 * np.asarray(seen) * unseen, total, out=np.zeros_like(total, float), where=total > 0
    )


@dataclass(frozen=True, eq=False)
class Curve:
    """Accuracies on seen and on unseen classes for every γ.

    Attributes:
        threshold: the margins at which an accuracy changes, ascending.
        seen: accuracy on the seen classes' samples; entry j holds for γ in
            (threshold[j - 1], threshold[j]].
        unseen: accuracy on the unseen classes' samples, likewise.
    """

    threshold: Float[np.ndarray, " n"]
    seen: Float[np.ndarray, " n2"]
    unseen: Float[np.ndarray, " n2"]

    def at(self, gamma: float) -> tuple[float, float]:
        """Return the accuracies on seen and unseen classes at one γ."""
        place = int(np.searchsorted(self.threshold, gamma, side="left"))
        return float(self.seen[place]), float(self.unseen[place])

    @property
    def area(self) -> float:
        """Return the area under the curve of seen over unseen accuracy (Chao et al., ECCV 2016)."""
        return float(np.trapezoid(self.seen, self.unseen))


def middles(threshold: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n2"]:
    """Return one γ within each interval between thresholds, the open ones at the ends included."""
    if not len(threshold):
        return np.zeros(1)
    inner = (threshold[:-1] + threshold[1:]) / 2
    return np.concatenate([[threshold[0] - 1], inner, [threshold[-1] + 1]])


def make_curve(
    score: Float[np.ndarray, "n k"],
    label: Int[np.ndarray, " n"],
    unseen: Sequence[int],
    average: str = "sample",
) -> Curve:
    """Return the whole seen-unseen curve.

    Args:
        score: scores of all classes, such as cosines.
        label: the true classes.
        unseen: the unseen classes.
        average: one of `AVERAGES`.
    """
    is_unseen = np.isin(np.arange(score.shape[1]), unseen)
    of_unseen = is_unseen[label]
    seen_choice = _argmax(score, ~is_unseen)
    unseen_choice = _argmax(score, is_unseen)
    rows = np.arange(len(label))
    margin = (score[rows, seen_choice] - score[rows, unseen_choice]).astype(np.float64)
    right = np.where(of_unseen, unseen_choice == label, seen_choice == label)
    weight = np.zeros(len(label))
    for group in (of_unseen, ~of_unseen):
        weight[group] = AVERAGES[average](label[group])
    threshold = np.unique(margin[right])
    gained = _cumulate(threshold, margin, weight * (right & of_unseen))
    lost = _cumulate(threshold, margin, weight * (right & ~of_unseen))
    return Curve(threshold, seen=lost[-1] - lost, unseen=gained)


def _cumulate(
    threshold: Float[np.ndarray, " n"],
    margin: Float[np.ndarray, " n2"],
    weight: Float[np.ndarray, " n2"],
) -> Float[np.ndarray, " n3"]:
    """Return 0 and, for each threshold, the weight of the samples up to it."""
    counted = weight > 0
    places = np.searchsorted(threshold, margin[counted])
    total = np.bincount(places, weight[counted], minlength=len(threshold))
    return np.concatenate([[0.0], np.cumsum(total)])


def _argmax(
    score: Float[np.ndarray, "n k"], allowed: Bool[np.ndarray, " k"]
) -> Int[np.ndarray, " n"]:
    return np.where(allowed, score, -np.inf).argmax(axis=1)


def best_gamma(curves: Sequence[Curve]) -> float:
    """Return the γ with the highest harmonic mean, averaged over several curves.

    Of several such, the one in the middle of them all: on a plateau it is the safest.

    Args:
        curves: those of the validation splits; or the test curve alone, for the oracle's γ.
    """
    candidates = middles(np.unique(np.concatenate([curve.threshold for curve in curves])))
    means = [np.mean([harmonic_mean(*curve.at(gamma)) for curve in curves]) for gamma in candidates]
    best = np.flatnonzero(np.isclose(means, np.max(means)))
    return float(candidates[best[len(best) // 2]])


def unseen_places(scores: Scores) -> list[int]:
    """Return the unseen classes that scores say they have, none where every class was seen."""
    return [int(each) for each in str(scores.facts.get("unseen", "")).split()]


def zero_shot_scores(
    score: Float[np.ndarray, "n k"], label: Int[np.ndarray, " n"], unseen: Sequence[int]
) -> tuple[Float[np.ndarray, "n2 k2"], Int[np.ndarray, " n2"]]:
    """Return the unseen samples' scores among the unseen classes, and their places there."""
    mine = np.isin(label, unseen)
    order = np.asarray(unseen)
    place = (label[mine][:, None] == order[None]).argmax(axis=1)
    return score[mine][:, order], place


def summary(
    name: str, scores: Scores, *, unseen: Sequence[int], gammas: Mapping[str, float]
) -> dict[str, float]:
    """Return the metrics of one evaluation under the names of metrics.jsonl.

    Args:
        name: the evaluation; other than `test`, it goes before the names.
        scores: scores of all classes.
        unseen: the unseen classes.
        gammas: where a γ comes from → that γ; the oracle's is added, chosen on these very samples.

    Returns:
        for samples of seen classes alone, such as those of validation subjects, the accuracy
        among these classes.
    """
    score, label = scores.score, scores.label
    own, place = zero_shot_scores(score, label, unseen)
    if not len(place):
        return _of_seen(name, scores, unseen)
    curve = make_curve(score, label, unseen)
    by_class = make_curve(score, label, unseen, "class")
    metrics = {
        "zsl/top1": top_k_accuracy(own, place, 1),
        "zsl/mean_class": mean_class_accuracy(own, place),
        "gzsl/area": curve.area,
        "gzsl/area_mean_class": by_class.area,
    }
    for source, gamma in {**gammas, "oracle": best_gamma([curve])}.items():
        seen, unseen_accuracy = curve.at(gamma)
        metrics |= {
            f"gzsl_{source}/gamma": gamma,
            f"gzsl_{source}/seen": seen,
            f"gzsl_{source}/unseen": unseen_accuracy,
            f"gzsl_{source}/harmonic": float(harmonic_mean(seen, unseen_accuracy)),
            f"gzsl_{source}/harmonic_mean_class": float(harmonic_mean(*by_class.at(gamma))),
        }
    return metrics if name == "test" else {f"{name}/{key}": metrics[key] for key in metrics}


def _of_seen(name: str, scores: Scores, unseen: Sequence[int]) -> dict[str, float]:
    """Return the accuracy among the seen classes, for samples of those."""
    seen = np.setdiff1d(np.arange(scores.score.shape[1]), unseen)
    own, place = zero_shot_scores(scores.score, scores.label, seen.tolist())
    return {
        f"{name}/top1": top_k_accuracy(own, place, 1),
        f"{name}/mean_class": mean_class_accuracy(own, place),
    }
