"""The figure of a study: what was measured beside the paper's numbers, row by row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from gapjax.analysis import figures
from gapjax.analysis.comparison import Line, mean_and_deviation


def write(title: str, note: str, lines: Sequence[Line], path: Path) -> None:
    """Write a panel for each column: mean and deviation of every row, and the paper's number.

    Args:
        title: what is studied.
        note: what is said below the title; it may be empty.
        lines: the rows in their columns.
        path: the file to write.
    """
    columns = list(dict.fromkeys(line.column for line in lines))
    names = [_title(line) for line in lines if line.column == columns[0]]
    width = 0.075 * max(map(len, names)) + 3.0 * len(columns) + 1.0
    figure = figures.figure(max(width, 6.4, 0.15 * len(title)), 1.7 + 0.3 * len(names))
    panels = figure.subplots(1, len(columns), squeeze=False, sharey=True)[0]
    for axes, column in zip(panels, columns, strict=True):
        _draw(axes, [line for line in lines if line.column == column], f"{column}, %")
    panels[0].set_yticks(np.arange(len(names)), names, size=8.5, color=figures.INK)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    seeds = max(len(line.values) for line in lines)
    ours = f"filled: gapjax, mean ± standard deviation of {seeds} seeds"
    about = (note, ours, "hollow: the paper")
    figures.headline(figure, title, [text for text in about if text])
    figures.save(figure, path)


def _title(line: Line) -> str:
    return f"{line.group}: {line.name}" if line.group else line.name


def _draw(axes: Axes, lines: Sequence[Line], title: str) -> None:
    """Draw the rows of a column."""
    figures.style(axes, title)
    axes.grid(axis="x", color=figures.RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    for row, line in enumerate(lines):
        if line.paper is not None:
            hollow = {"markerfacecolor": "white", "markeredgecolor": figures.LINES[1]}
            axes.plot([line.paper], [row], "D", markersize=6, **hollow)
        if line.values:
            mean, deviation = mean_and_deviation(line.values)
            bar = {"xerr": deviation} if len(line.values) > 1 else {}
            axes.errorbar([mean], [row], fmt="o", color=figures.LINES[0], capsize=3, **bar)
