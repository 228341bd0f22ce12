"""Pictures of skeleton sequences: a strip of frames (PNG) and an animation (GIF)."""

import io
import textwrap
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image

from data_pipelines.drawing.scene import SIDES, Scene, View, aspect, evenly, limits, sides

INK, QUIET, RULE = "#1d2733", "#6b7787", "#e4e8ed"

# A person's colors, in the order of `SIDES`.
PERSONS = (
    ("#1f4e9c", "#6d7f96", "#3fb1ea"),
    ("#b5371f", "#9a7d70", "#f2a23a"),
    ("#1d6b45", "#708c7c", "#86cf5f"),
    ("#6d2f8f", "#8b7a97", "#dd8ad8"),
)

# The marker of the root.
_RING = {"marker": "o", "ms": 6.5, "mfc": "white", "mec": INK, "mew": 1.3, "lw": 0}

# The most frames of an animation, and the duration of each: 25 frames per second.
MOST_FRAMES, MILLISECONDS = 150, 40

# Margins around and between the panels, in inches.
_LEFT, _RIGHT, _OVER, _UNDER, _GAP = 0.75, 0.2, 0.46, 0.5, 0.07


def strip(scene: Scene, frames: int) -> bytes:
    """Return a PNG: a row of at most `frames` evenly spaced frames for each view."""
    chosen = evenly(len(scene.skeleton), frames)
    shown = limits(scene, chosen, min_aspect=0.45)
    ratio = aspect(shown)
    height = float(np.clip(15 / (len(chosen) * ratio), 1.9, 2.8))
    size = ratio * height, height
    figure, panels = _panels(scene, (len(scene.views), len(chosen)), size, _GAP, dpi=120)
    for row, view in zip(panels, scene.views, strict=True):
        for axes, frame in zip(row, chosen, strict=True):
            _prepare(axes, view, shown)
            if axes is not row[0]:
                axes.tick_params(labelleft=False, labelbottom=False)
                axes.set(xlabel="", ylabel="")
                axes.set_title("", loc="left")
            _draw(axes, view, scene, int(frame))
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def animation(scene: Scene) -> bytes:
    """Return an animated GIF with all views side by side; frames of long sequences are skipped."""
    count = len(scene.skeleton)
    chosen = np.arange(0, count, -(-count // MOST_FRAMES))
    shown = limits(scene, chosen, min_aspect=0.62)
    ratio = aspect(shown)
    height = float(np.clip(4.5 / ratio, 2.4, 3.6))
    size = ratio * height, height
    gap = _LEFT + _RIGHT
    figure, ((*panels,),) = _panels(scene, (1, len(scene.views)), size, gap, dpi=90)
    for axes, view in zip(panels, scene.views, strict=True):
        _prepare(axes, view, shown)
    first, *rest = _drawn(figure, panels, scene, chosen)
    file, step = io.BytesIO(), int(chosen[1]) if len(chosen) > 1 else 1
    timing = {"duration": MILLISECONDS * step, "loop": 0}
    first.save(file, "GIF", save_all=True, append_images=rest, **timing)
    return file.getvalue()


def _drawn(
    figure: Figure, panels: Sequence[Axes], scene: Scene, frames: Int[np.ndarray, " n"]
) -> list[Image.Image]:
    """Return one image per frame; the static background is drawn once."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    background, images = canvas.copy_from_bbox(figure.bbox), []
    for frame in frames:
        canvas.restore_region(background)
        for axes, view in zip(panels, scene.views, strict=True):
            for artist in _draw(axes, view, scene, int(frame)):
                axes.draw_artist(artist)
                artist.remove()
        images.append(np.array(canvas.buffer_rgba())[..., :3])
    # With one palette for all images, the background has the same colors and is stored once.
    colors = np.concatenate([images[0], images[len(images) // 2], images[-1]])
    palette = Image.fromarray(colors).quantize(64, method=Image.Quantize.MAXCOVERAGE)
    options = {"palette": palette, "dither": Image.Dither.NONE}
    return [Image.fromarray(image).quantize(**options) for image in images]


def _panels(
    scene: Scene, shape: tuple[int, int], size: tuple[float, float], gap: float, dpi: int
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with title, caption and legend, and its empty panels (rows, columns).

    `shape` is the number of rows and columns; panels have the `size` (width, height) and columns
    the `gap` in inches.
    """
    (rows, columns), (wide, high) = shape, size
    min_width = 5.5 if scene.skeleton.shape[1] == 1 else 6.8
    width = max(_LEFT + columns * wide + (columns - 1) * gap + _RIGHT, min_width)
    unbroken = "  ·  ".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text in scene.metadata)
    lines = textwrap.wrap(unbroken, int(13 * width))
    head, foot = 0.62 + 0.19 * len(lines), 0.12 + 0.2 * scene.skeleton.shape[1]
    height = head + rows * (_OVER + high + _UNDER) + foot
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    style = {"x": 0.2 / width, "va": "top"}
    title = textwrap.shorten(scene.title, int(8 * width), placeholder="…")
    figure.text(s=title, y=1 - 0.18 / height, color=INK, size=14, weight="bold", **style)
    caption = "\n".join(line.strip(" ·") for line in lines)
    figure.text(s=caption, y=1 - 0.5 / height, color=QUIET, size=9, linespacing=1.35, **style)
    _legend(figure, scene)

    def panel(row: int, column: int) -> Axes:
        """Return the axes of one panel."""
        left = _LEFT + column * (wide + gap)
        low = height - head - (row + 1) * (_OVER + high) - row * _UNDER
        return figure.add_axes((left / width, low / height, wide / width, high / height))

    return figure, [[panel(row, column) for column in range(columns)] for row in range(rows)]


def _legend(figure: Figure, scene: Scene) -> None:
    """Add a legend of the colors at the foot of a figure, with a row for each person."""
    body_sides = sorted(set(sides(scene.body)))
    persons = scene.skeleton.shape[1]
    handles = []
    for side in body_sides:
        for person in range(persons):
            words = [f"person {person + 1}"] if persons > 1 or len(body_sides) == 1 else []
            label = ", ".join([*words, *([SIDES[side]] if len(body_sides) > 1 else [])])
            line = {"color": _colors(person)[side], "marker": "o", "ms": 4, "lw": 2.2}
            handles.append(Line2D([], [], label=label, **line))
    root = textwrap.shorten(scene.body.joints[scene.body.root], 24, placeholder="…")
    handles.append(Line2D([], [], label=f"root: {root}", **_RING))
    # Matplotlib fills the columns evenly: pad the last one, which only has the root.
    handles += [Line2D([], [], lw=0, label=" ") for _ in range(persons - 1)]
    corner = {"loc": "lower left", "bbox_to_anchor": (0.1 / figure.get_figwidth(), 0)}
    style = {"frameon": False, "fontsize": 8.5, "labelcolor": QUIET, "columnspacing": 1.4}
    figure.legend(handles=handles, ncols=len(body_sides) + 1, **corner, **style)


def _prepare(axes: Axes, view: View, shown: Float[np.ndarray, "c 2"]) -> None:
    """Set a panel's title, limits, grid and axis labels."""
    axes.set_title(view.title, loc="left", color=INK, size=10, weight="bold", pad=16)
    axes.set_xlim(*shown[view.across][:: view.rightwards])
    axes.set_ylim(*shown[1][:: view.upwards])
    for axis, name, sign, most in (
        (axes.xaxis, "xyz"[view.across], view.rightwards, 4),
        (axes.yaxis, "y", view.upwards, 6),
    ):
        axis.set_major_locator(MaxNLocator(most, steps=(1, 2, 5, 10), min_n_ticks=2))
        label = f"{name} ({view.unit})"
        axis.set_label_text(f"{label} →" if sign > 0 else f"← {label}", color=INK, size=9)
    axes.tick_params(colors=QUIET, labelsize=8, length=0)
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_color(RULE)


def _draw(axes: Axes, view: View, scene: Scene, frame: int) -> list[Artist]:
    """Draw all persons of a frame into a panel, and return the artists."""
    artists: list[Artist] = [
        axes.text(0, 1.02, f"frame {frame}", transform=axes.transAxes, color=QUIET, size=8)
    ]
    for person in np.flatnonzero(scene.drawn[frame].any(axis=1)):
        artists += _draw_body(axes, view, scene, frame, int(person))
    return artists


def _draw_body(axes: Axes, view: View, scene: Scene, frame: int, person: int) -> list[Artist]:
    """Draw a person's visible joints and the bones between them."""
    joints, seen = scene.skeleton[frame, person][:, [view.across, 1]], scene.drawn[frame, person]
    colors = np.array([_colors(person)[side] for side in sides(scene.body)])
    visible = [bone for bone in scene.body.bones if seen[list(bone)].all()]
    bones = LineCollection(
        [joints[list(bone)] for bone in visible],
        colors=[colors[child] for child, _ in visible],
        linewidths=2,
        capstyle="round",
    )
    dots = {"s": 9, "c": colors[seen], "linewidths": 0, "zorder": 2.5}
    artists: list[Artist] = [axes.add_collection(bones, autolim=False)]
    artists.append(axes.scatter(*joints[seen].T, **dots))
    if seen[scene.body.root]:
        artists += axes.plot(*joints[scene.body.root], zorder=3, **_RING | {"ms": 4.5, "mew": 1.1})
    return artists


def _colors(person: int) -> tuple[str, str, str]:
    """Return a person's colors, in the order of `SIDES`."""
    return PERSONS[person % len(PERSONS)]
