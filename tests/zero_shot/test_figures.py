"""The seen-unseen curve as it is drawn."""

import numpy as np

from gapjax.analysis import figures
from gapjax.zero_shot.calibration import seen_unseen_curve
from gapjax.zero_shot.figures import draw_curve
from support.zero_shot_oracle import UNSEEN, random_scores


def test_the_curve_and_each_gamma_are_drawn() -> None:
    axes = figures.figure(5.0, 5.0).subplots()
    curve = seen_unseen_curve(*random_scores(0), UNSEEN)
    draw_curve(axes, curve, {"validation": 0.1, "oracle": 0.3})
    line, *points = axes.lines
    np.testing.assert_allclose(line.get_xdata(), 100 * curve.unseen)
    np.testing.assert_allclose(line.get_ydata(), 100 * curve.seen)
    positions = [(point.get_xdata()[0], point.get_ydata()[0]) for point in points]
    expected = [curve.at(gamma)[::-1] for gamma in (0.1, 0.3)]
    np.testing.assert_allclose(positions, 100 * np.array(expected))
    first, second = (text.get_text() for text in axes.texts)
    assert "validation" in first
    assert "oracle" in second
