"""SynSE's gate against its definition, and on samples that it can tell apart."""

import dataclasses

import numpy as np
import pytest

from configs import star_utd
from data_pipelines.errors import UserError
from gapjax.experiment import gating
from gapjax.experiment.config_dict import plan_of
from gapjax.zero_shot import gate

UNSEEN = (1, 4, 5)


def experts(seed: int, sure: float = 6.0) -> gate.Experts:
    """Return eight classes; each classifier is sure of samples of its own classes alone."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 8, size=400).astype(np.int32)
    score, logit = rng.normal(size=(2, 400, 8))
    mine = np.isin(label, UNSEEN)
    score[np.flatnonzero(mine), label[mine]] += sure
    logit[np.flatnonzero(~mine), label[~mine]] += sure
    return gate.Experts(score, logit, label, UNSEEN)


def test_inputs_are_the_highest_probabilities() -> None:
    given = experts(0)
    found = given.inputs(2.0, 2)
    seen = [k for k in range(8) if k not in UNSEEN]
    for row in range(3):
        unseen = np.exp(given.score[row, list(UNSEEN)])
        others = np.exp(given.logit[row, seen] / 2)
        expected = [sorted(each / each.sum(), reverse=True)[:2] for each in (unseen, others)]
        np.testing.assert_allclose(found[row], np.concatenate(expected))


def test_the_regression_has_the_least_loss() -> None:
    rng = np.random.default_rng(0)
    inputs, target = rng.normal(size=(50, 3)), rng.random(50) < 0.4
    weights = gate._regression(inputs, target)

    def loss(of: np.ndarray) -> float:
        probability = 1 / (1 + np.exp(-(inputs @ of[:3] + of[3])))
        each = -np.log(np.where(target, probability, 1 - probability))
        # Both kinds of samples count as much as each other.
        return 25 * (each[target].mean() + each[~target].mean()) + of[:3] @ of[:3] / 2

    for step in (*np.eye(4), *-np.eye(4)):
        assert loss(weights + 0.01 * step) > loss(weights)


def test_the_gate_sends_samples_to_the_classifier_that_knows_them() -> None:
    trained = gate.fit([experts(1), experts(2)], most=3)
    assert trained.temperature in gate.TEMPERATURES
    given = experts(3)
    found = trained.metrics(given)
    assert found["gzsl_gate/accuracy"] > 0.95
    assert found["gzsl_gate/harmonic"] > 0.9
    # One classifier for all.
    closed = dataclasses.replace(trained, threshold=1.0).metrics(given)
    assert closed["gzsl_gate/unseen"] == closed["gzsl_gate/harmonic"] == 0
    of_seen = ~given.of_unseen()
    best = np.where(np.isin(np.arange(8), UNSEEN), -np.inf, given.logit).argmax(axis=1)
    right = (best == given.label)[of_seen].mean()
    assert closed["gzsl_gate/seen"] == pytest.approx(right)


def test_a_gate_needs_folds_with_encoders_of_their_own() -> None:
    config = star_utd.get_config("synse")
    config.zero_shot.gate = True
    with pytest.raises(UserError, match=r"zero_shot\.gate=True: set zero_shot\.fold_encoder=own"):
        gating.check(plan_of(config))
    config.zero_shot.fold_encoder = "own"
    gating.check(plan_of(config))
    config.encoder.features = "fresh"
    with pytest.raises(UserError, match=r"needs encoder\.features=cached"):
        gating.check(plan_of(config))
