"""The table of a study: a paper's numbers beside ours, and differences paired by seed."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scipy import stats

# The share of experiments whose interval contains the true difference.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Line:
    """A row of a study in one column; numbers are in percent.

    Attributes:
        group: the rows that are compared with each other.
        name: the row.
        column: what is measured.
        paper: the paper's number.
        change: by how many points the paper's row differs from the first of its group.
        values: seed → what was measured.
    """

    group: str
    name: str
    column: str
    paper: float | None
    change: float | None
    values: Mapping[int, float]


class Difference(NamedTuple):
    """A mean difference in points, and its confidence interval; nan where one seed gives none."""

    mean: float
    low: float
    high: float


def paired(values: Mapping[int, float], reference: Mapping[int, float]) -> Difference | None:
    """Return the difference of two rows over the seeds that both have; None if there is none.

    The interval is Student's t of the differences: seeds are pairs, because both rows of a seed
    have the same initialization and order of samples, as far as they share them.

    >>> [round(each, 3) for each in paired({1: 3.0, 2: 5.0, 3: 7.0}, {1: 1.0, 2: 2.0, 3: 3.0})]
    [3.0, 0.516, 5.484]
    """
    differences = [values[seed] - reference[seed] for seed in values if seed in reference]
    if not differences:
        return None
    mean, count = statistics.fmean(differences), len(differences)
    if count == 1:
        return Difference(mean, math.nan, math.nan)
    error = statistics.stdev(differences) / math.sqrt(count)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Difference(mean, mean - half, mean + half)


def first_of(line: Line, lines: Sequence[Line]) -> Line:
    """Return the reference of a line: the first of its group and column."""
    place = (line.group, line.column)
    return next(each for each in lines if (each.group, each.column) == place)


def difference(line: Line, lines: Sequence[Line]) -> Difference | None:
    """Return what was measured as the difference of a line from its reference, which has none."""
    reference = first_of(line, lines)
    return None if line is reference else paired(line.values, reference.values)


def paper_difference(line: Line, lines: Sequence[Line]) -> float | None:
    """Return the paper's difference from the reference, in points."""
    reference = first_of(line, lines)
    if line is reference or line.change is not None:
        return line.change
    if line.paper is None or reference.paper is None:
        return None
    return line.paper - reference.paper


def markdown(title: str, note: str, lines: Sequence[Line]) -> str:
    """Return a title, a note that may be empty, and a table for each column of a study."""
    parts = [f"# {title}", "", *([note, ""] if note else [])]
    for column in dict.fromkeys(line.column for line in lines):
        of_column = [line for line in lines if line.column == column]
        parts += [*_table(column, of_column), ""]
    return "\n".join([*parts, _LEGEND, ""])


_LEGEND = (
    "Percent; ± is the standard deviation over seeds. Differences are in points, from the first "
    f"row (of a group); in brackets the {CONFIDENCE:.0%} confidence interval of differences that "
    "are paired by seed."
)


def _table(column: str, lines: Sequence[Line]) -> Iterator[str]:
    yield f"| {column} | paper | gapjax | seeds | paper's difference | difference |"
    yield "|---|---|---|---|---|---|"
    group = ""
    for line in lines:
        if line.group != group:
            group = line.group
            yield f"| **{group}** | | | | | |"
        papers = paper_difference(line, lines)
        cells = (
            line.name,
            "-" if line.paper is None else f"{line.paper:.1f}",
            _measured(line.values),
            str(len(line.values)),
            "-" if papers is None else f"{papers:+.1f}",
            _interval(difference(line, lines)),
        )
        yield f"| {' | '.join(cells)} |"


def _measured(values: Mapping[int, float]) -> str:
    if not values:
        return "-"
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.1f}" if len(values) == 1 else f"{mean:.1f} ± {deviation:.1f}"


def mean_and_deviation(values: Mapping[int, float]) -> tuple[float, float]:
    """Return mean and sample standard deviation; nan where there are too few values.

    >>> mean_and_deviation({1: 80.0, 2: 82.0, 3: 84.0})
    (82.0, 2.0)
    """
    each = list(values.values())
    mean = statistics.fmean(each) if each else math.nan
    return mean, statistics.stdev(each) if len(each) > 1 else math.nan


def _interval(found: Difference | None) -> str:
    if found is None:
        return "-"
    if math.isnan(found.low):
        return f"{found.mean:+.1f}"
    return f"{found.mean:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"


def summary(lines: Sequence[Line]) -> list[Sequence[str]]:
    """Return a table with a header and a line for each row and column; empty is unknown."""
    head = ("group", "row", "column", "paper", "mean", "deviation", "seeds")
    head += ("paper_difference", "difference", "low", "high")
    rows: list[Sequence[str]] = [head]
    for line in lines:
        found = difference(line, lines) or Difference(math.nan, math.nan, math.nan)
        numbers = (line.paper, *mean_and_deviation(line.values), len(line.values))
        numbers += (paper_difference(line, lines), *found)
        rows.append((line.group, line.name, line.column, *map(_cell, numbers)))
    return rows


def runs(lines: Sequence[Line]) -> list[Sequence[str]]:
    """Return a table with a header and a line for each row, column and seed."""
    rows = [
        (line.group, line.name, line.column, str(seed), _cell(value))
        for line in lines
        for seed, value in line.values.items()
    ]
    return [("group", "row", "column", "seed", "value"), *rows]


def _cell(value: float | int | None) -> str:
    """Return a number with three decimals; empty if it is unknown."""
    if value is None or math.isnan(value):
        return ""
    return f"{value:.3f}".rstrip("0").rstrip(".")
