"""Reading the metrics.jsonl of a run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import UserError

# Epochs, with fractions, and the values of a metric.
Series = tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]


@dataclass(frozen=True)
class History:
    """The lines of a run's metrics.jsonl, oldest first."""

    lines: tuple[dict[str, Any], ...]

    def series(self, key: str) -> Series:
        """Return the epochs (with fractions) and the values of all lines that have `key`."""
        # The ratio of step to epoch is largest in the last line of an epoch.
        ratios = (line["step"] / max(line["epoch"], 1) for line in self.lines)
        lines = [line for line in self.lines if key in line]
        steps = np.array([line["step"] for line in lines], float)
        return steps / (max(ratios) or 1.0), np.array([line[key] for line in lines], float)


def read_history(path: Path) -> History:
    """Read a metrics.jsonl; a last line that is cut short, as by a kill, is dropped.

    Raises:
        UserError: the file is missing, is empty, or has a line that is not a line of metrics.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; is {path.parent} a working directory?")
    *complete, last = path.read_text().split("\n")
    lines = []
    for number, text in enumerate([*complete, last], 1):
        try:
            lines += [_metrics_of(text)] if text.strip() else []
        except (ValueError, KeyError, TypeError) as error:
            if number <= len(complete):
                raise UserError(f"{path}, line {number}, is not a line of metrics") from error
    if not lines:
        raise UserError(f"{path} has no metrics yet")
    return History(tuple(lines))


def _metrics_of(text: str) -> dict[str, Any]:
    line = json.loads(text)
    return {**line, "step": int(line["step"]), "epoch": int(line["epoch"])}


def has_results(workdir: Path, epochs: int, step: int) -> bool:
    """Return whether a run is finished, so that `read_results` returns its results."""
    try:
        return bool(read_results(workdir, epochs, step))
    except UserError:
        return False


def read_results(workdir: Path, epochs: int, step: int) -> dict[str, Any]:
    """Return the step, the epoch and the metrics of a run's last evaluation.

    Args:
        workdir: the run's working directory.
        epochs: the number of epochs of the run.
        step: the step of the checkpoint that was evaluated.

    Raises:
        UserError: the run is not finished, or its last checkpoint is damaged.
    """
    results: dict[str, Any] = {}
    for line in read_history(workdir / "metrics.jsonl").lines:
        if line["step"] == step:
            results |= {key: line[key] for key in line if not key.startswith("train/")}
    if results.get("epoch") != epochs or set(results) == {"step", "epoch"}:
        raise UserError(f"{workdir} is not finished: run its command again, which resumes it")
    return results


def gammas_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the γ of each source (`paper`, `validation`, ...) in a zero-shot run's metrics."""
    prefix, suffix = "gzsl_", "/gamma"
    return {
        key.removeprefix(prefix).removesuffix(suffix): float(value)
        for key, value in metrics.items()
        if key.startswith(prefix) and key.endswith(suffix)
    }
