"""Pictures: what they say, that they are written, and one clear line where they cannot be."""

import doctest
import json
import pathlib

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from gapjax import plots
from gapjax.analysis import figures
from gapjax.workdir.scores import Scores, scores_path, write_scores


def scores(classes: int, samples: int = 300, **facts: str) -> Scores:
    rng = np.random.default_rng(classes)
    label = rng.integers(0, classes, size=samples).astype(np.int32)
    score = rng.normal(size=(samples, classes)).astype(np.float32)
    score[np.arange(samples), label] += 3
    return Scores(score, label, np.array([f"s{i}" for i in range(samples)]), facts)


LINES = [
    {"step": 5, "epoch": 1, "train/loss": 3.0, "train/accuracy": 0.2},
    {"step": 10, "epoch": 1, "train/loss": 2.0, "train/accuracy": 0.4},
    {"step": 10, "epoch": 1, "eval/top1": 0.5},
    {"step": 15, "epoch": 2, "train/loss": 1.0, "train/accuracy": 0.6},
]


def write_lines(path: pathlib.Path, end: str = "\n") -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, LINES)) + end)
    return path


def test_class_names_are_the_datasets_or_numbers() -> None:
    assert plots.class_names(scores(10, dataset="nw_ucla"))[3] == "walk around"
    assert plots.class_names(scores(9, dataset="nw_ucla"))[:2] == ["0", "1"]
    assert plots.class_names(scores(3, dataset="unknown")) == ["0", "1", "2"]
    assert plots.class_names(scores(2)) == ["0", "1"]


def test_the_headline_tells_what_the_number_must_be_told_with() -> None:
    title, told = plots.result(
        scores(10, evaluation="test", protocol="xview", text="none", seed="1", modality="bone")
    )
    assert title.endswith("% of 300 test clips recognised")
    assert told[:4] == ["xview", "bone", "text none", "seed 1"]
    assert [fact.split()[0] for fact in told[4:]] == ["top-5", "mean"]


def test_the_headline_breaks_lines_between_facts() -> None:
    figure = figures.figure(4.0, 4.0)
    told = ["a long fact that has words", "another one", "and the third of the facts"]
    figures.headline(figure, "a title", told)
    lines = figure.texts[1].get_text().replace("\N{NO-BREAK SPACE}", " ").split("\n")
    assert lines == ["a long fact that has words  ·  another one", "and the third of the facts"]


def texts(figure: Figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))]


def test_a_confusion_matrix_shows_names_and_counts() -> None:
    figure = figures.figure(5.0, 5.0)
    counts = np.array([[17, 0, 3], [0, 0, 0], [0, 11, 0]])
    axes = figure.subplots()
    figures.draw_confusion(axes, counts, ["nod", "bow", "hug"], "a title")
    shown = texts(figure)
    assert {"nod", "bow", "hug", "17", "3", "11", "a title"} <= set(shown)
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


def test_curves_are_named_at_their_ends() -> None:
    figure = figures.figure(5.0, 5.0)
    axes = figure.subplots()
    place = np.array([1.0, 2.0])
    curves = {"test": (place, np.array([10.0, 90.0])), "training": (place, np.array([20.0, 91.0]))}
    figures.draw_curves(axes, curves, "accuracy", ".1f")
    assert {"test 90.0", "training 91.0"} <= set(texts(figure))
    low, high = (text.xy[1] for text in axes.texts)
    assert high - low > 4
    assert (low + high) / 2 == pytest.approx(90.5)


def test_the_shades_fall_evenly_in_lightness() -> None:
    colors = figures.shades(101).colors
    assert (colors[0] > 0.99).all()
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    steps = -np.diff(np.cbrt(luminance))
    assert (steps > 0).all()
    assert steps.max() < 2 * steps.mean()


@pytest.mark.parametrize("classes", [10, 24, 60])
def test_pictures_are_written_for_any_number_of_classes(
    tmp_path: pathlib.Path, classes: int
) -> None:
    metrics = write_lines(tmp_path / "metrics.jsonl")
    labels = [f"a class of movements {k}" for k in range(classes)]
    path = tmp_path / "new" / "summary.png"
    plots.summary_picture(metrics, scores(classes, seed="1"), labels, path)
    pixels = imread(path)
    assert pixels.shape[1] > 1.5 * pixels.shape[0] > 900
    assert pixels[:, :, :3].std() > 0.05


def test_the_command_writes_four_pictures(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    for run in ("a", "b"):
        write_lines(tmp_path / run / "metrics.jsonl")
        write_scores(scores_path(tmp_path / run, "test"), scores(10, dataset="nw_ucla"))
    assert plots.main([str(tmp_path / "a"), f"--compare={tmp_path / 'b'}"]) == 0
    written = sorted(path.name for path in (tmp_path / "a" / "plots").iterdir())
    assert written == ["accuracy.png", "confusion.png", "curves.png", "summary.png"]
    assert capsys.readouterr().out.strip() == str(tmp_path / "a" / "plots" / "summary.png")


def test_a_directory_without_scores_is_one_line_and_status_2(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    assert plots.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "plots").exists()


def test_doctests() -> None:
    assert doctest.testmod(figures) == (0, 1)
