"""Scores as tables: `scores/<evaluation>_per_class.csv` and `..._per_sample.csv`."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from data_pipelines.storage.atomic import replacing_file
from gapjax.workdir.scores import Scores


def write(folder: Path, evaluation: str, scores: Scores, labels: Sequence[str] = ()) -> None:
    """Write both tables of an evaluation.

    Args:
        folder: the folder of the scores.
        evaluation: the name of the evaluation.
        scores: its scores.
        labels: the names of the classes; numbers if there are none.
    """
    names = labels or [str(number) for number in range(scores.score.shape[1])]
    write_rows(folder / f"{evaluation}_per_class.csv", per_class(scores, names))
    write_rows(folder / f"{evaluation}_per_sample.csv", per_sample(scores, names))


def per_class(scores: Scores, labels: Sequence[str]) -> list[Sequence[object]]:
    """Return a row for each class: how many samples, how many are right, the likeliest mistake."""
    rows: list[Sequence[object]] = [
        ("class", "name", "samples", "correct", "accuracy", "most_confused_with", "confused")
    ]
    predicted = scores.score.argmax(axis=1)
    for number, name in enumerate(labels):
        counts = np.bincount(predicted[scores.label == number], minlength=len(labels))
        samples, correct = int(counts.sum()), int(counts[number])
        counts[number] = 0
        confused, accuracy = int(counts.max()), f"{correct / samples:.4f}" if samples else ""
        other = labels[int(counts.argmax())] if confused else ""
        rows.append((number, name, samples, correct, accuracy, other, confused))
    return rows


def per_sample(scores: Scores, labels: Sequence[str]) -> list[Sequence[object]]:
    """Return a row for each sample: its class, the class of the best score, and the rank."""
    best = scores.score.argmax(axis=1)
    true = np.take_along_axis(scores.score, scores.label[:, None], axis=1)
    rank = 1 + (scores.score > true).sum(axis=1)
    columns = (scores.name, scores.label, best, rank, true[:, 0], scores.score.max(axis=1))
    rows = [
        (name, labels[label], labels[first], place, f"{score:.6g}", f"{highest:.6g}")
        for name, label, first, place, score, highest in zip(*columns, strict=True)
    ]
    return [("sample", "true", "predicted", "rank_of_true", "score_of_true", "best_score"), *rows]


def write_rows(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV, the header first."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path, single_writer=True) as file:
        file.write(text.getvalue().encode())
