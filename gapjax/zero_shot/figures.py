"""The figures of a zero-shot run: the seen-unseen curve, and confusions of its classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from gapjax.analysis import confusions, figures, run_figures, run_sets
from gapjax.analysis.metrics import confusion_counts, top_k_accuracy
from gapjax.analysis.run_sets import RunSet
from gapjax.workdir.score_tables import write_rows
from gapjax.workdir.scores import Scores
from gapjax.zero_shot.calibration import (
    Curve,
    harmonic_mean,
    interval_centers,
    recognize,
    seen_unseen_curve,
)
from gapjax.zero_shot.metrics import reported_gamma, restrict, unseen_indices

# The metadata of scores below a figure's title.
METADATA = ("dataset", "protocol", "split", "method", "backbone")


def write_summary(
    scores: Scores, labels: Sequence[str], gammas: Mapping[str, float], path: Path
) -> None:
    """Write the curve, and the confusions of unseen classes among themselves, as a PNG.

    Args:
        scores: scores of all classes.
        labels: the names of all classes.
        gammas: source of a γ → γ.
        path: the file to write.
    """
    unseen = unseen_indices(scores)
    score, label = restrict(scores.score, scores.label, unseen)
    curve = seen_unseen_curve(scores.score, scores.label, unseen)
    figure = figures.figure(12.0, 5.6)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    draw_curve(left, curve, gammas)
    figures.draw_confusion(right, confusion_counts(score, label), [labels[k] for k in unseen])
    top1 = 100 * top_k_accuracy(score, label, 1)
    title = f"{top1:.1f} % of {len(label)} clips of {len(unseen)} unseen classes recognized"
    numbers = (
        f"chance {100 / len(unseen):.1f} %",
        f"area under the curve {100 * curve.area:.1f} %",
    )
    figures.headline(figure, title, [*figures.metadata(scores, METADATA), *numbers])
    figures.save(figure, path)


def write_confusion(
    scores: Scores, labels: Sequence[str], gammas: Mapping[str, float], folder: Path
) -> None:
    """Write the confusions of seen and unseen classes as `confusion.png` and `confusions.csv`.

    Classes are recognized at γ by validation, or at the first of `gammas`; without any, at 0.
    """
    unseen = unseen_indices(scores)
    source, gamma = reported_gamma(gammas)
    recognized = recognize(scores.score, unseen, gamma)
    counts = confusion_counts(np.eye(scores.score.shape[1])[recognized], scores.label)
    seen_accuracy, unseen_accuracy = seen_unseen_curve(scores.score, scores.label, unseen).at(gamma)
    title = f"{100 * seen_accuracy:.1f} % of clips of seen classes recognized, "
    title += f"{100 * unseen_accuracy:.1f} % of unseen"
    by = (
        f"\N{GREEK SMALL LETTER GAMMA} {gamma:.3f} by {source}" if source else "without calibration"
    )
    about = [*figures.metadata(scores, METADATA), by, "unseen classes in orange"]
    path = folder / "confusion.png"
    run_figures.draw_confusions(counts, labels, title, about, path, marked=unseen)
    confusions.write_confusions(counts, labels, folder / "confusions.csv")


def write_confusion_pair(sets: Sequence[RunSet], labels: Sequence[str], path: Path) -> Path:
    """Write the confusions of unseen classes among themselves by two methods, side by side.

    As in STAR (ACM MM 2024), Fig. 5. Both have the order of classes in which those that either
    confuses are neighbors; the counts of several runs are summed.

    Args:
        sets: the runs of each method, of the same samples.
        labels: the names of all classes.
        path: the figure; beside it, `.csv` has each method's share of every pair of classes.

    Returns:
        The path of the figure.
    """
    unseen = unseen_indices(sets[0].scores[0])
    kept = [[restrict(of.score, of.label, unseen) for of in each.scores] for each in sets]
    counts = [np.sum([confusion_counts(*of) for of in of_set], axis=0) for of_set in kept]
    order = confusions.similarity_order(np.sum(counts, axis=0))
    names, side = [labels[k] for k in unseen], float(np.clip(0.4 * len(unseen), 3.4, 9))
    figure, top1 = figures.figure(2 * side + 4.6, side + 2.8), []
    for axes, each, of_set, count in zip(figure.subplots(1, 2), sets, kept, counts, strict=True):
        top1.append(100 * np.mean([top_k_accuracy(*of, 1) for of in of_set]))
        title = f"{each.name}: {top1[-1]:.1f} %"
        figures.draw_confusion(axes, count, names, side=side, title=title, order=order)
    heading = f"{len(unseen)} unseen classes: {top1[0]:.1f} and {top1[1]:.1f} % recognized"
    about = [*run_sets.metadata(sets), "rows: true class, columns: recognized as"]
    figures.headline(figure, heading, about)
    figures.save(figure, path)
    shares = [100 * confusions.shares(count) for count in counts]
    rows = [
        (names[true], names[k], *(f"{share[true, k]:.2f}" for share in shares))
        for true in order
        for k in order
    ]
    head = ("true", "recognized", *(each.name for each in sets))
    write_rows(path.with_suffix(".csv"), [head, *rows])
    return path


def write_gammas(
    curves: Sequence[Curve], gammas: Mapping[str, tuple[float, float]], title: str, folder: Path
) -> Path:
    """Write S, U and H over γ as `gamma.png` and `gamma.csv` (STAR, ACM MM 2024, Fig. 3).

    Args:
        curves: the curves of runs, such as seeds, which are averaged.
        gammas: source of a γ → the means of γ and of H at each run's own γ, which are marked.
        title: what the runs are.
        folder: where to write.

    Returns:
        The path of the figure.
    """
    thresholds = np.concatenate([curve.threshold for curve in curves])
    # As many in every stretch of margins, where accuracies change.
    grid = interval_centers(np.unique(np.quantile(thresholds, np.linspace(0, 1, 200))))
    each = np.array([[_three(curve, gamma) for gamma in grid] for curve in curves])
    means = 100 * each.mean(axis=0)
    lines = [
        (f"{gamma:.6f}", *(f"{value:.3f}" for value in three))
        for gamma, three in zip(grid, means, strict=True)
    ]
    figure = figures.figure(8.4, 5.0)
    _draw_gammas(figure.subplots(), gammas, grid[1:-1], means[1:-1])
    runs = f"mean of {len(curves)} runs" if len(curves) > 1 else "one run"
    figures.headline(
        figure, title, [runs, "dots: H at each run's own \N{GREEK SMALL LETTER GAMMA}"]
    )
    figures.save(figure, folder / "gamma.png")
    write_rows(folder / "gamma.csv", [("gamma", "S", "U", "H"), *lines])
    return folder / "gamma.png"


def _three(curve: Curve, gamma: float) -> tuple[float, float, float]:
    """Return the accuracies on seen and on unseen classes, and their harmonic mean."""
    seen, unseen = curve.at(gamma)
    return seen, unseen, harmonic_mean(seen, unseen)


def _draw_gammas(
    axes: Axes,
    gammas: Mapping[str, tuple[float, float]],
    grid: Float[np.ndarray, " n"],
    means: Float[np.ndarray, "n 3"],
) -> None:
    """Draw the means over a grid of γ, and what was measured at each γ that has a source."""
    figures.style(axes, "accuracy on seen (S) and unseen classes (U), harmonic mean (H), %")
    axes.grid(color=figures.RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    for name, values, color in zip("SUH", means.T, figures.LINES, strict=False):
        axes.plot(grid, values, color=color, linewidth=1.8, label=name)
    for (source, (gamma, share)), color in zip(gammas.items(), figures.LINES[3:], strict=False):
        harmonic = 100 * share
        label = f"\N{GREEK SMALL LETTER GAMMA} by {source}: {gamma:.3f}, H {harmonic:.1f}"
        axes.plot([gamma], [harmonic], "o", color=color, label=label, clip_on=False)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("\N{GREEK SMALL LETTER GAMMA}", color=figures.QUIET, size=9)
    axes.legend(frameon=False, labelcolor="linecolor", fontsize=8.5)


def draw_curve(axes: Axes, curve: Curve, gammas: Mapping[str, float]) -> None:
    """Draw a seen-unseen curve, with a point at each γ of `gammas` (source → γ)."""
    figures.style(axes, "seen-unseen curve: all values of \N{GREEK SMALL LETTER GAMMA}")
    axes.grid(color=figures.RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.plot(100 * curve.unseen, 100 * curve.seen, color=figures.LINES[0], linewidth=1.8)
    axes.fill_between(100 * curve.unseen, 100 * curve.seen, color=figures.LINES[0], alpha=0.08)
    for (source, gamma), color in zip(gammas.items(), figures.LINES[1:], strict=False):
        _draw_gamma(axes, curve, source, gamma, color)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("accuracy on unseen classes, %", color=figures.QUIET, size=9)
    axes.set_ylabel("accuracy on seen classes, %", color=figures.QUIET, size=9)
    if gammas:
        axes.legend(loc="lower left", frameon=False, labelcolor="linecolor", fontsize=8.5)


def _draw_gamma(axes: Axes, curve: Curve, source: str, gamma: float, color: str) -> None:
    seen, unseen = curve.at(gamma)
    harmonic = 100 * harmonic_mean(seen, unseen)
    name = f"\N{GREEK SMALL LETTER GAMMA} by {source}: harmonic mean {harmonic:.1f}"
    axes.plot([100 * unseen], [100 * seen], "o", color=color, clip_on=False, label=name)
