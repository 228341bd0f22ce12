"""What a run tells: metrics.jsonl, TensorBoard, a progress bar, and the files that describe it."""

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import tqdm

from data_pipelines.errors import UserError
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.workdir.tensorboard import Board

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "gapjax")


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    with replacing_file(path, single_writer=True) as file:
        file.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def environment() -> dict[str, Any]:
    """Return versions, devices and the commit that this process runs with."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": [f"{device.platform}: {device.device_kind}" for device in jax.devices()],
        "commit": _commit(),
    }


def _commit() -> str | None:
    """Return the commit that the code is of; None where git or its folder is not there."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return found.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


class Logbook:
    """The log of one run in its working directory.

    Only the first host of several writes.
    """

    def __init__(self, workdir: Path, first_step: int, steps: int) -> None:
        """Open the log, dropping the lines that a killed run wrote after `first_step`.

        Args:
            workdir: the run's working directory.
            first_step: the step from which the run goes on.
            steps: how many steps the whole run has, for the progress bar.
        """
        self._lead = jax.process_index() == 0
        self._bar = tqdm.tqdm(
            total=steps, initial=first_step, unit="step", disable=not self._lead, smoothing=0.05
        )
        if not self._lead:
            return
        self._metrics, self._folder = workdir / "metrics.jsonl", workdir / "tensorboard"
        with writing(workdir):
            self._there = {_kind(line) for line in keep_until(self._metrics, first_step)}
            self._board = Board(self._folder, first_step)

    def advance(self, step: int, facts: Mapping[str, float | int]) -> None:
        """Move the progress bar to a step and show some facts beside it."""
        self._bar.set_postfix(
            {name: f"{value:.3g}" for name, value in facts.items()}, refresh=False
        )
        self._bar.update(step - self._bar.n)

    def write(self, step: int, epoch: int, metrics: Mapping[str, float | int | str]) -> None:
        """Append one line of metrics, unless it is there; numbers also go to TensorBoard.

        A run that goes on from the end of an epoch evaluates again, and may have told it before.
        """
        line = {"step": step, "epoch": epoch, **metrics}
        numbers = {key: value for key, value in metrics.items() if not isinstance(value, str)}
        if not self._lead or _kind(line) in self._there:
            return
        with writing(self._metrics), self._metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")
        with writing(self._folder):
            self._board.write(step, numbers)

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""
        if self._lead:
            self._bar.write(text)

    def close(self) -> None:
        """Finish the progress bar and TensorBoard's file."""
        self._bar.close()
        if self._lead:
            with writing(self._folder):
                self._board.close()


def keep_until(path: Path, step: int) -> list[dict[str, Any]]:
    """Drop from a metrics file the lines after `step`, and lines that are cut short or damaged.

    Returns:
        the lines that are kept.
    """
    kept: list[dict[str, Any]] = []
    if not path.exists():
        return kept
    for line in path.read_text(errors="replace").splitlines():
        try:
            content = json.loads(line)
            kept += [content] if content["step"] <= step else []
        except (ValueError, KeyError, TypeError):
            continue
    with replacing_file(path, single_writer=True) as file:
        file.writelines(f"{json.dumps(line)}\n".encode() for line in kept)
    return kept


def _kind(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the step of a line of metrics, and what it tells of it."""
    return (line["step"], *sorted(line))


# Keys that say where and how fast a run is computed, not what is computed.
FREE = (
    "data.dir",
    "data.feed",
    "data.resident",
    "train.steps_per_dispatch",
    "train.log_every",
    "mesh.devices",
    "mesh.cpu_devices",
    "mesh.model",
    "mesh.rules",
)


def read_config(workdir: Path) -> dict[str, Any]:
    """Return the config of the run in a working directory, flat: dotted key → value.

    Raises:
        UserError: there is none, or it is not what a run writes.
    """
    path = workdir / "config.json"
    try:
        config = json.loads(path.read_text())
    except OSError as error:
        why = f"cannot be read ({error.strerror}); is {workdir} a working directory?"
        raise UserError(f"{path} {why}") from error
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise UserError(f"{path} is not JSON that a run writes; choose another working directory")
    return config


def is_claimed(workdir: Path) -> bool:
    """Return whether a working directory is a run's."""
    return (workdir / "config.json").exists()


def claim(workdir: Path, config: Mapping[str, Any]) -> None:
    """Make a working directory this run's own, or check that it already is.

    Args:
        workdir: the working directory.
        config: the run's config, flat: dotted key → value.

    Raises:
        UserError: the directory belongs to a run of another config.
    """
    if is_claimed(workdir):
        compare(workdir, config)
    if jax.process_index() == 0:
        with writing(workdir):
            workdir.mkdir(parents=True, exist_ok=True)
            write_json(workdir / "config.json", config)
            write_json(workdir / "environment.json", environment())


# Keys that configs did not always have → what runs did without them.
ADDED = {"train.replicas": 1}


def compare(workdir: Path, config: Mapping[str, Any]) -> None:
    """Refuse a working directory that is not of this run.

    Raises:
        UserError: it is of a run of another config, or of none.
    """
    before = {**ADDED, **read_config(workdir)}
    now = {**ADDED, **json.loads(json.dumps(dict(config)))}
    keys = sorted(set(before) | set(now))
    other = [key for key in keys if key not in FREE and before.get(key) != now.get(key)]
    if other:
        shown = ", ".join(
            f"{key}: {before.get(key)} there, {now.get(key)} now" for key in other[:3]
        )
        path = workdir / "config.json"
        raise UserError(f"{path} is of another config ({shown}); choose another --workdir")
