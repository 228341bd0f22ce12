"""What of the raw files is not in a converted dataset, and why.

`rejected.csv` lists the files that could not be used, `left_out.csv` the recordings that have no
sample to give.
"""

import collections
import csv
from collections.abc import Iterable
from pathlib import Path

from data_pipelines.errors import FileError
from data_pipelines.specs.record import LeftOut

FILE, LEFT_OUT = "rejected.csv", "left_out.csv"

_COLUMNS = ("file", "line", "reason")


def write(path: Path, entries: Iterable[FileError | LeftOut]) -> None:
    """Write a list, or nothing where it is empty."""
    rows = [(entry.file, entry.line, entry.reason) for entry in entries]
    if rows:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *rows])


def reasons(path: Path) -> collections.Counter[str]:
    """Return how often a list gives entry reason; without a list, nothing."""
    if not path.exists():
        return collections.Counter()
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return collections.Counter(reason for _, _, reason in rows)
