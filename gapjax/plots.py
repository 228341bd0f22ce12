"""Pictures of a working directory's results: python -m gapjax.plots DIR [--compare=DIR].

Writes `DIR/plots/{summary,confusion,accuracy,curves}.png`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from data_pipelines import command
from data_pipelines.errors import DataError, UserError
from data_pipelines.specs import catalog
from gapjax.analysis import figures
from gapjax.analysis.fusion import align
from gapjax.analysis.metrics import (
    confusion_counts,
    mean_class_accuracy,
    per_class_accuracy,
    top_k_accuracy,
)
from gapjax.workdir.history import Series, gammas_of, read_history
from gapjax.workdir.log import read_config
from gapjax.workdir.scores import Scores, read_scores, scores_path
from gapjax.zero_shot import figures as zero_shot_figures
from gapjax.zero_shot.calibration import unseen_places

# What the curves show: key of metrics.jsonl → the name beside the line.
ACCURACIES = {"eval/top1": "test", "validation/top1": "validation", "train/accuracy": "training"}
LOSS = "train/loss"

# The facts of scores that a picture tells beside the numbers.
TOLD = ("dataset", "protocol", "method", "backbone", "modality")

CONFUSION = "rows: true class, columns: recognised as"


def class_names(scores: Scores, data: Path = Path("data")) -> list[str]:
    """Return the names of the classes of the dataset that scores say they are of, else numbers.

    Args:
        scores: the scores.
        data: where datasets lie that have no module, but carry their facts.
    """
    classes, dataset = scores.score.shape[1], scores.facts.get("dataset")
    try:
        labels = catalog.spec_of(data / dataset).labels if dataset else ()
    except DataError:
        labels = ()
    return list(labels) if len(labels) == classes else [str(k) for k in range(classes)]


def data_folder(workdir: Path) -> Path:
    """Return where the data of a working directory's run lie, `data` where that is not told."""
    try:
        return Path(read_config(workdir).get("data.dir", "data"))
    except UserError:
        return Path("data")


def result(scores: Scores) -> tuple[str, list[str]]:
    """Return a headline with the top-1 accuracy, and the facts it must be told with."""
    top1, top5 = (top_k_accuracy(scores.score, scores.label, k) for k in (1, 5))
    mean_class = mean_class_accuracy(scores.score, scores.label)
    evaluation = f"{scores.facts.get('evaluation', '')} clips".strip()
    told = [str(scores.facts[name]) for name in TOLD if name in scores.facts]
    named = [f"{name} {scores.facts[name]}" for name in ("text", "seed") if name in scores.facts]
    numbers = [f"top-5 {100 * top5:.1f} %", f"mean class {100 * mean_class:.1f} %"]
    title = f"{100 * top1:.1f} % of {len(scores.label)} {evaluation} recognised"
    return title, [*told, *named, *numbers]


def confusion_picture(scores: Scores, labels: Sequence[str], path: Path) -> None:
    """Write the confusion matrix of scores as a PNG.

    Args:
        scores: scores of an evaluation.
        labels: the names of the classes.
        path: the file to write.
    """
    side = float(np.clip(0.26 * len(labels), 3.8, 14))
    whole = figures.figure(side + 2.8, side + 2.8)
    axes = whole.subplots()
    counts = confusion_counts(scores.score, scores.label)
    figures.draw_confusion(axes, counts, labels, CONFUSION)
    figures.headline(whole, *result(scores))
    figures.save(whole, path)


def accuracy_picture(
    scores: Scores, labels: Sequence[str], path: Path, other: Scores | None = None
) -> None:
    """Write each class's accuracy as a bar, or what it gains over another run (GAP, figure 6).

    Args:
        scores: scores of an evaluation.
        labels: the names of the classes.
        path: the PNG to write.
        other: scores of the same samples to compare with.
    """
    values: Float[np.ndarray, " k"] = per_class_accuracy(scores.score, scores.label)
    title = "accuracy of each class, %"
    if other is not None:
        _, other = align([scores, other], ["the first run", "the other run"])
        values = values - per_class_accuracy(other.score, other.label)
        title = "gain in accuracy over the other run, percentage points"
    whole = figures.figure(6.4, 1.5 + 0.24 * len(labels))
    figures.draw_bars(whole.subplots(), values, labels, title)
    figures.headline(whole, *result(scores))
    figures.save(whole, path)


