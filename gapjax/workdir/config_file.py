"""`config.json` and `environment.json`: which run a working directory belongs to."""

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from data_pipelines.errors import UserError
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.workdir.history import read_history

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "gapjax")

# Keys that do not change results and may differ when a run resumes.
EXECUTION_KEYS = (
    "data.dir",
    "data.feed",
    "data.resident",
    "eval.batch_size",
    "eval.every",
    "train.absent_persons",
    "train.checkpoint_every",
    "train.layout",
    "train.log_every",
    "train.recompute",
    "train.steps_per_dispatch",
    "mesh.devices",
    "mesh.cpu_devices",
    "mesh.model",
    "mesh.rules",
)

# Keys of a longer run, which begins like the one that is there.
CONTINUATION_KEYS = ("train.epochs", "optimizer.milestones")

# key → (value there, value now)
Changes = Mapping[str, tuple[Any, Any]]


def is_claimed(workdir: Path) -> bool:
    """Return whether a working directory belongs to a run."""
    return (workdir / "config.json").exists()


def claim(
    workdir: Path, config: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> Changes:
    """Record the run that a working directory belongs to; return what it changes (`compare`).

    Args:
        workdir: the working directory.
        config: the run's config, flat: dotted key → value.
        defaults: the values of keys that the recorded config may lack, being older.

    Raises:
        UserError: the directory belongs to a run with another config, or cannot be written.
        DiskError: the disk is full.
    """
    changes = compare(workdir, config, defaults) if is_claimed(workdir) else {}
    if jax.process_index() == 0:
        with writing(workdir):
            if changes:
                _record(workdir, changes)
            _write_json(workdir / "config.json", config)
            _write_json(workdir / "environment.json", _environment())
    return changes


def compare(
    workdir: Path, config: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> Changes:
    """Return what a run changes of the one in its workdir, which it continues; see `claim`.

    Raises:
        UserError: the run there has another config, or is past what is changed.
    """
    recorded, current = (
        json.loads(json.dumps({**(defaults or {}), **flat}))
        for flat in (read_config(workdir), config)
    )
    keys = sorted({*recorded, *current} - set(EXECUTION_KEYS))
    pairs = {key: (recorded.get(key), current.get(key)) for key in keys}
    changes = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    others = [key for key in changes if key not in CONTINUATION_KEYS]
    if others:
        shown = (f"{key}: {changes[key][0]} there, {changes[key][1]} now" for key in others[:3])
        path, free = workdir / "config.json", ", ".join((*CONTINUATION_KEYS, *EXECUTION_KEYS))
        raise UserError(
            f"{path} is of another config ({', '.join(shown)}); choose another --workdir (a run "
            f"continues with other values of {free} alone)"
        )
    _refuse_past(workdir, changes)
    return changes


def _refuse_past(workdir: Path, changes: Changes) -> None:
    """Raise UserError if a change concerns epochs that are trained already."""
    begun = epochs_begun(workdir) if changes else 0
    for key, (there, now) in changes.items():
        if min([now] if key == "train.epochs" else {*there} ^ {*now}) < begun:
            raise UserError(
                f"{key}={now}: {workdir} has begun epoch {begun} with {key}={there}, and what lies "
                "before cannot change; choose another --workdir"
            )


def epochs_begun(workdir: Path) -> int:
    """Return how many epochs the run of a working directory has begun, as far as it is logged."""
    try:
        return read_history(workdir / "metrics.jsonl").lines[-1]["epoch"]
    except UserError:
        return 0


def _record(workdir: Path, changes: Changes) -> None:
    """Append what a longer run changes to `continued.jsonl`."""
    line = {"epoch": epochs_begun(workdir), "changes": dict(changes)}
    with (workdir / "continued.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def read_config(workdir: Path) -> dict[str, Any]:
    """Return the config of the run in a working directory, flat: dotted key → value.

    Raises:
        UserError: the file is missing or invalid.
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
        raise UserError(f"{path} is not a config in JSON; choose another working directory")
    return config


def _write_json(path: Path, content: Any) -> None:
    with replacing_file(path, single_writer=True) as file:
        file.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def _environment() -> dict[str, Any]:
    """Return the versions, devices and commit of this process."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": [f"{device.platform}: {device.device_kind}" for device in jax.devices()],
        "commit": _commit(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of gapjax's own repository; None if it is installed without one.

    Any other repository that this file happens to lie in, as a virtual environment may, has a root
    of its own.
    """
    root = Path(__file__).resolve().parents[2]
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    command = ["git", "-C", str(root), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    toplevel, _, commit = result.stdout.strip().partition("\n")
    return commit if commit and Path(toplevel).resolve() == root else None
