"""What runs logged, over their epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gapjax.reporting.runs import ReportedRun
from gapjax.workdir.history import History, read_history

# The most values of a curve; of longer ones, evenly chosen values are shown.
MOST_VALUES = 1000
# What is shown at first: the first of each that was logged more than once, or else at all.
FIRST = (("eval/top1", "zsl/top1", "train/accuracy"), ("train/loss",))


def curves(runs: Sequence[ReportedRun]) -> dict[str, Any]:
    """Return the curves of all metrics that were logged, and which are shown at first.

    The skeleton encoder of a zero-shot run, whose own run is in `encoder/`, has curves, too.

    Returns:
        `series`, for each metric its curves: the index of the `run`, whether it is of the
        `encoder`, `epochs` and `values`; and `first`, the metrics that are shown at first.
    """
    histories: list[tuple[int, bool, History]] = []
    for number, run in enumerate(runs):
        folders = (run.workdir, run.workdir / "encoder")
        paths = [folder / "metrics.jsonl" for folder in folders]
        histories += [
            (number, i > 0, read_history(path)) for i, path in enumerate(paths) if path.exists()
        ]
    keys = sorted({key for *_, of in histories for key in _numbers(of)})
    series = {
        key: [_curve(*each, key) for each in histories if key in _numbers(each[2])] for key in keys
    }
    return {"series": series, "first": [_first(group, series) for group in FIRST if keys]}


def _first(keys: Sequence[str], series: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the first of the metrics that has a curve, or else a value."""
    several = {key for key, of in series.items() if any(len(each["values"]) > 1 for each in of)}
    return next((key for key in keys if key in several), next(iter(several or series)))


def _numbers(of: History) -> set[str]:
    """Return the metrics that are numbers."""
    return {
        key
        for line in of.lines
        for key, value in line.items()
        if isinstance(value, int | float) and key not in ("step", "epoch")
    }


def _curve(run: int, encoder: bool, of: History, key: str) -> dict[str, Any]:
    epochs, values = of.series(key)
    chosen = np.unique(np.linspace(0, len(values) - 1, MOST_VALUES).round().astype(int))
    shown = {"epochs": epochs[chosen].round(4), "values": values[chosen]}
    return {"run": run, "encoder": encoder, **shown}
