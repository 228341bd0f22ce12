"""The log of a run: metrics.jsonl, TensorBoard, and a progress bar on terminals."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
import tqdm

from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.workdir.tensorboard import ScalarWriter


@runtime_checkable
class Sink(Protocol):
    """Something that receives the logged numbers."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Receive the values of a step, by name."""
        ...


class Logbook:
    """The log of one run in its working directory; only the first of several hosts writes."""

    def __init__(
        self, workdir: Path, first_step: int, steps: int, sinks: Sequence["Sink"] = ()
    ) -> None:
        """Open the log, and drop the lines that an interrupted run wrote after `first_step`.

        Args:
            workdir: the run's working directory.
            first_step: the step from which the run continues.
            steps: the number of steps of the run, for the progress bar.
            sinks: receive the numbers of every new line, too; the caller closes them.
        """
        self._is_writer = jax.process_index() == 0
        self._bar = tqdm.tqdm(
            total=steps,
            initial=first_step,
            unit="step",
            disable=not self._is_writer or not has_bar(),
            smoothing=0.05,
        )
        if not self._is_writer:
            return
        self._metrics, self._folder = workdir / "metrics.jsonl", workdir / "tensorboard"
        with writing(workdir):
            self._written = {_key(line) for line in truncate(self._metrics, first_step)}
            self._tensorboard = ScalarWriter(self._folder, first_step)
        self._sinks = sinks

    def advance(self, step: int, shown: Mapping[str, float | int]) -> None:
        """Move the progress bar to a step and show some numbers beside it."""
        self._bar.set_postfix(
            {name: f"{value:.3g}" for name, value in shown.items()}, refresh=False
        )
        self._bar.update(step - self._bar.n)

    def write(self, step: int, epoch: int, metrics: Mapping[str, float | int | str]) -> None:
        """Append a line of metrics, and write its numbers to TensorBoard.

        A line that was written before is not repeated: a run that resumes at the end of an epoch
        evaluates again.

        Raises:
            DiskError: the disk is full.
        """
        line = {"step": step, "epoch": epoch, **metrics}
        numbers = {key: value for key, value in metrics.items() if not isinstance(value, str)}
        if not self._is_writer or _key(line) in self._written:
            return
        with writing(self._metrics), self._metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")
        with writing(self._folder):
            self._tensorboard.write(step, numbers)
        for sink in self._sinks:
            sink.write(step, numbers)

    def say(self, text: str) -> None:
        """Print a line, above the progress bar if there is one."""
        if self._is_writer and self._bar.disable:
            print(text, flush=True)
        elif self._is_writer:
            self._bar.write(text)

    def close(self) -> None:
        """Finish the progress bar and TensorBoard's file."""
        self._bar.close()
        if self._is_writer:
            with writing(self._folder):
                self._tensorboard.close()


def has_bar() -> bool:
    """Return whether progress bars are shown: on terminals, or where GAPJAX_BAR asks for them."""
    return sys.stderr.isatty() or bool(os.environ.get("GAPJAX_BAR"))


def truncate(path: Path, step: int) -> list[dict[str, Any]]:
    """Drop the lines of a metrics file that are after `step` or damaged; return the others."""
    if not path.exists():
        return []
    parsed = (_parse(line) for line in path.read_text(errors="replace").splitlines())
    kept = [line for line in parsed if line and line["step"] <= step]
    with replacing_file(path, single_writer=True) as file:
        file.writelines(f"{json.dumps(line)}\n".encode() for line in kept)
    return kept


def _parse(line: str) -> dict[str, Any] | None:
    """Return a line of metrics, or None if it is damaged."""
    try:
        content = json.loads(line)
        return content if isinstance(content["step"], int) else None
    except (ValueError, KeyError, TypeError):
        return None


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the identity of a line: its step and the names of its metrics."""
    return (line["step"], *sorted(line))
