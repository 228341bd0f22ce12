"""The seen-unseen curve as it is drawn."""

import collections
import csv
from pathlib import Path

import numpy as np

from gapjax.analysis import figures
from gapjax.workdir.scores import Scores
from gapjax.zero_shot.calibration import harmonic_mean, seen_unseen_curve
from gapjax.zero_shot.figures import draw_curve, write_confusion, write_gammas
from support.zero_shot_oracle import UNSEEN, random_scores


def test_the_curve_and_each_gamma_are_drawn() -> None:
    figure = figures.figure(5.0, 5.0)
    axes = figure.subplots()
    curve = seen_unseen_curve(*random_scores(0), UNSEEN)
    draw_curve(axes, curve, {"validation": 0.1, "oracle": 0.3})
    line, *points = axes.lines
    np.testing.assert_allclose(line.get_xdata(), 100 * curve.unseen)
    np.testing.assert_allclose(line.get_ydata(), 100 * curve.seen)
    positions = [(point.get_xdata()[0], point.get_ydata()[0]) for point in points]
    expected = [curve.at(gamma)[::-1] for gamma in (0.1, 0.3)]
    np.testing.assert_allclose(positions, 100 * np.array(expected))
    first, second = (text.get_text() for text in axes.get_legend().get_texts())
    assert "validation" in first
    assert "oracle" in second
    assert axes.get_xlabel() == "accuracy on unseen classes, %"
    assert axes.get_ylabel() == "accuracy on seen classes, %"
    figure.canvas.draw()
    panel, legend = axes.get_window_extent(), axes.get_legend().get_window_extent()
    assert panel.x0 <= legend.x0 <= legend.x1 <= panel.x1
    assert panel.y0 <= legend.y0 <= legend.y1 <= panel.y1


def test_seen_classes_have_confusions(tmp_path: Path) -> None:
    """At γ the accuracies of the matrix are those of the curve."""
    score, label = random_scores(0)
    classes = score.shape[1]
    facts = {"unseen": " ".join(map(str, UNSEEN))}
    of = Scores(score, label, np.array([f"s{i}" for i in range(len(label))]), facts)
    names = [f"class {k}" for k in range(classes)]
    for gammas, gamma in (({"oracle": 0.1, "validation": 0.3}, 0.3), ({}, 0.0)):
        write_confusion(of, names, gammas, tmp_path)
        rows = list(csv.DictReader((tmp_path / "confusions.csv").read_text().splitlines()))
        wrong = collections.Counter()
        for row in rows:
            wrong[names.index(row["true"]) in UNSEEN] += int(row["samples"])
        total = collections.Counter(int(k) in UNSEEN for k in label)
        accuracy = [1 - wrong[of_unseen] / total[of_unseen] for of_unseen in (False, True)]
        np.testing.assert_allclose(accuracy, seen_unseen_curve(score, label, UNSEEN).at(gamma))
        assert (tmp_path / "confusion.png").stat().st_size > 10_000


def test_accuracies_over_gamma_are_means_of_the_curves(tmp_path: Path) -> None:
    curves = [seen_unseen_curve(*random_scores(seed), UNSEEN) for seed in (0, 1)]
    path = write_gammas(
        curves, {"validation": (0.1, 0.4), "paper": (0.012, 0.3)}, "Title", tmp_path
    )
    assert path.stat().st_size > 10_000
    rows = list(csv.DictReader((tmp_path / "gamma.csv").read_text().splitlines()))
    assert len(rows) > 20
    for row in rows:
        pairs = [curve.at(float(row["gamma"])) for curve in curves]
        threes = np.mean([(*pair, harmonic_mean(*pair)) for pair in pairs], axis=0)
        found = [float(row[key]) for key in "SUH"]
        np.testing.assert_allclose(found, 100 * threes, atol=1e-3)
    assert rows[0]["U"] == rows[-1]["S"] == "0.000"
