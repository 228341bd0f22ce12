"""Metrics against counting by hand."""

import numpy as np
import pytest

from gapjax.analysis import metrics


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    score = rng.integers(0, 6, size=(40, 7)).astype(np.float32)
    label = rng.integers(0, 6, size=40)
    return score, label


@pytest.mark.parametrize("k", [1, 2, 5, 7])
def test_top_k_counts_the_first_k_of_a_stable_sort(
    drawn: tuple[np.ndarray, np.ndarray], k: int
) -> None:
    score, label = drawn
    hits = 0
    for row, true in zip(score, label, strict=True):
        order = sorted(range(7), key=lambda c, row=row: (-row[c], c))
        hits += true in order[:k]
    assert metrics.top_k_accuracy(score, label, k) == hits / 40


def test_top_1_is_that_of_argmax(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    score, label = drawn
    assert metrics.top_k_accuracy(score, label, 1) == (score.argmax(axis=1) == label).mean()


def test_what_is_not_a_number_is_never_right() -> None:
    score = np.array([[np.nan, 0, 1], [np.nan, 2, 1], [np.nan] * 3], np.float32)
    assert metrics.top_k_accuracy(score, np.array([0, 1, 0]), 1) == 0


def test_confusion_and_class_accuracies_count_by_hand(
    drawn: tuple[np.ndarray, np.ndarray],
) -> None:
    score, label = drawn
    counts = np.zeros((7, 7), int)
    for row, true in zip(score, label, strict=True):
        counts[true, list(row).index(row.max())] += 1
    np.testing.assert_array_equal(metrics.confusion_counts(score, label), counts)
    accuracy = metrics.per_class_accuracy(score, label)
    assert np.isnan(accuracy[6])
    expected = [counts[k, k] / counts[k].sum() for k in range(6)]
    np.testing.assert_allclose(accuracy[:6], expected)
    assert metrics.mean_class_accuracy(score, label) == pytest.approx(np.mean(expected))


def test_no_samples_give_nan_without_a_warning() -> None:
    score, label = np.zeros((0, 3), np.float32), np.zeros(0, np.int32)
    assert np.isnan(metrics.top_k_accuracy(score, label, 1))
    assert np.isnan(metrics.mean_class_accuracy(score, label))
    assert metrics.confusion_counts(score, label).sum() == 0
