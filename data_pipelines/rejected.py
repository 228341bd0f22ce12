"""`rejected.csv` of a converted dataset: the raw files that could not be used, and why."""

import csv
from collections.abc import Iterable
from pathlib import Path

from data_pipelines.raw.record import FileError

FILE = "rejected.csv"

_COLUMNS = ("file", "line", "reason")


def write(folder: Path, errors: Iterable[FileError]) -> None:
    """Write the list, or nothing where it is empty."""
    rows = [(error.file, error.line, error.reason) for error in errors]
    if rows:
        path = folder / FILE
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *rows])


def count(folder: Path) -> int:
    """Return how many files were rejected."""
    path = folder / FILE
    if not path.exists():
        return 0
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1
