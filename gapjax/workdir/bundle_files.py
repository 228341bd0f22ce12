"""The files of an exported bundle (`gapjax.serving.bundle`) that hold a run's weights."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from data_pipelines.errors import UserError

FORMAT = "gapjax bundle 1"
METADATA, CONFIG, VARIABLES = "bundle.json", "config.json", "variables"


def is_bundle(folder: Path) -> bool:
    """Return whether a folder is a bundle."""
    return (folder / METADATA).is_file()


def read_checked(folder: Path) -> dict[str, Any]:
    """Return the content of a bundle's bundle.json after checking all other files.

    Raises:
        UserError: it is no bundle, or one of its files is missing or has changed.
    """
    metadata = read_metadata(folder)
    for name, digest in metadata["files"].items():
        path = folder / name
        if not path.is_file() or sha256(path) != digest:
            raise UserError(f"{path} is missing or damaged; copy or export the bundle again")
    return metadata


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config of the exported run, flat."""
    return json.loads((folder / CONFIG).read_text())


def read_variables(folder: Path) -> Mapping[str, Any]:
    """Return the parameters and running statistics of a bundle."""
    return ocp.PyTreeCheckpointer().restore((folder / VARIABLES).absolute())


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return the content of a bundle's bundle.json.

    Raises:
        UserError: there is none, or it has another format.
    """
    path = folder / METADATA
    if not path.is_file():
        raise UserError(f"{folder} is no bundle: it has no {METADATA}; write one by gapjax.export")
    try:
        metadata = json.loads(path.read_text())
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise UserError(
            f"{path} does not have the format {FORMAT!r}; export the run again, "
            "or use the gapjax that wrote it"
        )
    return metadata


def sha256(path: Path) -> str:
    """Return the digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
