"""Zero-shot accuracies against trying every γ by hand."""

import doctest
import itertools

import numpy as np
import pytest

from gapjax.workdir.scores import Scores
from gapjax.zero_shot import calibration
from gapjax.zero_shot.calibration import AVERAGES, best_gamma, harmonic_mean, make_curve, middles

UNSEEN = (5, 1, 3)


@pytest.fixture(params=[0, 1, 2])
def drawn(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Scores of 90 samples and 7 classes, with many ties, better than chance."""
    rng = np.random.default_rng(request.param)
    label = rng.integers(0, 7, size=90)
    score = rng.integers(0, 9, size=(90, 7)).astype(np.float32) / 4
    score[np.arange(90), label] += 0.75
    return score, label


def accuracies(
    score: np.ndarray, label: np.ndarray, gamma: float, average: str
) -> tuple[float, float]:
    """Return (seen, unseen) accuracy by predicting every sample by itself."""
    hits: dict[bool, dict[int, list[bool]]] = {True: {}, False: {}}
    for row, true in zip(score, label, strict=True):
        seen = [c for c in range(7) if c not in UNSEEN]
        best_seen = max(seen, key=lambda c, row=row: row[c])
        best_unseen = max(sorted(UNSEEN), key=lambda c, row=row: row[c])
        taken = best_seen if row[best_seen] - gamma >= row[best_unseen] else best_unseen
        hits[true in UNSEEN].setdefault(int(true), []).append(taken == true)
    by_class = [[np.mean(each) for each in hits[group].values()] for group in (False, True)]
    by_sample = [
        list(itertools.chain.from_iterable(hits[group].values())) for group in (False, True)
    ]
    chosen = by_class if average == "class" else by_sample
    return float(np.mean(chosen[0])), float(np.mean(chosen[1]))


@pytest.mark.parametrize("average", sorted(AVERAGES))
def test_the_curve_at_any_gamma(drawn: tuple[np.ndarray, np.ndarray], average: str) -> None:
    curve = make_curve(*drawn, UNSEEN, average)
    gammas = np.concatenate([middles(curve.threshold), curve.threshold, [-99.0, 99.0, 0.0, 0.012]])
    for gamma in gammas:
        expected = accuracies(*drawn, gamma, average)
        np.testing.assert_allclose(curve.at(gamma), expected, atol=1e-12)


def test_the_area_is_that_of_a_fine_grid(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    curve = make_curve(*drawn, UNSEEN)
    points = [accuracies(*drawn, gamma, "sample") for gamma in np.linspace(-4, 4, 321) + 1e-4]
    seen, unseen = np.array(points).T
    assert curve.area == pytest.approx(np.trapezoid(seen, unseen), abs=1e-12)
    assert 0 < curve.area < 1


def test_a_perfect_scorer_has_area_one_and_a_wrong_one_none() -> None:
    label = np.array([0, 1, 2, 3, 4, 5, 6])
    perfect = np.eye(7, dtype=np.float32)
    curve = make_curve(perfect, label, UNSEEN)
    assert curve.area == 1.0
    assert curve.at(0.0) == (1.0, 1.0)
    wrong = make_curve(np.roll(perfect, 2, axis=1) * (1 + label[:, None]), label, UNSEEN)
    assert wrong.area == 0.0
    assert wrong.at(0.0) == (0.0, 0.0)


def test_no_gamma_is_better_than_the_best(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    curve = make_curve(*drawn, UNSEEN)
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
        curves.append(make_curve(score, label, UNSEEN))

    def mean(gamma: float) -> float:
        return float(np.mean([harmonic_mean(*curve.at(gamma)) for curve in curves]))

    best = mean(best_gamma(curves))
    assert best >= max(mean(gamma) for gamma in np.linspace(-2, 3, 777)) - 1e-12


def test_zero_shot_scores_know_the_unseen_classes_alone(
    drawn: tuple[np.ndarray, np.ndarray],
) -> None:
    score, label = drawn
    own, place = calibration.zero_shot_scores(score, label, UNSEEN)
    assert own.shape == (np.isin(label, UNSEEN).sum(), 3)
    np.testing.assert_array_equal(np.array(UNSEEN)[place], label[np.isin(label, UNSEEN)])
    np.testing.assert_array_equal(own[0], score[np.isin(label, UNSEEN)][0][[5, 1, 3]])


def test_the_summary_names_where_each_gamma_comes_from(
    drawn: tuple[np.ndarray, np.ndarray],
) -> None:
    scores = Scores(*drawn, np.array([f"s{i}" for i in range(90)]))
    gammas = {"paper": 0.012, "validation": 0.5}
    metrics = calibration.summary("test", scores, unseen=UNSEEN, gammas=gammas)
    for source in ("paper", "validation", "oracle"):
        seen, unseen = metrics[f"gzsl_{source}/seen"], metrics[f"gzsl_{source}/unseen"]
        expected = accuracies(*drawn, metrics[f"gzsl_{source}/gamma"], "sample")
        np.testing.assert_allclose((seen, unseen), expected, atol=1e-12)
        harmonic = metrics[f"gzsl_{source}/harmonic"]
        assert harmonic == pytest.approx(2 * seen * unseen / (seen + unseen))
    assert metrics["gzsl_oracle/harmonic"] >= metrics["gzsl_validation/harmonic"]


def test_the_examples_in_docstrings() -> None:
    assert doctest.testmod(calibration).failed == 0


def test_samples_of_seen_classes_alone_are_told_apart() -> None:
    """Those of validation subjects: there is nothing unseen to recognise, and no curve."""
    score = np.array([[0.1, 0.9, 0.3], [0.9, 0.1, 0.3], [0.2, 0.1, 0.3]], np.float32)
    scores = Scores(score, np.array([0, 0, 2]), np.array(["a", "b", "c"]))
    found = calibration.summary("validation", scores, unseen=[1], gammas={"paper": 0.1})
    assert found == {
        "validation/top1": pytest.approx(2 / 3),
        "validation/mean_class": pytest.approx(3 / 4),
    }
