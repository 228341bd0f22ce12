"""Objects in JSON files of a working directory, which may be missing or damaged."""

import json
from pathlib import Path
from typing import Any

from data_pipelines.errors import UserError


def read(path: Path, advice: str) -> dict[str, Any]:
    """Return the object in a file; empty if there is no file.

    Args:
        path: the file.
        advice: what to do if it is damaged.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged; {advice}")
    return content
