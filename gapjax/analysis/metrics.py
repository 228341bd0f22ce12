"""Accuracies of scores, in NumPy, so that every number can be recomputed from a file of scores."""

import numpy as np
from jaxtyping import Float, Int

from gapjax.workdir.scores import Scores


def top_k_accuracy(score: Float[np.ndarray, "n k"], label: Int[np.ndarray, " n"], k: int) -> float:
    """Return the share of samples whose class is among the `k` highest scores.

    Of equal scores the lower class comes first, as in `argmax`; a sample whose score is
    nan is never correct. Without samples the accuracy is nan.

    >>> top_k_accuracy(np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]), 1)
    0.5
    """
    if not len(label):
        return float("nan")
    true_score = np.take_along_axis(score, label[:, None], axis=1)
    lower_class = np.arange(score.shape[1])[None, :] < label[:, None]
    ahead = ~(score <= true_score) | ((score == true_score) & lower_class)
    return float((ahead.sum(axis=1) < k).mean())


def confusion_counts(
    score: Float[np.ndarray, "n k"], label: Int[np.ndarray, " n"]
) -> Int[np.ndarray, "k k"]:
    """Return how many samples of each class (row) were recognized as each class (column).

    >>> confusion_counts(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), np.array([0, 1, 1]))
    array([[1, 0],
           [1, 1]])
    """
    classes = score.shape[1]
    pairs = label.astype(np.int64) * classes + score.argmax(axis=1)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def per_class_accuracy(
    score: Float[np.ndarray, "n k"], label: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " k"]:
    """Return the top-1 accuracy within each class; nan for a class without samples.

    >>> per_class_accuracy(np.array([[0.9, 0.1, 0], [0.6, 0.4, 0]]), np.array([0, 1]))
    array([ 1.,  0., nan])
    """
    counts = confusion_counts(score, label)
    samples = counts.sum(axis=1)
    accuracy = np.full(len(counts), np.nan)
    return np.divide(np.diagonal(counts), samples, out=accuracy, where=samples > 0)


def mean_class_accuracy(score: Float[np.ndarray, "n k"], label: Int[np.ndarray, " n"]) -> float:
    """Return the mean of `per_class_accuracy` over the classes that have samples.

    >>> mean_class_accuracy(np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4]]), np.array([0, 0, 1]))
    0.5
    """
    present = np.bincount(label, minlength=score.shape[1]) > 0
    return float(per_class_accuracy(score, label)[present].mean()) if len(label) else float("nan")


def accuracies(scores: Scores) -> dict[str, float]:
    """Return the accuracies of a supervised run's scores, named as a table's columns."""
    return {
        "top-1": top_k_accuracy(scores.score, scores.label, 1),
        "top-5": top_k_accuracy(scores.score, scores.label, 5),
        "mean class": mean_class_accuracy(scores.score, scores.label),
    }
