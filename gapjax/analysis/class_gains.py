"""The classes whose accuracy differs between two sets of runs, such as the seeds of two methods."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from gapjax.analysis import figures, run_sets
from gapjax.analysis.metrics import per_class_accuracy, top_k_accuracy
from gapjax.analysis.run_sets import RunSet
from gapjax.workdir.score_tables import write_rows


class Gain(NamedTuple):
    """Accuracies in each class, in percent, and deviations over runs; nan where there are none.

    Attributes:
        accuracy: the mean of the runs.
        deviation: their standard deviation.
        other_accuracy: the mean of the other runs.
        other_deviation: their standard deviation.
        gain: the difference of both means.
        gain_deviation: the standard deviation of the difference between a run of each.
    """

    accuracy: Float[np.ndarray, " k"]
    deviation: Float[np.ndarray, " k"]
    other_accuracy: Float[np.ndarray, " k"]
    other_deviation: Float[np.ndarray, " k"]
    gain: Float[np.ndarray, " k"]
    gain_deviation: Float[np.ndarray, " k"]


def write(
    sets: Sequence[RunSet], labels: Sequence[str], path: Path, more_than: float | None = None
) -> Path:
    """Write the gain in accuracy of runs over others in each class (GAP, ICCV 2023, Fig. 6).

    Args:
        sets: the runs, and the others, of the same samples.
        labels: the names of the classes.
        path: the figure; beside it, `.csv` has all classes.
        more_than: by how many points a class must differ to be drawn; None for all classes.

    Returns:
        The path of the figure.
    """
    ours, others = sets
    found, samples = measure(ours, others), np.bincount(ours.scores[0].label, minlength=len(labels))
    _write_table(found, samples, labels, path.with_suffix(".csv"))
    kept = np.flatnonzero(np.abs(found.gain) > (-1 if more_than is None else more_than))
    gain, deviation = found.gain[kept] / 100, found.gain_deviation[kept] / 100
    title = f"gain in accuracy of {ours.name} over {others.name}, percentage points"
    figure = figures.figure(7.4, 1.9 + 0.24 * max(len(kept), 2))
    figures.draw_bars(figure.subplots(), gain, [labels[k] for k in kept], title, deviation)
    about = run_sets.metadata(sets)
    if more_than is not None:
        classes = np.count_nonzero(samples)
        about.append(f"{len(kept)} of {classes} classes differ by more than {more_than:g} points")
    if np.isfinite(deviation).any():
        about.append("lines: standard deviation of the difference of two runs")
    figures.headline(figure, ", ".join(map(_top1, sets)), about)
    figures.save(figure, path)
    return path


def measure(ours: RunSet, others: RunSet) -> Gain:
    """Return the accuracies of two sets of runs in each class, and their difference."""
    (mean, deviation), (other_mean, other_deviation) = map(_moments, (ours, others))
    spread = np.hypot(deviation, other_deviation)
    return Gain(mean, deviation, other_mean, other_deviation, mean - other_mean, spread)


def _moments(runs: RunSet) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Return the mean and the standard deviation of the accuracies in each class, in percent."""
    each = 100 * np.stack([per_class_accuracy(of.score, of.label) for of in runs.scores])
    none = np.full(each.shape[1], np.nan)
    return each.mean(axis=0), each.std(axis=0, ddof=1) if len(each) > 1 else none


def _top1(runs: RunSet) -> str:
    top1 = np.mean([top_k_accuracy(of.score, of.label, 1) for of in runs.scores])
    return f"{runs.name}: {100 * top1:.1f} %"


def _write_table(
    found: Gain, samples: Int[np.ndarray, " k"], labels: Sequence[str], path: Path
) -> None:
    """Write all classes that have samples, the largest gain first."""
    rows: list[Sequence[object]] = [("class", "samples", *Gain._fields)]
    order = np.argsort(-found.gain, kind="stable")
    for k in order[samples[order] > 0]:
        numbers = ("" if math.isnan(of[k]) else f"{of[k]:.3f}" for of in found)
        rows.append((labels[k], int(samples[k]), *numbers))
    write_rows(path, rows)
