"""Calibrated stacking against trying every γ by hand."""

import numpy as np
import pytest

from gapjax.zero_shot.calibration import (
    AVERAGES,
    best_gamma,
    harmonic_mean,
    interval_centers,
    seen_unseen_curve,
)
from support.zero_shot_oracle import UNSEEN, accuracies, random_scores


@pytest.fixture(params=[0, 1, 2])
def drawn(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    return random_scores(request.param)


@pytest.mark.parametrize("average", sorted(AVERAGES))
def test_the_curve_at_any_gamma(drawn: tuple[np.ndarray, np.ndarray], average: str) -> None:
    curve = seen_unseen_curve(*drawn, UNSEEN, average)
    centers = interval_centers(curve.threshold)
    gammas = np.concatenate([centers, curve.threshold, [-99.0, 99.0, 0.0, 0.012]])
    for gamma in gammas:
        expected = accuracies(*drawn, gamma, average)
        np.testing.assert_allclose(curve.at(gamma), expected, atol=1e-12)


def test_the_area_is_that_of_a_fine_grid(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    curve = seen_unseen_curve(*drawn, UNSEEN)
    points = [accuracies(*drawn, gamma, "sample") for gamma in np.linspace(-4, 4, 321) + 1e-4]
    seen, unseen = np.array(points).T
    assert curve.area == pytest.approx(np.trapezoid(seen, unseen), abs=1e-12)
    assert 0 < curve.area < 1


def test_a_perfect_scorer_has_area_one_and_a_wrong_one_none() -> None:
    label = np.array([0, 1, 2, 3, 4, 5, 6])
    perfect = np.eye(7, dtype=np.float32)
    curve = seen_unseen_curve(perfect, label, UNSEEN)
    assert curve.area == 1.0
    assert curve.at(0.0) == (1.0, 1.0)
    wrong = seen_unseen_curve(np.roll(perfect, 2, axis=1) * (1 + label[:, None]), label, UNSEEN)
    assert wrong.area == 0.0
    assert wrong.at(0.0) == (0.0, 0.0)


def test_no_gamma_is_better_than_the_best(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    curve = seen_unseen_curve(*drawn, UNSEEN)
    best = harmonic_mean(*curve.at(best_gamma([curve])))
    tried = [harmonic_mean(*curve.at(gamma)) for gamma in np.linspace(-4, 4, 999)]
    assert best >= max(tried) - 1e-12


def test_the_best_gamma_of_several_curves_has_the_best_mean() -> None:
    rng = np.random.default_rng(3)
    label = rng.integers(0, 7, size=60)
    curves = []
    for shift in (0.0, 1.0):
        score = rng.random((60, 7)).astype(np.float32) + 0.4 * np.eye(7, dtype=np.float32)[label]
        score[:, list(UNSEEN)] -= shift
        curves.append(seen_unseen_curve(score, label, UNSEEN))

    def mean(gamma: float) -> float:
        return float(np.mean([harmonic_mean(*curve.at(gamma)) for curve in curves]))

    best = mean(best_gamma(curves))
    assert best >= max(mean(gamma) for gamma in np.linspace(-2, 3, 777)) - 1e-12
