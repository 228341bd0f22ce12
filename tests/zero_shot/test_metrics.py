"""Metrics of zero-shot runs: named by the source of γ, and equal to counting by hand."""

import numpy as np
import pytest

from gapjax.workdir.scores import Scores
from gapjax.zero_shot.calibration import seen_unseen_curve
from gapjax.zero_shot.metrics import restrict, summary, table, unseen_indices
from support.zero_shot_oracle import UNSEEN, accuracies, random_scores


def named(score: np.ndarray, label: np.ndarray, **metadata: str) -> Scores:
    return Scores(score, label, np.array([f"s{i}" for i in range(len(label))]), metadata)


def test_scores_are_restricted_to_the_unseen_classes() -> None:
    score, label = random_scores(0)
    unseen_score, unseen_label = restrict(score, label, UNSEEN)
    is_unseen = np.isin(label, UNSEEN)
    assert unseen_score.shape == (is_unseen.sum(), 3)
    np.testing.assert_array_equal(np.array(UNSEEN)[unseen_label], label[is_unseen])
    np.testing.assert_array_equal(unseen_score[0], score[is_unseen][0][[5, 1, 3]])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_summary_names_the_source_of_each_gamma(seed: int) -> None:
    score, label = random_scores(seed)
    gammas = {"paper": 0.012, "validation": 0.5}
    metrics = summary("test", named(score, label), unseen=UNSEEN, gammas=gammas)
    for source in ("paper", "validation", "oracle"):
        seen, unseen = metrics[f"gzsl_{source}/seen"], metrics[f"gzsl_{source}/unseen"]
        expected = accuracies(score, label, metrics[f"gzsl_{source}/gamma"], "sample")
        np.testing.assert_allclose((seen, unseen), expected, atol=1e-12)
        harmonic = metrics[f"gzsl_{source}/harmonic"]
        assert harmonic == pytest.approx(2 * seen * unseen / (seen + unseen))
    assert metrics["gzsl_oracle/harmonic"] >= metrics["gzsl_validation/harmonic"]


def test_samples_of_seen_classes_alone_have_no_curve() -> None:
    """An evaluation of validation subjects has no unseen class to recognize."""
    score = np.array([[0.1, 0.9, 0.3], [0.9, 0.1, 0.3], [0.2, 0.1, 0.3]], np.float32)
    scores = named(score, np.array([0, 0, 2]))
    assert summary("validation", scores, unseen=[1], gammas={"paper": 0.1}) == {
        "validation/top1": pytest.approx(2 / 3),
        "validation/mean_class": pytest.approx(3 / 4),
    }


def test_a_supervised_run_has_no_unseen_classes() -> None:
    scores = random_scores(0)
    assert unseen_indices(named(*scores, unseen="1 4")) == [1, 4]
    assert unseen_indices(named(*scores)) == []


def test_the_table_has_a_row_for_each_gamma() -> None:
    score, label = random_scores(0)
    scores = named(score, label, unseen="1 4")
    first, _, row = table(scores, {"paper": 0.012}).splitlines()
    unseen_score, unseen_label = restrict(score, label, (1, 4))
    expected = 100 * (unseen_score.argmax(axis=1) == unseen_label).mean()
    assert float(first.split()[-1]) == pytest.approx(expected, abs=0.05)
    seen, unseen = seen_unseen_curve(score, label, (1, 4)).at(0.012)
    source, gamma, *numbers = row.split()
    assert (source, float(gamma)) == ("paper", 0.012)
    accuracies_and_mean = [100 * seen, 100 * unseen, 200 * seen * unseen / (seen + unseen)]
    np.testing.assert_allclose(list(map(float, numbers)), accuracies_and_mean, atol=0.05)
