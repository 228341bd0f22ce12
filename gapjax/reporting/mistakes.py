"""The samples that a run is most confidently wrong about."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from gapjax.reporting.runs import ReportedRun


@dataclass(frozen=True)
class Mistake:
    """A sample that was recognized as another class.

    Attributes:
        row: its row in the scores.
        sample: its name.
        true, recognized: the classes' indices.
        confidence: how confident the run was; `measure` says in what.
    """

    row: int
    sample: str
    true: int
    recognized: int
    confidence: float


def measure(run: ReportedRun) -> str:
    """Return what the confidence of a mistake is."""
    if run.unseen:
        return "score of the recognized class minus that of the true one"
    return "probability of the recognized class"


def most_confident(run: ReportedRun, most: int) -> list[Mistake]:
    """Return at most `most` mistakes, the most confident first.

    The scores of a zero-shot run are similarities, whose difference counts, after γ. Those of other
    runs are logits; of equal probabilities, the larger difference of logits comes first.
    """
    score, label = run.calibrated, run.scores.label
    rows = np.flatnonzero(run.recognized != label)
    recognized, true = run.recognized[rows], label[rows]
    margin = score[rows, recognized] - score[rows, true]
    confidence = margin if run.unseen else softmax(score[rows], axis=1).max(axis=1)
    first = np.lexsort((-margin, -confidence))[:most]
    return [
        Mistake(
            row=int(rows[i]),
            sample=str(run.scores.name[rows[i]]),
            true=int(true[i]),
            recognized=int(recognized[i]),
            confidence=float(confidence[i]),
        )
        for i in first
    ]
