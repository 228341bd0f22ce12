"""Lists of files that cannot be used (`rejected.csv`) and that have no sample (`left_out.csv`)."""

import collections
import csv
from collections.abc import Iterable
from pathlib import Path

from data_pipelines.errors import FileError, one_short_line
from data_pipelines.specs.record import LeftOut

FILE, LEFT_OUT = "rejected.csv", "left_out.csv"

_COLUMNS = ("file", "line", "reason")


def write(path: Path, entries: Iterable[FileError | LeftOut]) -> None:
    """Write a list unless it is empty."""
    rows = [(entry.file, entry.line, one_short_line(entry.reason)) for entry in entries]
    if rows:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *rows])


def reasons(path: Path) -> collections.Counter[str]:
    """Count the reasons in a list; there are none if the file does not exist."""
    if not path.exists():
        return collections.Counter()
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return collections.Counter(reason for _, _, reason in rows)
