"""What the commands of `data_pipelines` have in common."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from data_pipelines.parsers.record import DataError


def status(work: Callable[[], object]) -> int:
    """Do the work and return the exit status: 0, or 2 with one line for a user's mistake."""
    try:
        work()
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def local_path(text: str) -> Path:
    """Return the path that a command-line argument names, unless it is in a bucket."""
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text} is not a local path: write locally, then copy")
    return Path(text)


def count(text: str) -> int:
    """Return the number, at least 1, that a command-line argument is."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)
