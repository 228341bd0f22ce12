"""Runs compared with the first one: paired by samples, by seeds, and in each class."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool
from scipy import stats

from data_pipelines.errors import UserError
from gapjax.analysis import comparison, fusion, run_table
from gapjax.analysis.run_table import Row
from gapjax.reporting.runs import ReportedRun
from gapjax.workdir.scores import Scores
from gapjax.zero_shot.metrics import restrict, unseen_indices

# The metrics that are compared by seeds, of those that all runs have.
METRICS = (
    *("eval/top1", "eval/mean_class", "zsl/top1", "zsl/mean_class"),
    *("gzsl/area", "gzsl_validation/harmonic", "gzsl_oracle/harmonic"),
)


class Paired(NamedTuple):
    """The difference of two accuracies on the same samples.

    Attributes:
        difference: how much larger the second one is.
        low, high: its interval.
        only_first, only_second: samples that one of them alone recognized.
        p: McNemar's exact test of both being equal.
    """

    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    p: float


def paired(first: Bool[np.ndarray, " n"], second: Bool[np.ndarray, " n"]) -> Paired:
    """Return the difference of what two runs recognized of the same samples.

    The interval is that of Agresti and Min (Statistics in Medicine 2005), which adds half a sample
    to each cell of the table. Samples count as independent.

    >>> paired(np.array([True, True, False, True]), np.array([False] * 4)).p
    0.25
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    count, disagreeing = len(first) + 2, only_first + only_second
    middle = (only_second - only_first) / count
    error = math.sqrt(disagreeing + 1 - count * middle**2) / count
    half = float(stats.norm.ppf((1 + comparison.CONFIDENCE) / 2)) * error
    p = stats.binomtest(only_first, disagreeing).pvalue if disagreeing else 1.0
    difference = (only_second - only_first) / len(first)
    low, high = max(-1.0, middle - half), min(1.0, middle + half)
    return Paired(difference, low, high, only_first, only_second, float(p))


def compare(runs: Sequence[ReportedRun]) -> dict[str, Any] | None:
    """Return the comparison of all runs with the first; None if there is only one.

    Returns:
        `reason`, why samples cannot be paired, or an empty string; `first`; `measure`, what is
        compared; `samples`, how many; `rows` paired by samples, with the gain in each class of
        `classes`; and `seeds` (`by_seeds`).
    """
    if len(runs) < 2:
        return None
    found = {"first": runs[0].name, "seeds": by_seeds(runs)}
    try:
        scores = [replace(run.scores, score=run.calibrated) for run in runs]
        streams = fusion.align(scores, [run.name for run in runs])
    except UserError as error:
        return {**found, "reason": str(error), "rows": [], "classes": []}
    unseen = unseen_indices(streams[0]) if runs[0].unseen else []
    kept = np.isin(streams[0].label, unseen) if unseen else slice(None)
    label = streams[0].label[kept]
    first, *others = (_correct(stream, unseen) for stream in streams)
    classes = np.unique(label)
    rows = [
        {
            "name": run.name,
            "accuracies": (first.mean(), correct.mean()),
            "paired": paired(first, correct)._asdict(),
            "gains": [(correct[label == k].mean() - first[label == k].mean()) for k in classes],
        }
        for run, correct in zip(runs[1:], others, strict=True)
    ]
    return {
        **found,
        "reason": "",
        "measure": "top-1 among unseen classes" if unseen else "top-1",
        "samples": len(label),
        "rows": rows,
        "classes": [runs[0].labels[k] for k in classes],
    }


def _correct(scores: Scores, unseen: Sequence[int]) -> Bool[np.ndarray, " n"]:
    """Return which samples are recognized; of unseen classes among themselves, if there are any."""
    score, label = scores.score, scores.label
    if unseen:
        score, label = restrict(score, label, unseen)
    return score.argmax(axis=1) == label


def by_seeds(runs: Sequence[ReportedRun]) -> dict[str, Any]:
    """Return means over runs whose configs differ in their seed alone, and paired differences.

    Returns:
        `reason`, why there are none, or an empty string; `metrics`; and `rows`, each with its
        `title`, its `runs` and, for each metric, a `mean`, a `deviation` and the difference from
        the first row: `difference`, `low`, `high`.
    """
    try:
        results = [run_table.read_result(run.workdir) for run in runs]
        rows = run_table.group(results, ["seed"])
    except UserError as error:
        return {"reason": str(error), "metrics": [], "rows": []}
    names = {run.workdir: run.name for run in runs}
    metrics = [key for key in METRICS if all(key in result.metrics for result in results)]
    table = [
        {
            "title": title,
            "runs": [names[result.workdir] for result in row.results],
            "cells": [_cell(row, rows[0], metric) for metric in metrics],
        }
        for title, row in zip(run_table.titles(rows), rows, strict=True)
    ]
    return {"reason": "", "metrics": metrics, "rows": table}


def _cell(row: Row, reference: Row, metric: str) -> dict[str, float | None]:
    """Return a row's mean of a metric in percent, and its difference from the first row."""
    values, others = _values(row, metric), _values(reference, metric)
    mean, deviation = comparison.mean_and_deviation(values)
    found = None if row is reference else comparison.paired(values, others)
    difference = found._asdict() if found else {"mean": None, "low": None, "high": None}
    return {
        "mean": mean,
        "deviation": deviation,
        "difference": difference["mean"],
        "low": difference["low"],
        "high": difference["high"],
    }


def _values(row: Row, metric: str) -> Mapping[int, float]:
    """Return seed → a metric, in percent."""
    return {result.config["seed"]: 100 * result.metrics[metric] for result in row.results}
