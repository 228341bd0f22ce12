"""Metrics of zero-shot (ZSL) and generalized zero-shot (GZSL) recognition, from scores."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from data_pipelines.errors import UserError
from gapjax.analysis.metrics import mean_class_accuracy, top_k_accuracy
from gapjax.workdir.scores import Scores
from gapjax.zero_shot.calibration import best_gamma, harmonic_mean, seen_unseen_curve


def unseen_indices(scores: Scores) -> list[int]:
    """Return the indices of the unseen classes of a run's scores; empty if all were seen."""
    return [int(index) for index in str(scores.facts.get("unseen", "")).split()]


def reported_gamma(gammas: Mapping[str, float]) -> tuple[str, float]:
    """Return the source and the value of the γ at which classes are shown as recognized.

    That is γ by validation, or else the first one; without any, 0 from no source.

    >>> reported_gamma({"paper": 0.012, "validation": 0.3}), reported_gamma({})
    (('validation', 0.3), ('', 0.0))
    """
    source = "validation" if "validation" in gammas else next(iter(gammas), "")
    return source, gammas.get(source, 0.0)


def restrict(
    score: Float[np.ndarray, "n k"], label: Int[np.ndarray, " n"], classes: Sequence[int]
) -> tuple[Float[np.ndarray, "n2 k2"], Int[np.ndarray, " n2"]]:
    """Return scores and labels of the samples of some classes, among these classes alone.

    Args:
        score: scores of all classes.
        label: the true classes.
        classes: the classes to keep; the returned labels are indices into them.
    """
    kept = np.isin(label, classes)
    columns = np.asarray(classes)
    index = (label[kept][:, None] == columns[None]).argmax(axis=1)
    return score[kept][:, columns], index


def summary(
    name: str, scores: Scores, *, unseen: Sequence[int], gammas: Mapping[str, float]
) -> dict[str, float]:
    """Return the metrics of one evaluation, named as in metrics.jsonl.

    Args:
        name: the evaluation; the prefix of the metrics' names unless it is `test`.
        scores: scores of all classes.
        unseen: the indices of the unseen classes.
        gammas: source of a γ → γ. The oracle's γ, chosen on these very samples, is added.

    Returns:
        ZSL and GZSL metrics; if no sample is of an unseen class, as in an evaluation of validation
        subjects, the accuracies among the seen classes.
    """
    if not np.isin(scores.label, unseen).any():
        seen = np.setdiff1d(np.arange(scores.score.shape[1]), unseen).tolist()
        return {f"{name}/{key}": value for key, value in _accuracies(scores, seen).items()}
    zsl = {f"zsl/{key}": value for key, value in _accuracies(scores, unseen).items()}
    metrics = zsl | _generalized(scores, unseen, gammas)
    return metrics if name == "test" else {f"{name}/{key}": metrics[key] for key in metrics}


def _accuracies(scores: Scores, classes: Sequence[int]) -> dict[str, float]:
    score, label = restrict(scores.score, scores.label, classes)
    return {
        "top1": top_k_accuracy(score, label, 1),
        "mean_class": mean_class_accuracy(score, label),
    }


def _generalized(
    scores: Scores, unseen: Sequence[int], gammas: Mapping[str, float]
) -> dict[str, float]:
    """Return the GZSL metrics: areas under the curves, and accuracies at every γ."""
    curve = seen_unseen_curve(scores.score, scores.label, unseen)
    by_class = seen_unseen_curve(scores.score, scores.label, unseen, "class")
    metrics = {"gzsl/area": curve.area, "gzsl/area_mean_class": by_class.area}
    for source, gamma in {**gammas, "oracle": best_gamma([curve])}.items():
        seen_accuracy, unseen_accuracy = curve.at(gamma)
        metrics |= {
            f"gzsl_{source}/gamma": gamma,
            f"gzsl_{source}/seen": seen_accuracy,
            f"gzsl_{source}/unseen": unseen_accuracy,
            f"gzsl_{source}/harmonic": harmonic_mean(seen_accuracy, unseen_accuracy),
            f"gzsl_{source}/harmonic_mean_class": harmonic_mean(*by_class.at(gamma)),
        }
    return metrics


def table(scores: Scores, gammas: Mapping[str, float]) -> str:
    """Return the accuracies of a zero-shot run as text, in percent.

    Args:
        scores: scores of all classes.
        gammas: source of a γ → γ; the generalized accuracies have a row for each.
    """
    unseen = unseen_indices(scores)
    zsl = _accuracies(scores, unseen)["top1"]
    curve = seen_unseen_curve(scores.score, scores.label, unseen)
    lines = [
        f"zero-shot, {len(unseen)} unseen classes       {100 * zsl:6.1f}",
        "generalized, gamma from       gamma   seen  unseen  harmonic",
    ]
    for source, gamma in gammas.items():
        on_seen, on_unseen = curve.at(gamma)
        harmonic = harmonic_mean(on_seen, on_unseen)
        percent = f"{100 * on_seen:6.1f}  {100 * on_unseen:6.1f}  {100 * harmonic:8.1f}"
        lines.append(f"    {source:22s} {gamma:8.4f} {percent}")
    return "\n".join(lines)


def without_gamma(scores: Scores) -> dict[str, float]:
    """Return the metrics of an ensemble that need no γ: one chosen for a stream fits no sum.

    Raises:
        UserError: no sample is of an unseen class.
    """
    unseen = unseen_indices(scores)
    if not np.isin(scores.label, unseen).any():
        raise UserError("no sample is of an unseen class; choose other --scores, such as test")
    accuracies = _accuracies(scores, unseen)
    return {
        "unseen top-1": accuracies["top1"],
        "unseen mean class": accuracies["mean_class"],
        "seen-unseen area": seen_unseen_curve(scores.score, scores.label, unseen).area,
    }
