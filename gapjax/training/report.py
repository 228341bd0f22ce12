"""What a run prints: its first lines, a line per epoch, and its result (`result.json`)."""

import itertools
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.parallel.first_host import say
from gapjax.training.run import Run
from gapjax.training.step import TrainState
from gapjax.workdir.scores import Scores

FILE = "result.json"


def header(run: Run, state: TrainState) -> list[str]:
    """Return what is known before the first step: data, network, and where training starts."""
    facts, count, step = run.facts, len(run.order.rows), int(state.step)
    tested = ", ".join(f"{len(rows):,} {name}" for name, rows in run.evaluations.items())
    data = " ".join(facts[key] for key in ("dataset", "protocol") if key in facts)
    seen, known = len(run.trained_on), len(run.labels) or len(run.trained_on)
    classes = f"{known} classes" if seen == known else f"{seen} seen of {known} classes"
    parts = [facts[key] for key in ("method", "backbone", "modality") if key in facts]
    size = parameters(state)
    begins = f"resumes at step {step:,}" if step else "starts at step 0"
    epoch = min(step // run.order.steps_per_epoch + 1, run.epochs)
    return [
        f"data: {data}, {classes}, {count:,} training and {tested} clips",
        f"network: {', '.join([*parts, f'{size:,} parameters'])}",
        f"{begins} of {run.steps:,} (epoch {epoch} of {run.epochs})",
    ]


def parameters(state: TrainState) -> int:
    """Return the number of trained parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(state.params))


class Clock:
    """Estimates the time that a run still takes from the epochs that are done."""

    def __init__(self) -> None:
        """Start. The first epoch compiles; it is left out as soon as there is another."""
        self._ends = [time.monotonic()]

    def seconds_left(self, epochs: int) -> float:
        """Return the seconds that `epochs` more take; call it at the end of each epoch."""
        self._ends.append(time.monotonic())
        counted = self._ends[1:] if len(self._ends) > 2 else self._ends
        return epochs * (counted[-1] - counted[0]) / (len(counted) - 1)


def epoch_line(
    run: Run, epoch: int, means: Mapping[str, float], metrics: Mapping[str, float], seconds: float
) -> str:
    """Return the line of an epoch.

    Args:
        run: the run.
        epoch: the epoch, from 1.
        means: the means over its steps, and its rate (`Meter.of_epoch`).
        metrics: what was evaluated after it, if anything was.
        seconds: the time that the run still takes.
    """
    parts = [f"epoch {epoch}/{run.epochs}:"]
    if means:
        parts += [f"loss {means['loss']:.4g},"]
        parts += [f"accuracy {100 * means['accuracy']:.1f}," if "accuracy" in means else ""]
    parts += [f"{key} {100 * value:.1f}," for key, value in metrics.items() if "top1" in key]
    if means:
        parts += [f"{means['clips_per_sec']:,.0f} clips/s,"]
        parts += [f"{_duration(seconds)} left" if epoch < run.epochs else ""]
    return " ".join(filter(None, parts)).rstrip(",")


def _duration(seconds: float) -> str:
    """Return a duration in its largest two units.

    >>> _duration(59.6), _duration(3600.0), _duration(90.0)
    ('1 min 0 s', '1 h 0 min', '1 min 30 s')
    """
    hours, rest = divmod(round(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def content(run: Run, step: int, results: Mapping[str, Scores]) -> dict[str, Any]:
    """Return the content of `result.json`: metrics of every evaluation, counts and metadata."""
    evaluations = {
        name: {"samples": len(scores.label), "metrics": run.summarize(name, scores)}
        for name, scores in results.items()
    }
    epoch = step // run.order.steps_per_epoch
    return {"step": step, "epoch": epoch, "evaluations": evaluations, "facts": dict(run.facts)}


def write(workdir: Path, result: Mapping[str, Any]) -> None:
    """Write `result.json` and print its table; only the first host does."""
    if jax.process_index():
        return
    path = workdir / FILE
    with writing(path), replacing_file(path, single_writer=True) as file:
        file.write((json.dumps(result, indent=2) + "\n").encode())
    tell(result, f"details: {path}")


def tell(result: Mapping[str, Any], last: str) -> None:
    """Print the table of a result and a last line; only the first host does."""
    say(f"{table(result)}\n{last}")


def table(result: Mapping[str, Any]) -> str:
    """Return a result as text: accuracies in percent, a row for each kind."""
    lines = []
    for name, evaluation in result["evaluations"].items():
        lines.append(f"{name}: {evaluation['samples']:,} clips")
        metrics = evaluation["metrics"].items()
        for kind, group in itertools.groupby(metrics, lambda item: item[0].rpartition("/")[0]):
            cells = (_cell(key.rpartition("/")[2], value) for key, value in group)
            lines.append(f"  {kind:16s} {'  '.join(cells)}")
    return "\n".join(lines)


def _cell(name: str, value: float) -> str:
    """Return γ with four decimals, or an accuracy in percent."""
    return f"{name} {value:.4f}" if name == "gamma" else f"{name} {100 * value:.2f}"
