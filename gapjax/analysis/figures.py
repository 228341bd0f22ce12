"""How the project's pictures look: what is drawn onto matplotlib axes."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gapjax.workdir.history import Series

INK, QUIET, RULE = "#1d2733", "#6b7787", "#e4e8ed"
LINES = ("#2a5fa5", "#d0702c", "#2f8f6b", "#a0468c", "#8a6d1f", "#5a5fbf")

# Up to so many classes, a confusion matrix shows counts, names and ruled columns, every row's name.
MOST_COUNTED, MOST_NAMED, MOST_ROWS = 24, 40, 80


def shades(steps: int = 256) -> ListedColormap:
    """Return a colour map from white to deep blue whose lightness falls evenly.

    It is a path through OKLCh (Ottosson, "A perceptual color space", 2020): lightness falls
    linearly from 1 to 0.3, hue turns from 220° to 265°, and colourfulness swells in between.
    """
    place = np.linspace(0, 1, steps)
    lightness, hue = 1 - 0.7 * place, np.deg2rad(220 + 45 * place)
    chroma = 0.13 * np.sin(np.pi * place**0.9 * 0.78)
    oklab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)])
    to_cones = [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.2914855480],
    ]
    to_linear = [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
    linear = np.clip(np.array(to_linear) @ (np.array(to_cones) @ oklab) ** 3, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return ListedColormap(srgb.T, name="shades")


def figure(width: float, height: float) -> Figure:
    """Return an empty white figure of a size in inches, whose parts make room for their text."""
    whole = Figure(figsize=(width, height), dpi=150, facecolor="white", layout="constrained")
    whole.get_layout_engine().set(w_pad=0.12, h_pad=0.1, wspace=0.04, hspace=0.06)
    return whole


def save(whole: Figure, path: Path) -> None:
    """Write a figure as a picture, whose folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.savefig(path)


def headline(whole: Figure, title: str, told: Sequence[str]) -> None:
    """Write a title, and below it some facts in quiet lines, at the upper left of a figure."""
    height, width = whole.get_figheight(), whole.get_figwidth()
    unbroken = "  ·  ".join(fact.replace(" ", "\N{NO-BREAK SPACE}") for fact in told)
    lines = [line.strip(" ·") for line in textwrap.wrap(unbroken, int(13.5 * width))]
    below = 0.5 + 0.2 * len(lines)
    whole.get_layout_engine().set(rect=(0, 0, 1, 1 - below / height))
    place = {"x": 0.14 / width, "va": "top"}
    whole.text(s=title, y=1 - 0.2 / height, color=INK, size=15, weight="bold", **place)
    text = "\n".join(lines)
    whole.text(s=text, y=1 - 0.52 / height, color=QUIET, size=9.5, linespacing=1.35, **place)


def clear(axes: Axes, title: str) -> None:
    """Give axes their title at the left, quiet ticks, and no frame."""
    axes.set_title(title, loc="left", color=INK, size=10.5, weight="bold", pad=8)
    axes.tick_params(colors=QUIET, labelsize=8.5, length=0)
    axes.spines[:].set_visible(False)


def draw_confusion(
    axes: Axes, counts: Int[np.ndarray, "k k"], labels: Sequence[str], title: str
) -> None:
    """Draw a confusion matrix: each true class's row shows the shares of its samples.

    A class without samples has an empty row. Cells show counts where there are few classes.
    """
    classes = len(counts)
    samples = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(samples, 1)
    clear(axes, title)
    axes.imshow(shares, cmap=shades(), vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    size = float(np.clip(190 / classes, 4.5, 9))
    rows = np.arange(0, classes, 1 + classes // MOST_ROWS)
    axes.set_yticks(rows, [labels[k] for k in rows], size=size, color=INK)
    axes.set_xticks([])
    if classes <= MOST_NAMED:
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(np.arange(classes), labels, size=size, color=INK, **slanted)
        ends = np.arange(classes + 1) - 0.5
        axes.set_xticks(ends, minor=True)
        axes.set_yticks(ends, minor=True)
        axes.grid(which="minor", color=RULE, linewidth=0.6)
        axes.tick_params(which="minor", length=0)
    if classes <= MOST_COUNTED:
        for row, column in np.argwhere(counts):
            color = "white" if shares[row, column] > 0.45 else INK
            text = str(counts[row, column])
            axes.text(column, row, text, color=color, size=0.85 * size, ha="center", va="center")


def draw_bars(
    axes: Axes, values: Float[np.ndarray, " k"], labels: Sequence[str], title: str
) -> None:
    """Draw one horizontal bar a class, in percent and sorted; what is below zero has its colour.

    Classes whose value is nan are left out.
    """
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    percent, places = 100 * values[order], np.arange(len(order))
    clear(axes, title)
    colors = [LINES[0] if value >= 0 else LINES[1] for value in percent]
    axes.barh(places, percent, height=0.66, color=colors)
    axes.set_yticks(places, [labels[k] for k in order], size=8.5, color=INK)
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.margins(x=0.12)
    axes.set_xticks([])
    axes.axvline(0, color=QUIET, linewidth=0.8)
    for place, value in zip(places, percent, strict=True):
        shift = 4 if value >= 0 else -4
        axes.annotate(
            f"{value:.1f}",
            (value, place),
            xytext=(shift, 0),
            textcoords="offset points",
            ha="left" if value >= 0 else "right",
            va="center",
            size=8,
            color=QUIET,
        )


def draw_curves(axes: Axes, curves: Mapping[str, Series], title: str, form: str) -> None:
    """Draw one line a curve over epochs, and write its name and last value at its end.

    Args:
        axes: where.
        curves: name → (epochs, values).
        title: what the values are.
        form: how a value is written, as for `format`.
    """
    clear(axes, title)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 2.5, 5, 10)))
    colors = dict(zip(curves, LINES * len(curves), strict=False))
    for name, (epochs, values) in curves.items():
        marker = "o" if len(values) == 1 else None
        axes.plot(epochs, values, color=colors[name], linewidth=1.8, marker=marker, clip_on=False)
    low, high = axes.get_ylim()
    names = sorted(curves, key=lambda name: curves[name][1][-1])
    lasts = np.array([curves[name][1][-1] for name in names])
    for name, last, place in zip(names, lasts, spread(lasts, 0.07 * (high - low)), strict=True):
        axes.annotate(
            f"{name} {format(last, form)}",
            (curves[name][0][-1], place),
            xytext=(6, 0),
            textcoords="offset points",
            color=colors[name],
            size=8.5,
            va="center",
            annotation_clip=False,
        )


def spread(values: Float[np.ndarray, " n"], apart: float) -> Float[np.ndarray, " n"]:
    """Return sorted places near sorted values, at least `apart` from each other.

    >>> spread(np.array([1.0, 1.0, 9.0]), 2.0)
    array([0., 2., 9.])
    """
    steps = apart * np.arange(len(values))
    pushed = np.maximum.accumulate(values - steps) + steps
    pulled = np.minimum.accumulate((values - steps)[::-1])[::-1] + steps
    return (pushed + pulled) / 2
