"""What is drawn: every name and number that it should show, where it should be."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from gapjax.analysis import confusions, figures, run_figures


def texts(figure: Figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))]


def test_the_headline_breaks_lines_between_metadata() -> None:
    figure = figures.figure(4.0, 4.0)
    metadata = ["a long text that has words", "another one", "and the third of the texts"]
    figures.headline(figure, "a title", metadata)
    lines = figure.texts[1].get_text().replace("\N{NO-BREAK SPACE}", " ").split("\n")
    assert lines == ["a long text that has words  ·  another one", "and the third of the texts"]


def test_a_confusion_matrix_shows_names_and_counts() -> None:
    figure = figures.figure(5.0, 5.0)
    counts = np.array([[17, 0, 3], [0, 0, 0], [0, 11, 0]])
    axes = figure.subplots()
    figures.draw_confusion(axes, counts, ["nod", "bow", "hug"])
    shown = texts(figure)
    title = "rows: true class, columns: recognized as"
    assert {"nod", "bow", "hug", "17", "3", "11", title} <= set(shown)
    assert "0" not in shown
    order = [["nod", "bow", "hug"].index(text.get_text()) for text in axes.get_yticklabels()]
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        ["nod", "bow", "hug"][k] for k in order
    ]
    shares = np.array([[0.85, 0, 0.15], [0, 0, 0], [0, 1, 0]])[np.ix_(order, order)]
    np.testing.assert_allclose(axes.images[0].get_array(), shares)


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "side", "every"), [(120, 12.0, 1), (60, 2.5, 2)])
def test_names_of_many_classes_do_not_overlap(classes: int, side: float, every: int) -> None:
    figure = figures.figure(side + 4, side + 4)
    axes = figure.subplots()
    labels = [f"class {k}" for k in range(classes)]
    figures.draw_confusion(axes, np.eye(classes, dtype=int), labels, side=side, marked=[3])
    figure.canvas.draw()
    rows, columns = axes.get_yticklabels(), axes.get_xticklabels()
    assert len(rows) == len(columns) == -(-classes // every)
    assert rows[0].get_size() >= 4.5
    boxes = [text.get_window_extent() for text in rows]
    assert all(high.y0 >= low.y1 - 1 for high, low in itertools.pairwise(boxes))
    colors = {text.get_text(): text.get_color() for text in (*rows, *columns)}
    assert {name for name in colors if colors[name] == figures.LINES[1]} == {"class 3"} & {*colors}


def test_confused_classes_are_neighbors() -> None:
    """Three groups of four classes that take each other, in mixed order."""
    rng = np.random.default_rng(0)
    group = rng.permutation(np.repeat([0, 1, 2], 4))
    counts = rng.integers(1, 3, (12, 12)) + 20 * (group[:, None] == group)
    order = confusions.similarity_order(counts)
    assert sorted(order) == list(range(12))
    assert len(list(itertools.groupby(group[order]))) == 3


@pytest.mark.parametrize("classes", [4, 24])
def test_names_are_within_the_figure(tmp_path: Path, classes: int) -> None:
    figure_of: list[Figure] = []
    labels = [f"a class of long movements {k}" for k in range(classes)]
    counts = np.eye(classes, dtype=int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", lambda figure, path: figure_of.append(figure))
        run_figures.draw_confusions(counts, labels, "a title", ["metadata"], tmp_path)
    figure_of[0].savefig(io.BytesIO())
    axes, inches = figure_of[0].axes[0], figure_of[0].dpi
    corners = [
        text.get_window_extent() for text in (*axes.get_xticklabels(), *axes.get_yticklabels())
    ]
    assert min(box.x0 for box in corners) > 0.02 * inches
    assert min(box.y0 for box in corners) > 0.02 * inches


def test_the_largest_confusions_come_first() -> None:
    counts = np.array([[5, 5, 0], [0, 0, 0], [3, 1, 0]])
    found = [(c.true, c.recognized, c.count, c.share) for c in confusions.largest(counts)]
    assert found == [(2, 0, 3, 0.75), (0, 1, 5, 0.5), (2, 1, 1, 0.25)]
    assert len(confusions.largest(counts, most=2)) == 2


def test_bars_are_sorted_and_leave_out_classes_without_samples() -> None:
    figure = figures.figure(5.0, 5.0)
    axes = figure.subplots()
    values = np.array([0.5, np.nan, -0.25, 0.75])
    figures.draw_bars(axes, values, ["nod", "bow", "hug", "sit"], "a title")
    assert [bar.get_width() for bar in axes.patches] == [-25, 50, 75]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["hug", "nod", "sit"]
    assert {"-25.0", "50.0", "75.0"} <= set(texts(figure))
    negative, *positive = (bar.get_facecolor() for bar in axes.patches)
    assert positive[0] == positive[1] != negative


def test_curves_are_named_at_their_ends() -> None:
    figure = figures.figure(5.0, 5.0)
    axes = figure.subplots()
    epochs = np.array([1.0, 2.0])
    curves = {
        "test": (epochs, np.array([10.0, 90.0])),
        "training": (epochs, np.array([20.0, 91.0])),
    }
    figures.draw_curves(axes, curves, "accuracy", ".1f")
    assert {"test 90.0", "training 91.0"} <= set(texts(figure))
    low, high = (text.xy[1] for text in axes.texts)
    assert high - low > 4
    assert (low + high) / 2 == pytest.approx(90.5)
    assert {line.get_marker() for line in axes.lines} == {"o"}


@pytest.mark.parametrize("epochs", [1, 2, 100])
def test_epochs_are_whole_and_few_values_are_marked(epochs: int) -> None:
    figure = figures.figure(5.0, 5.0)
    axes = figure.subplots()
    values = np.arange(1.0, 1 + epochs)
    figures.draw_curves(axes, {"test": (values, values)}, "accuracy", ".1f")
    figure.canvas.draw()
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)
    assert (axes.lines[0].get_marker() == "o") == (epochs < 100)
