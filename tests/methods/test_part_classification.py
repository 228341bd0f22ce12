"""The baseline with a classifier on every part: its loss, gradient, scores and inference."""

import dataclasses
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import NTU25
from gapjax.methods import Context, part_classification
from gapjax.methods.part_classification import Options, PartClassification, parts_loss

LABELS = ("wave", "kick", "bow")


class Plain(nn.Module):
    """A backbone of one linear map."""

    @nn.compact
    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t v d"]:
        return jnp.tanh(nn.Dense(5)(x))


CONTEXT = Context(backbone=Plain(), skeleton=NTU25, labels=LABELS)
CLIPS = jax.random.normal(jax.random.key(0), (6, 2, 3, 25, 3))
TARGETS = jnp.asarray([0, 2, 2, 1, 0, 1])


def slow_loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return Eq. 3 of every part, averaged over parts, in loops."""
    losses = np.zeros(len(labels))
    for i, label in enumerate(labels):
        for row in logits[i]:
            losses[i] -= np.log(np.exp(row[label]) / np.exp(row).sum()) / len(logits[i])
    return losses


def start(**options: Any) -> tuple[PartClassification, Any]:
    method = part_classification.build(CONTEXT, Options(**options))
    return method, method.init(jax.random.key(1), CLIPS)


def test_parts_loss_equals_the_slow_one() -> None:
    logits = np.random.default_rng(0).normal(size=(6, 4, 3))
    found = parts_loss(jnp.asarray(logits, jnp.float32), TARGETS)
    np.testing.assert_allclose(found, slow_loss(logits, np.asarray(TARGETS)), rtol=1e-5)


def test_the_gradient_of_the_parts_loss_is_that_of_differences() -> None:
    logits = np.random.default_rng(1).normal(size=(6, 2, 3))
    gradient = jax.grad(lambda x: parts_loss(x, TARGETS).sum())(jnp.asarray(logits, jnp.float32))
    for at in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[at] = 1e-4
        ends = [slow_loss(logits + sign * step, np.asarray(TARGETS)).sum() for sign in (1, -1)]
        assert float(gradient[at]) == pytest.approx((ends[0] - ends[1]) / 2e-4, abs=1e-5)


@pytest.mark.parametrize(("score", "partition"), [("parts", "4"), ("whole", "2")])
def test_loss_scores_and_inference(score: str, partition: str) -> None:
    method, variables = start(score=score, partition=partition, loss_weight=0.5)
    assert ("classifier" in variables["params"]) == (score == "whole")
    keys = jax.random.split(jax.random.key(2), 6)

    def total(params: Any) -> Any:
        out = method.loss({**variables, "params": params}, CLIPS, TARGETS, {}, keys)
        return out.total, out.scalars

    grad = jax.jit(jax.value_and_grad(total, has_aux=True))
    (loss, scalars), gradient = grad(variables["params"])
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient))
    scores = jax.jit(method.predict)(variables, CLIPS, {})
    classify = partial(method.network.apply, train=False, method="classify")
    _, of_parts = jax.jit(classify)(variables, CLIPS)
    parts = slow_loss(np.asarray(of_parts), np.asarray(TARGETS)).mean()
    assert float(scalars["parts"]) == pytest.approx(parts, rel=1e-5)
    whole = slow_loss(np.asarray(scores)[:, None], np.asarray(TARGETS)).mean()
    expected = whole + 0.5 * parts if score == "whole" else parts
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    if score == "parts":
        np.testing.assert_allclose(scores, of_parts.mean(axis=1), atol=1e-6)
    inference = part_classification.inference(CONTEXT, Options(score=score, partition=partition))
    stripped = inference.strip(variables)
    assert ("part_classifiers" in stripped["params"]) == (score == "parts")
    found = jax.jit(inference.apply)(stripped, CLIPS, {})["score"]
    np.testing.assert_allclose(found, scores, atol=1e-6)


def test_a_partition_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"method\.partition='5' is not known"):
        start(partition="5")
    bare = dataclasses.replace(NTU25, partitions={})
    with pytest.raises(UserError, match="has no parts; convert again with `parts`"):
        part_classification.joints_of_parts(bare, "4", ())
