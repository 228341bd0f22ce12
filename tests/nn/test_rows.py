"""Absent persons once: losses, gradients, statistics and scores are those of every body."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from data_pipelines.specs.skeletons import KINECT20, NTU25
from gapjax.backbones import ctr_baseline, ctr_gcn, shift_gcn, st_gcn
from gapjax.methods.gap.network import DescribedRecognizer
from gapjax.nn import rows
from gapjax.nn.ghost_batch_norm import Replicas
from gapjax.nn.heads import Recognizer
from gapjax.nn.losses import cross_entropy
from gapjax.nn.rows import Present
from gapjax.parallel.hlo import collectives
from gapjax.parallel.sharding import make_layout

pytestmark = pytest.mark.slow

CLASSES = 5


def clips(persons: list[int], room: int, joints: int = 20) -> jax.Array:
    """Return a clip for each number of persons, the absent ones zero."""
    shape = (len(persons), room, 8, joints, 3)
    here = np.arange(room)[None] < np.asarray(persons)[:, None]
    values = np.random.default_rng(0).normal(0.5, 1.0, shape) * here[:, :, None, None, None]
    return jnp.asarray(values, jnp.float32)


def variables_of(network: nn.Module, x: jax.Array, **how: Any) -> dict:
    """Return variables away from the initial ones, for which zeros can be at the kink of ReLU."""
    fresh = jax.jit(functools.partial(network.init, train=False, **how))(jax.random.key(1), x[:1])
    rng = np.random.default_rng(3)
    return jax.tree.map(lambda leaf: leaf + 0.1 * rng.random(leaf.shape, np.float32), fresh)


def training(network: nn.Module, present: Present | None, variables: dict, x: jax.Array) -> tuple:
    """Return loss, new statistics and gradients of one training step."""
    labels = jnp.arange(len(x)) % CLASSES

    def loss(params: Any) -> tuple:
        given = {**variables, "params": params}
        logits, updates = network.apply(given, x, train=True, mutable=["batch_stats"])
        return cross_entropy(logits, labels).mean(), updates["batch_stats"]

    with rows.at_most(present):
        return jax.value_and_grad(loss, has_aux=True)(variables["params"])


def assert_equal(found: Any, expected: Any, near: float = 1e-5) -> None:
    """Check a step: the loss, the statistics, and the gradients by the norm of all of them."""
    ((loss, statistics), gradients), ((loss2, statistics2), gradients2) = found, expected
    np.testing.assert_allclose(loss, loss2, rtol=near)
    close = functools.partial(np.testing.assert_allclose, rtol=near, atol=near)
    jax.tree.map(close, statistics, statistics2)
    close = functools.partial(
        np.testing.assert_allclose, rtol=0, atol=near * float(optax.tree.norm(gradients2))
    )
    jax.tree.map(close, gradients, gradients2)


@pytest.mark.parametrize("module", [ctr_gcn, shift_gcn, st_gcn, ctr_baseline])
def test_one_step_with_some_and_all_second_persons_absent(module: Any) -> None:
    """On one device, and on eight with a share of three clips each.

    Who is cropped to nothing, or is a first person of zeros, changes no number.
    """
    network = Recognizer(module.Backbone(KINECT20, width=8, stages=(1, 1)), CLASSES)
    some = clips([1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1] * 2, 2)
    variables, layout = variables_of(network, some), make_layout(8)
    every = jax.jit(functools.partial(training, network, None))
    alone = jax.jit(functools.partial(training, network, Present(24, 1, 31)))
    split = layout.replicate(variables), jax.device_put(some, layout.batch)
    eight = jax.jit(functools.partial(training, network, Present(24, 8, 4))).lower(*split).compile()
    for x in (some, some.at[1, 1].set(0).at[2, 0].set(0), some.at[:, 1].set(0)):
        expected = every(variables, x)
        assert_equal(alone(variables, x), expected)
        assert_equal(eight(split[0], jax.device_put(x, layout.batch)), expected)
    sent = collectives(eight.as_text())
    assert set(sent) == {"all-reduce"}, "a device needs the rows of another"


def test_more_present_persons_than_was_said_are_not_dropped_in_silence() -> None:
    with rows.at_most(Present(3, 1, 3)):
        few = rows.rows_of(clips([2, 2, 1], 2))
    assert few is not None
    bodies = rows.spread(rows.take(jnp.arange(6.0), few, 0), few, 0)
    assert bodies[:3].tolist() == [0.0, 1.0, 2.0]
    assert np.isnan(bodies[jnp.array([3, 4])]).all()


def test_a_batch_that_was_not_counted_has_all_bodies() -> None:
    with rows.at_most(Present(3, 1, 3)):
        assert rows.rows_of(clips([2, 2, 1] * 2, 2)) is None


def test_fifteen_persons_mostly_absent() -> None:
    backbone = ctr_gcn.Backbone(KINECT20, width=8, stages=(1,), layout="channels_last")
    network = Recognizer(backbone, CLASSES, "present")
    x = clips([1, 15, 2, 1, 7, 1], 15)
    variables = variables_of(network, x)
    found, expected = (
        jax.jit(functools.partial(training, network, present))(variables, x)
        for present in (Present(6, 1, 27), None)
    )
    assert_equal(found, expected)


def test_shares_with_statistics_of_their_own() -> None:
    """Replicas, on four devices: each of the two parts of the batch has two shares."""
    backbone = shift_gcn.Backbone(KINECT20, width=8, stages=(1,), layout="channels_last")
    network = Recognizer(Replicas(backbone, 2), CLASSES)
    x = clips([1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1], 2)
    variables = variables_of(network, x)
    found, expected = (
        jax.jit(functools.partial(training, network, present))(variables, x)
        for present in (Present(12, 4, 4), None)
    )
    assert_equal(found, expected)


def test_heads_and_scores() -> None:
    """GAP's part heads in training, and the logits of evaluation."""
    parts = tuple(NTU25.partitions["4"].values())
    backbone = ctr_gcn.Backbone(NTU25, width=8, stages=(1,))
    network = DescribedRecognizer(backbone, CLASSES, parts=parts, whole=True, size=16)
    x = clips([1, 2, 1, 1, 1, 1], 2, joints=25)
    variables = variables_of(network, x, method="describe")

    def both(present: Present | None, variables: dict, x: jax.Array) -> tuple:
        how = {"train": True, "mutable": ["batch_stats"], "method": "describe"}
        with rows.at_most(present):
            heads, _ = network.apply(variables, x, **how)
            return heads, network.apply(variables, x, train=False)

    found, expected = (
        jax.jit(functools.partial(both, present))(variables, x)
        for present in (Present(6, 1, 8), None)
    )
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5), found, expected
    )


def test_many_small_cotangents_add_up_in_float32() -> None:
    """In bfloat16, 1 + 1/256 is 1: the derived rule would lose what 400 bodies say."""
    x = clips([1] * 401, 2)[:, :, :1, :1, :1]
    with rows.at_most(Present(401, 1, 401)):
        taken = rows.rows_of(x)
    features = jnp.ones((402, 1), jnp.bfloat16)
    _, backward = jax.vjp(lambda each: rows.spread(each, taken, 0), features)
    cotangent = jnp.full((802, 1), 1 / 256, jnp.bfloat16).at[1].set(1)
    assert float(backward(cotangent)[0][-1, 0]) == pytest.approx(1 + 400 / 256, rel=1 / 128)
