"""What is drawn: every name and number that it should show, where it should be."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from gapjax.analysis import figures


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
    shares = axes.images[0].get_array()
    np.testing.assert_allclose(shares, [[0.85, 0, 0.15], [0, 0, 0], [0, 1, 0]])


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
