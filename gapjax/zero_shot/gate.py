"""SynSE's gate: a classifier of seen and one of unseen classes, and which of them answers.

Gupta et al., Syntactically Guided Generative Embeddings for Zero-Shot Skeleton Action Recognition,
ICIP 2021 (facts F.1). A logistic regression on the highest probabilities of both says whether a
sample is of an unseen class. The classifier of seen classes is the skeleton encoder's own, with a
temperature; that of unseen classes is the softmax of a method's scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import optimize, special

from gapjax.analysis.metrics import top_k_accuracy
from gapjax.zero_shot.calibration import harmonic_mean

# What is tried: temperatures, and probabilities above which a sample is of an unseen class.
TEMPERATURES, THRESHOLDS = [float(each) for each in range(1, 10)], np.arange(25, 75) / 100
# Of the regression: the weight of the samples' losses against the squared norm of its weights.
STRENGTH = 1.0


@dataclass(frozen=True, eq=False)
class Experts:
    """What both classifiers say of samples; columns are all classes.

    Attributes:
        score: the method's scores, of which those of unseen classes count.
        logit: those of the encoder's classifier, of which those of seen classes count.
        label: the true classes.
        unseen: the unseen classes.
    """

    score: Float[np.ndarray, "n k"]
    logit: Float[np.ndarray, "n k"]
    label: Int[np.ndarray, " n"]
    unseen: tuple[int, ...]

    def of_unseen(self) -> Bool[np.ndarray, " n"]:
        """Return which samples are of an unseen class."""
        return np.isin(self.label, self.unseen)

    def inputs(self, temperature: float, most: int) -> Float[np.ndarray, "n q"]:
        """Return the highest probabilities of unseen, and then of seen classes, `most` of each."""
        columns = np.isin(np.arange(self.score.shape[1]), self.unseen)
        unseen = special.softmax(self.score[:, columns], axis=1)
        seen = special.softmax(self.logit[:, ~columns] / temperature, axis=1)
        return np.hstack([-np.sort(-each, axis=1)[:, :most] for each in (unseen, seen)])

    def recognized(self, as_unseen: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n k"]:
        """Return scores whose best class is that of the classifier that answers."""
        of_unseen = np.isin(np.arange(self.score.shape[1]), self.unseen)
        chosen = np.where(as_unseen[:, None], self.score, self.logit)
        return np.where(as_unseen[:, None] == of_unseen[None], chosen, -np.inf)


@dataclass(frozen=True, eq=False)
class Gate:
    """A trained gate.

    Attributes:
        temperature: of the classifier of seen classes.
        threshold: the probability above which a sample is of an unseen class.
        weights: of the inputs; the last one is the bias.
    """

    temperature: float
    threshold: float
    weights: Float[np.ndarray, " q"]

    def metrics(self, experts: Experts) -> dict[str, float]:
        """Return the accuracies of samples of seen and of unseen classes, and of the gate."""
        inputs = experts.inputs(self.temperature, len(self.weights) // 2)
        as_unseen, of_unseen = (
            _probability(inputs, self.weights) > self.threshold,
            experts.of_unseen(),
        )
        score = experts.recognized(as_unseen)
        seen, unseen = (
            top_k_accuracy(score[rows], experts.label[rows], 1) for rows in (~of_unseen, of_unseen)
        )
        return {
            "gzsl_gate/seen": seen,
            "gzsl_gate/unseen": unseen,
            "gzsl_gate/harmonic": harmonic_mean(seen, unseen),
            "gzsl_gate/accuracy": float((as_unseen == of_unseen).mean()),
        }


def fit(folds: Sequence[Experts], most: int) -> Gate:
    """Return the gate of folds, whose pseudo-unseen classes neither classifier was trained on.

    A random half of the samples trains the regression; temperature and threshold have the largest
    share of the other half on the right side. Samples of seen and of pseudo-unseen classes, which a
    fold has more of, count as much as each other.

    Args:
        folds: what the classifiers say of each fold's samples.
        most: how many probabilities of each classifier are inputs, at most the unseen classes of a
            fold.
    """
    target = np.concatenate([fold.of_unseen() for fold in folds])
    first = np.random.default_rng(0).permutation(len(target)) < len(target) // 2
    best = (-1.0, Gate(1.0, 0.5, np.zeros(2 * most + 1)))
    for temperature in TEMPERATURES:
        inputs = np.concatenate([fold.inputs(temperature, most) for fold in folds])
        weights = _regression(inputs[first], target[first])
        found = _probability(inputs[~first], weights)[None] > THRESHOLDS[:, None]
        right = (found == target[~first][None]) @ _balance(target[~first])
        choice = int(right.argmax())
        if right[choice] > best[0]:
            best = (right[choice], Gate(temperature, float(THRESHOLDS[choice]), weights))
    return best[1]


def _balance(target: Bool[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return the weights of samples, which sum to 1, each kind to the same."""
    counts = np.bincount(target, minlength=2)
    return 1 / (np.count_nonzero(counts) * counts[target.astype(int)])


def _probability(
    inputs: Float[np.ndarray, "n q"], weights: Float[np.ndarray, " q2"]
) -> Float[np.ndarray, " n"]:
    return special.expit(inputs @ weights[:-1] + weights[-1])


def _regression(
    inputs: Float[np.ndarray, "n q"], target: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, " q2"]:
    """Return the weights and the bias of a logistic regression; the bias is not penalized."""
    padded, sign = np.column_stack([inputs, np.ones(len(inputs))]), np.where(target, 1.0, -1.0)
    strength = STRENGTH * len(target) * _balance(target)

    def loss(weights: Float[np.ndarray, " q2"]) -> tuple[float, Float[np.ndarray, " q2"]]:
        """Return the loss and its gradient."""
        margin, penalty = sign * (padded @ weights), np.append(weights[:-1], 0.0)
        slope = -strength * sign * special.expit(-margin)
        value = strength @ np.logaddexp(0, -margin) + penalty @ penalty / 2
        return float(value), slope @ padded + penalty

    return optimize.minimize(loss, np.zeros(padded.shape[1]), jac=True, method="L-BFGS-B").x
