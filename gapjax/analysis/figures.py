"""The style of the project's figures, and what is drawn onto matplotlib axes."""

import math
import textwrap
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gapjax.analysis import confusions
from gapjax.workdir.history import Series
from gapjax.workdir.scores import Scores

INK, QUIET, RULE = "#1d2733", "#6b7787", "#e4e8ed"
LINES = ("#2a5fa5", "#d0702c", "#2f8f6b", "#a0468c", "#8a6d1f", "#5a5fbf")

# The most classes for which a confusion matrix shows counts and lines between its cells.
MOST_COUNTED, MOST_RULED = 24, 60
# The smallest readable size of a class's name, in points.
SMALLEST = 4.5
# The most values of a curve that are marked one by one.
MOST_MARKED = 20


def figure(width: float, height: float) -> Figure:
    """Return an empty white figure, in inches, whose layout makes room for all text."""
    empty = Figure(figsize=(width, height), dpi=150, facecolor="white", layout="constrained")
    empty.get_layout_engine().set(w_pad=0.12, h_pad=0.1, wspace=0.04, hspace=0.06)
    return empty


def save(figure: Figure, path: Path) -> None:
    """Write a figure, creating its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def headline(figure: Figure, title: str, metadata: Sequence[str]) -> None:
    """Write a title at the upper left of a figure, and metadata in gray lines below it."""
    height, width = figure.get_figheight(), figure.get_figwidth()
    unbroken = "  ·  ".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text in metadata)
    lines = [line.strip(" ·") for line in textwrap.wrap(unbroken, int(13.5 * width))]
    below = 0.5 + 0.2 * len(lines)
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - below / height))
    corner = {"x": 0.14 / width, "va": "top"}
    figure.text(s=title, y=1 - 0.2 / height, color=INK, size=15, weight="bold", **corner)
    text, y = "\n".join(lines), 1 - 0.52 / height
    figure.text(s=text, y=y, color=QUIET, size=9.5, linespacing=1.35, **corner)


def metadata(scores: Scores, keys: Sequence[str]) -> list[str]:
    """Return metadata of scores for a headline: the values of `keys`, then text and seed."""
    values = [str(scores.facts[key]) for key in keys if key in scores.facts]
    return values + [
        f"{key} {scores.facts[key]}" for key in ("text", "seed") if key in scores.facts
    ]


def style(axes: Axes, title: str) -> None:
    """Give axes a title at the left, gray ticks, and no frame."""
    axes.set_title(title, loc="left", color=INK, size=10.5, weight="bold", pad=8)
    axes.tick_params(colors=QUIET, labelsize=8.5, length=0)
    axes.spines[:].set_visible(False)


def draw_confusion(
    axes: Axes,
    counts: Int[np.ndarray, "k k"],
    labels: Sequence[str],
    *,
    side: float = 4.5,
    marked: Collection[int] = (),
    title: str = "rows: true class, columns: recognized as",
    order: Int[np.ndarray, " k"] | None = None,
) -> None:
    """Draw a confusion matrix, shaded by the share of each true class's samples.

    Where there is no room for all names, every second is written, or every third, ...

    Args:
        axes: where to draw.
        counts: samples of each true class (row) by predicted class (column). The row of a class
            without samples stays empty.
        labels: the names of the classes.
        side: the height of the matrix in inches, about.
        marked: classes whose names have another color.
        title: what is written above it.
        order: the order of the classes; None for the one in which those confused are neighbors.
    """
    order = confusions.similarity_order(counts) if order is None else order
    counts, classes = counts[np.ix_(order, order)], len(counts)
    share = confusions.shares(counts)
    style(axes, title)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    room = 72 * side / classes
    size = float(np.clip(0.75 * room, SMALLEST, 9))
    ticks = np.arange(0, classes, math.ceil(SMALLEST / room))
    names = [labels[k] for k in order[ticks]]
    slanted = {"rotation": 45 if room > 9 else 90, "ha": "right", "rotation_mode": "anchor"}
    axes.set_yticks(ticks, names, size=size, color=INK)
    axes.set_xticks(ticks, names, size=size, color=INK, va="center", **slanted)
    for axis in (axes.get_xticklabels(), axes.get_yticklabels()):
        for tick, text in zip(ticks, axis, strict=True):
            text.set_color(LINES[1] if order[tick] in marked else INK)
    if classes <= MOST_RULED:
        _rule_cells(axes, classes)
    if classes <= MOST_COUNTED:
        _write_counts(axes, counts, share, 0.85 * size)


def _write_counts(
    axes: Axes, counts: Int[np.ndarray, "k k"], share: Float[np.ndarray, "k k"], size: float
) -> None:
    for row, column in np.argwhere(counts):
        color, text = "white" if share[row, column] > 0.55 else INK, str(counts[row, column])
        axes.text(column, row, text, color=color, size=size, ha="center", va="center")


def _rule_cells(axes: Axes, classes: int) -> None:
    """Draw lines between the cells of a matrix."""
    edges = np.arange(classes + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color=RULE, linewidth=0.6)
    axes.tick_params(which="minor", length=0)


def draw_list(axes: Axes, title: str, lines: Sequence[str]) -> None:
    """Write lines of text below a title."""
    style(axes, title)
    axes.set_xticks([])
    axes.set_yticks([])
    text = "\n".join(lines)
    axes.text(0, 1, text, color=INK, size=8, va="top", linespacing=1.6, transform=axes.transAxes)


def draw_bars(
    axes: Axes,
    values: Float[np.ndarray, " k"],
    labels: Sequence[str],
    title: str,
    deviations: Float[np.ndarray, " k"] | None = None,
) -> None:
    """Draw one horizontal bar per class, sorted, in percent; negative bars have another color.

    Classes whose value is nan are left out, and so is a deviation that is nan.
    """
    if deviations is None:
        deviations = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    percent, rows = 100 * values[order], np.arange(len(order))
    bars = 100 * np.nan_to_num(deviations[order])
    style(axes, title)
    axes.barh(rows, percent, height=0.66, color=[LINES[int(value < 0)] for value in percent])
    if bars.any():
        axes.errorbar(percent, rows, xerr=bars, fmt="none", ecolor=QUIET, elinewidth=1, capsize=2)
    axes.set_yticks(rows, [labels[k] for k in order], size=8.5, color=INK)
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.margins(x=0.12)
    axes.set_xticks([])
    axes.axvline(0, color=QUIET, linewidth=0.8)
    for row, value, bar in zip(rows, percent, bars, strict=True):
        offset, side = (4, "left") if value >= 0 else (-4, "right")
        annotation = {"xytext": (offset, 0), "textcoords": "offset points", "ha": side}
        text, end = f"{value:.1f}", (value + math.copysign(bar, value), row)
        axes.annotate(text, end, va="center", size=8, color=QUIET, **annotation)


def draw_curves(axes: Axes, curves: Mapping[str, Series], title: str, form: str) -> None:
    """Draw curves over epochs, each with its name and last value at its end.

    Args:
        axes: where to draw.
        curves: name → (epochs, values); curves without epochs are left out.
        title: what the values are.
        form: the format specification of a value.
    """
    style(axes, title)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 2.5, 5, 10)))
    curves = {name: curve for name, curve in curves.items() if len(curve[0])}
    colors = dict(zip(curves, LINES * len(curves), strict=False))
    for name, (epochs, values) in curves.items():
        marks = {"marker": "o", "markersize": 4} if len(values) <= MOST_MARKED else {}
        axes.plot(epochs, values, color=colors[name], linewidth=1.8, clip_on=False, **marks)
    ends = sorted((values[-1], epochs[-1], name) for name, (epochs, values) in curves.items())
    low, high = axes.get_ylim()
    heights = spread(np.array([value for value, _, _ in ends]), 0.07 * (high - low))
    annotation = {"xytext": (6, 0), "textcoords": "offset points", "annotation_clip": False}
    for (value, epoch, name), height in zip(ends, heights, strict=True):
        text, color = f"{name} {format(value, form)}", colors[name]
        axes.annotate(text, (epoch, height), color=color, size=8.5, va="center", **annotation)


def spread(values: Float[np.ndarray, " n"], gap: float) -> Float[np.ndarray, " n"]:
    """Return ascending positions near ascending values, at least `gap` apart.

    >>> spread(np.array([1.0, 1.0, 9.0]), 2.0)
    array([0., 2., 9.])
    """
    steps = gap * np.arange(len(values))
    pushed_up = np.maximum.accumulate(values - steps) + steps
    pushed_down = np.minimum.accumulate((values - steps)[::-1])[::-1] + steps
    return (pushed_up + pushed_down) / 2
