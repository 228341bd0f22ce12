"""Clips and texts of classes as points of a plane, a panel for each space."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gapjax.analysis import figures
from gapjax.workdir.score_tables import write_rows

# The side of a panel, in inches.
SIDE = 3.1
# The most characters of a line of a title that fit above one.
MOST = 38


@dataclass(frozen=True, eq=False)
class Panel:
    """Points of a plane.

    Attributes:
        title: what is drawn, in one or two lines.
        classes: the names of the classes.
        clips: the points of clips.
        label: their classes.
        texts: the point of the text of each class.
        parts: the points of the texts of its parts; of none where they are not drawn.
        part_names: the names of the parts.
    """

    title: str
    classes: Sequence[str]
    clips: Float[np.ndarray, "n 2"]
    label: Int[np.ndarray, " n"]
    texts: Float[np.ndarray, "k 2"]
    parts: Float[np.ndarray, "k p 2"]
    part_names: Sequence[str] = ()


def write(panels: Sequence[Sequence[Panel]], title: str, about: Sequence[str], path: Path) -> Path:
    """Write panels, in rows, and their points as `.csv` beside the figure; return its path.

    A class has the same color in all panels.
    """
    rows, columns = len(panels), max(map(len, panels))
    classes = list(dict.fromkeys(name for row in panels for panel in row for name in panel.classes))
    colors = {name: figures.LINES[k % len(figures.LINES)] for k, name in enumerate(classes)}
    figure = figures.figure(max(SIDE * columns, 7.0), SIDE * rows + 1.6)
    grid = figure.subplots(rows, columns, squeeze=False)
    for row, of_row in zip(grid, panels, strict=True):
        for axes, panel in zip(row, of_row, strict=False):
            _draw(axes, panel, [colors[name] for name in panel.classes])
        for axes in row[len(of_row) :]:
            axes.set_axis_off()
    handles = [
        Line2D([], [], color=colors[name], marker="o", ls="", label=name) for name in classes
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3, frameon=False, fontsize=8.5)
    figures.headline(figure, title, about)
    figures.save(figure, path)
    points = (point for row in panels for panel in row for point in _points(panel))
    write_rows(path.with_suffix(".csv"), [("panel", "class", "kind", "x", "y"), *points])
    return path


def _draw(axes: Axes, panel: Panel, colors: Sequence[str]) -> None:
    title = "\n".join(line[:MOST] for line in panel.title.replace("_", " ").splitlines())
    figures.style(axes, title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=figures.RULE)
    axes.margins(0.2 if panel.parts.size else 0.1, 0.1)
    if panel.parts.size:
        # As in STAR's figure: the polygon of the names.
        axes.fill(*panel.texts.T, facecolor="none", edgecolor=figures.RULE, zorder=0)
    for k, color in enumerate(colors):
        small = {"s": 9, "color": color, "linewidths": 0}
        axes.scatter(*panel.clips[panel.label == k].T, alpha=0.55, **small)
        axes.scatter(*panel.parts[k].T, marker="s", **{**small, "s": 16})
        for name, point in zip(panel.part_names, panel.parts[k], strict=True):
            offset = {"xytext": (3, 2), "textcoords": "offset points"}
            axes.annotate(name.replace("_", " "), point, size=5.5, color=color, **offset)
        big = {"s": 130, "edgecolors": "white", "linewidths": 0.8, "zorder": 3}
        axes.scatter(*panel.texts[k], marker="*", color=color, **big)


def _points(panel: Panel) -> list[Sequence[object]]:
    """Return a row for each point: panel, class, what it is, and its coordinates."""
    found = [(panel.classes[k], "clip", xy) for k, xy in zip(panel.label, panel.clips, strict=True)]
    for name, text, parts in zip(panel.classes, panel.texts, panel.parts, strict=True):
        found += [(name, "text", text)]
        found += [
            (name, f"text of {of}", xy) for of, xy in zip(panel.part_names, parts, strict=True)
        ]
    return [
        (panel.title.replace("\n", ": "), name, kind, *(f"{x:.4f}" for x in xy))
        for name, kind, xy in found
    ]
