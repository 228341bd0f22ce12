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

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "gapjax")

# Keys that do not change results and may differ when a run resumes.
EXECUTION_KEYS = (
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


def is_claimed(workdir: Path) -> bool:
    """Return whether a working directory belongs to a run."""
    return (workdir / "config.json").exists()


def claim(
    workdir: Path, config: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> None:
    """Record the run that a working directory belongs to, or check that it is this one.

    Args:
        workdir: the working directory.
        config: the run's config, flat: dotted key → value.
        defaults: the values of keys that the recorded config may lack, being older.

    Raises:
        UserError: the directory belongs to a run with another config, or cannot be written.
        DiskError: the disk is full.
    """
    if is_claimed(workdir):
        compare(workdir, config, defaults)
    if jax.process_index() == 0:
        with writing(workdir):
            _write_json(workdir / "config.json", config)
            _write_json(workdir / "environment.json", _environment())


def compare(
    workdir: Path, config: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> None:
    """Raise UserError for a workdir of a run with another config, or of none; see `claim`."""
    recorded, current = (
        json.loads(json.dumps({**(defaults or {}), **flat}))
        for flat in (read_config(workdir), config)
    )
    keys = sorted({*recorded, *current} - set(EXECUTION_KEYS))
    changed = [key for key in keys if recorded.get(key) != current.get(key)]
    if changed:
        shown = (f"{key}: {recorded.get(key)} there, {current.get(key)} now" for key in changed[:3])
        path = workdir / "config.json"
        raise UserError(
            f"{path} is of another config ({', '.join(shown)}); choose another --workdir"
        )


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
    """Return the commit of the code; None without git or outside a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return result.stdout.strip() or None