def curves_picture(metrics_files: Sequence[Path], path: Path) -> None:
    """Write test accuracy and training loss over the epochs of one or more runs as a PNG.

    Args:
        metrics_files: the metrics.jsonl of each run; a run is called by its folder's name, or
            by the whole path where two folders have the same name.
        path: the file to write.

    Raises:
        UserError: a file cannot be read.
    """
    names = [file.resolve().parent.name for file in metrics_files]
    if len(set(names)) < len(names):
        names = [str(file.parent) for file in metrics_files]
    histories = dict(zip(names, map(read_history, metrics_files), strict=True))
    whole = figures.figure(9.5, 3.6)
    accuracy, loss = whole.subplots(1, 2)
    by_run = {
        key: {name: history.series(key) for name, history in histories.items()}
        for key in ("eval/top1", LOSS)
    }
    _draw_accuracy(accuracy, by_run["eval/top1"], "test accuracy, %")
    _draw_loss(loss, by_run[LOSS])
    figures.save(whole, path)


def summary_picture(metrics_file: Path, scores: Scores, labels: Sequence[str], path: Path) -> None:
    """Write one picture of a run: its result, its curves, and its confusion matrix.

    Args:
        metrics_file: the run's metrics.jsonl.
        scores: the scores of its last evaluation.
        labels: the names of the classes.
        path: the PNG to write.

    Raises:
        UserError: the metrics cannot be read.
    """
    history = read_history(metrics_file)
    whole = figures.figure(13.0, 7.4)
    grid = whole.add_gridspec(2, 2, width_ratios=(1, 1.5))
    curves = {name: history.series(key) for key, name in ACCURACIES.items()}
    _draw_accuracy(whole.add_subplot(grid[0, 0]), curves, "accuracy, %")
    _draw_loss(whole.add_subplot(grid[1, 0]), {"training": history.series(LOSS)})
    counts = confusion_counts(scores.score, scores.label)
    axes = whole.add_subplot(grid[:, 1])
    figures.draw_confusion(axes, counts, labels, CONFUSION)
    figures.headline(whole, *result(scores))
    figures.save(whole, path)


def draw_supervised(
    metrics: Sequence[Path], scores: Scores, others: Sequence[Scores], folder: Path
) -> None:
    """Write every picture of a supervised run, beside another run if there is one."""
    labels = class_names(scores, data_folder(metrics[0].parent))
    summary_picture(metrics[0], scores, labels, folder / "summary.png")
    confusion_picture(scores, labels, folder / "confusion.png")
    accuracy_picture(scores, labels, folder / "accuracy.png", *others)
    curves_picture(metrics, folder / "curves.png")


def draw_zero_shot(
    metrics: Sequence[Path], scores: Scores, others: Sequence[Scores], folder: Path
) -> None:
    """Write the picture of a zero-shot run and print its table.

    Raises:
        UserError: another run was given: there is no picture of two zero-shot runs.
    """
    if others:
        run, other = (file.parent for file in metrics)
        what = f"{run} is a zero-shot run, which is not compared"
        raise UserError(f"--compare={other}: {what}; leave it out, and draw each run by itself")
    gammas, path = gammas_of(read_history(metrics[0]).lines[-1]), folder / "summary.png"
    labels = class_names(scores, data_folder(metrics[0].parent))
    zero_shot_figures.summary_picture(scores, labels, gammas, path)
    print(zero_shot_figures.table(scores, gammas))


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.plots", description=__doc__)
    parser.add_argument("workdir", type=Path, metavar="DIR")
    parser.add_argument("--scores", default="test", help="the evaluation to draw (default: test)")
    compare = "another working directory to compare with (not of zero-shot runs)"
    parser.add_argument("--compare", type=Path, help=compare)
    options = parser.parse_args(arguments)
    runs = [options.workdir, *filter(None, [options.compare])]
    folder = options.workdir / "plots"
    scores, *others = [read_scores(scores_path(run, options.scores)) for run in runs]
    draw = draw_zero_shot if unseen_places(scores) else draw_supervised
    draw([run / "metrics.jsonl" for run in runs], scores, others, folder)
    print(folder / "summary.png")
    return 0


def _draw_accuracy(axes: Any, curves: dict[str, Series], title: str) -> None:
    known = {name: (x, 100 * y) for name, (x, y) in curves.items() if len(x)}
    figures.draw_curves(axes, known, title, ".1f")


def _draw_loss(axes: Any, curves: dict[str, Series]) -> None:
    known = {name: curve for name, curve in curves.items() if len(curve[0])}
    figures.draw_curves(axes, known, "training loss", ".2f")
    axes.set_xlabel("epoch", color=figures.QUIET, size=9)


if __name__ == "__main__":
    sys.exit(main())
