"""The picture of a zero-shot run: the seen-unseen curve, and what unseen classes were taken for."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from gapjax.analysis import figures
from gapjax.analysis.metrics import confusion_counts, top_k_accuracy
from gapjax.workdir.scores import Scores
from gapjax.zero_shot.calibration import (
    Curve,
    harmonic_mean,
    make_curve,
    unseen_places,
    zero_shot_scores,
)

# The facts of scores that the picture tells.
TOLD = ("dataset", "protocol", "split", "method", "backbone")

CONFUSION = "rows: true class, columns: recognised as"


def draw_curve(axes: Axes, curve: Curve, gammas: Mapping[str, float]) -> None:
    """Draw accuracy on seen over accuracy on unseen classes, with a mark at each γ.

    Args:
        axes: where.
        curve: the whole curve.
        gammas: where a γ comes from → that γ.
    """
    figures.clear(axes, "accuracy on seen over unseen classes, %")
    axes.grid(color=figures.RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.plot(100 * curve.unseen, 100 * curve.seen, color=figures.LINES[0], linewidth=1.8)
    axes.fill_between(100 * curve.unseen, 100 * curve.seen, color=figures.LINES[0], alpha=0.08)
    for (source, gamma), color in zip(gammas.items(), figures.LINES[1:], strict=False):
        seen, unseen = curve.at(gamma)
        harmonic = 100 * float(harmonic_mean(seen, unseen))
        axes.plot([100 * unseen], [100 * seen], "o", color=color, clip_on=False)
        axes.annotate(
            f"\N{GREEK SMALL LETTER GAMMA} by {source}: H {harmonic:.1f}",
            (100 * unseen, 100 * seen),
            xytext=(7, 5),
            textcoords="offset points",
            color=color,
            size=8.5,
        )
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("unseen", color=figures.QUIET, size=9)
    axes.set_ylabel("seen", color=figures.QUIET, size=9)


def summary_picture(
    scores: Scores, labels: Sequence[str], gammas: Mapping[str, float], path: Path
) -> None:
    """Write one picture of a zero-shot run: its result, its curve, and its confusions.

    Args:
        scores: scores of all classes.
        labels: the names of all classes.
        gammas: where a γ comes from → that γ.
        path: the PNG to write.
    """
    unseen = unseen_places(scores)
    own, place = zero_shot_scores(scores.score, scores.label, unseen)
    curve = make_curve(scores.score, scores.label, unseen)
    whole = figures.figure(12.0, 5.6)
    left, right = whole.subplots(1, 2, width_ratios=(1, 1.1))
    draw_curve(left, curve, gammas)
    names = [labels[each] for each in unseen]
    figures.draw_confusion(right, confusion_counts(own, place), names, CONFUSION)
    figures.headline(whole, *_result(scores, own, place, curve))
    figures.save(whole, path)


def table(scores: Scores, gammas: Mapping[str, float]) -> str:
    """Return accuracies as text, in percent: zero-shot, and generalised at each γ."""
    unseen = unseen_places(scores)
    own, place = zero_shot_scores(scores.score, scores.label, unseen)
    curve = make_curve(scores.score, scores.label, unseen)
    rows = [
        f"zero-shot, {len(unseen)} unseen classes       {100 * top_k_accuracy(own, place, 1):6.1f}",
        "generalised, gamma from       gamma   seen  unseen  harmonic",
    ]
    for source, gamma in gammas.items():
        seen, new = curve.at(gamma)
        numbers = (
            f"{100 * seen:6.1f}  {100 * new:6.1f}  {100 * float(harmonic_mean(seen, new)):8.1f}"
        )
        rows.append(f"    {source:22s} {gamma:8.4f} {numbers}")
    return "\n".join(rows)


def _result(
    scores: Scores,
    own: Float[np.ndarray, "n k"],
    place: np.ndarray,
    curve: Curve,
) -> tuple[str, list[str]]:
    """Return a headline with the zero-shot accuracy, and the facts it must be told with."""
    top1, classes = top_k_accuracy(own, place, 1), own.shape[1]
    told = [str(scores.facts[name]) for name in TOLD if name in scores.facts]
    named = [f"{name} {scores.facts[name]}" for name in ("text", "seed") if name in scores.facts]
    chance = f"chance {100 / classes:.1f} %"
    title = f"{100 * top1:.1f} % of {len(place)} clips of {classes} unseen classes recognised"
    return title, [*told, *named, chance, f"area under the curve {100 * curve.area:.1f} %"]
