"""The figures of a supervised run: its result, curves, confusions, and accuracy of each class."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes

from data_pipelines.errors import DataError, UserError
from data_pipelines.specs import catalog
from gapjax.analysis import confusions, figures
from gapjax.analysis.metrics import (
    confusion_counts,
    mean_class_accuracy,
    per_class_accuracy,
    top_k_accuracy,
)
from gapjax.analysis.run_table import workdir_names
from gapjax.workdir import data_file
from gapjax.workdir.config_file import read_config
from gapjax.workdir.history import Series, read_history
from gapjax.workdir.scores import Scores

# Key in metrics.jsonl → the name of its curve.
ACCURACIES = {"eval/top1": "test", "validation/top1": "validation", "train/accuracy": "training"}
LOSS = "train/loss"

# The metadata of scores below a figure's title.
METADATA = ("dataset", "protocol", "method", "backbone", "modality")


def class_names(scores: Scores, workdir: Path) -> list[str]:
    """Return the names of the classes of scores, or their indices if the dataset is unknown.

    Args:
        scores: the scores, whose metadata names the dataset.
        workdir: the working directory whose config says where datasets lie.
    """
    classes, dataset = scores.score.shape[1], scores.facts.get("dataset")
    recorded = data_file.read(workdir).get("labels", ())
    if len(recorded) == classes:
        return list(recorded)
    try:
        data = read_config(workdir).get("data.dir", "data")
    except UserError:
        data = "data"
    try:
        labels = catalog.spec_of(Path(data) / dataset).labels if dataset else ()
    except DataError:
        labels = ()
    return list(labels) if len(labels) == classes else [str(k) for k in range(classes)]


def write_figures(workdir: Path, scores: Scores, labels: Sequence[str], folder: Path) -> None:
    """Write `{summary,confusion,accuracy,curves}.png` and `confusions.csv`.

    Args:
        workdir: the run's working directory.
        scores: its scores of an evaluation.
        labels: the names of the classes.
        folder: where to write.

    Raises:
        UserError: metrics cannot be read.
    """
    write_summary(workdir, scores, labels, folder / "summary.png")
    write_confusion(scores, labels, folder / "confusion.png")
    write_accuracy(scores, labels, folder / "accuracy.png")
    write_curves([workdir], folder / "curves.png")
    counts = confusion_counts(scores.score, scores.label)
    confusions.write_confusions(counts, labels, folder / "confusions.csv")


def write_summary(workdir: Path, scores: Scores, labels: Sequence[str], path: Path) -> None:
    """Write one figure with a run's result, curves and confusion matrix."""
    history = read_history(workdir / "metrics.jsonl")
    figure = figures.figure(13.0, 7.4)
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.5))
    accuracies = {name: history.series(key) for key, name in ACCURACIES.items()}
    _draw_accuracies(figure.add_subplot(grid[0, 0]), accuracies, "accuracy, %")
    _draw_losses(figure.add_subplot(grid[1, 0]), {"training": history.series(LOSS)})
    counts = confusion_counts(scores.score, scores.label)
    figures.draw_confusion(figure.add_subplot(grid[:, 1]), counts, labels)
    figures.headline(figure, *result(scores))
    figures.save(figure, path)


def write_confusion(scores: Scores, labels: Sequence[str], path: Path) -> None:
    """Write the confusion matrix of scores, with a list of the largest confusions."""
    counts = confusion_counts(scores.score, scores.label)
    draw_confusions(counts, labels, *result(scores), path)


def draw_confusions(
    counts: Int[np.ndarray, "k k"],
    labels: Sequence[str],
    title: str,
    metadata: Sequence[str],
    path: Path,
    marked: Collection[int] = (),
) -> None:
    """Write a confusion matrix, beside it the largest confusions by name; see `draw_confusion`."""
    side = float(np.clip(0.26 * len(labels), 3.8, 12))
    figure = figures.figure(side + 7.4, side + 2.8)
    left, right = figure.subplots(1, 2, width_ratios=(side + 1.8, 4.2))
    figures.draw_confusion(left, counts, labels, side=side, marked=marked)
    worst = confusions.largest(counts, most=int(5 * side))
    lines = [
        f"{100 * c.share:3.0f} %   {labels[c.true]} \N{RIGHTWARDS ARROW} {labels[c.recognized]}"
        for c in worst
    ]
    figures.draw_list(right, "largest confusions: true class, recognized as", lines)
    figures.headline(figure, title, metadata)
    figures.save(figure, path)


def write_accuracy(scores: Scores, labels: Sequence[str], path: Path) -> None:
    """Write the accuracy of each class."""
    values = per_class_accuracy(scores.score, scores.label)
    figure = figures.figure(6.4, 1.5 + 0.24 * len(labels))
    figures.draw_bars(figure.subplots(), values, labels, "accuracy of each class, %")
    figures.headline(figure, *result(scores))
    figures.save(figure, path)


def write_curves(workdirs: Sequence[Path], path: Path) -> None:
    """Write test accuracy and training loss of one or more runs over their epochs."""
    names = workdir_names(workdirs)
    histories = [read_history(workdir / "metrics.jsonl") for workdir in workdirs]
    accuracies, losses = (
        {name: history.series(key) for name, history in zip(names, histories, strict=True)}
        for key in ("eval/top1", LOSS)
    )
    figure = figures.figure(9.5, 3.6)
    left, right = figure.subplots(1, 2)
    _draw_accuracies(left, accuracies, "test accuracy, %")
    _draw_losses(right, losses)
    figures.save(figure, path)


def result(scores: Scores) -> tuple[str, list[str]]:
    """Return a headline with the top-1 accuracy, and the metadata below it."""
    top1, top5 = (100 * top_k_accuracy(scores.score, scores.label, k) for k in (1, 5))
    mean_class = 100 * mean_class_accuracy(scores.score, scores.label)
    clips = f"{scores.facts.get('evaluation', '')} clips".strip()
    title = f"{top1:.1f} % of {len(scores.label)} {clips} recognized"
    numbers = [f"top-5 {top5:.1f} %", f"mean class {mean_class:.1f} %"]
    return title, [*figures.metadata(scores, METADATA), *numbers]


def _draw_accuracies(axes: Axes, curves: Mapping[str, Series], title: str) -> None:
    percent = {name: (epochs, 100 * values) for name, (epochs, values) in curves.items()}
    figures.draw_curves(axes, percent, title, ".1f")


def _draw_losses(axes: Axes, curves: Mapping[str, Series]) -> None:
    figures.draw_curves(axes, curves, "training loss", ".2f")
    axes.set_xlabel("epoch", color=figures.QUIET, size=9)
