"""GAP's losses against slow NumPy, the numbers of docs/facts.md, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.methods.gap import losses
from gapjax.nn.losses import cosine_logits
from support.numerics import softmax

RNG = np.random.default_rng(0)


def slow_divergence(target: np.ndarray, logits: np.ndarray) -> float:
    share = softmax(logits)
    return sum(p * np.log(p / q) for p, q in zip(target, share, strict=True) if p > 0)


def slow_matching(x: np.ndarray, y: np.ndarray, targets: np.ndarray, scale: float) -> np.ndarray:
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    y = y / np.linalg.norm(y, axis=1, keepdims=True)
    rows = []
    for i in range(len(x)):
        to_text = slow_divergence(targets[i], np.array([scale * x[i] @ other for other in y]))
        to_skeleton = slow_divergence(targets[i], np.array([scale * y[i] @ other for other in x]))
        rows.append((to_text + to_skeleton) / 2)
    return np.array(rows)


@pytest.mark.parametrize("target", losses.TARGETS)
@pytest.mark.parametrize("scale", [2.659, 10.0])
def test_matching_loss_equals_the_slow_one(target: str, scale: float) -> None:
    x, y = (RNG.normal(size=(6, 9)).astype(np.float32) for _ in range(2))
    targets = losses.match_targets(jnp.array([4, 1, 4, 4, 0, 1]), target)
    result = losses.matching_loss(jnp.asarray(x), jnp.asarray(y), targets, scale)
    expected = slow_matching(x, y, np.asarray(targets, np.float64), scale)
    np.testing.assert_allclose(result, expected, rtol=2e-5)
    assert (result > 0).all()


@pytest.mark.parametrize("target", losses.TARGETS)
def test_match_targets_equals_the_slow_one(target: str) -> None:
    label = np.array([4, 1, 4, 4, 0, 1])
    expected = np.zeros((6, 6))
    for i in range(6):
        same = np.array([float(label[i] == other) for other in label])
        expected[i] = softmax(10 * same) if target == "released" else same / same.sum()
    result = losses.match_targets(jnp.asarray(label), target)
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize(("positives", "share"), [(1, 0.991), (2, 0.4978), (4, 0.2494)])
def test_released_targets_at_batch_200_are_those_of_the_release(
    positives: int, share: float
) -> None:
    label = np.arange(200)
    label[:positives] = 0
    targets = np.asarray(losses.match_targets(jnp.asarray(label)))
    np.testing.assert_allclose(
        targets[0, :positives], share, atol=0.5e-4 if positives > 1 else 5e-4
    )
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)


def test_released_loss_is_the_elementwise_mean_times_the_batch() -> None:
    x, y = (RNG.normal(size=(5, 3)).astype(np.float32) for _ in range(2))
    targets = np.asarray(losses.match_targets(jnp.array([0, 1, 0, 2, 2])), np.float64)
    logits = np.asarray(cosine_logits(jnp.asarray(x), jnp.asarray(y), 2.659))
    total = 0.0
    for rows in (logits, logits.T):
        shares = np.stack([softmax(row) for row in rows])
        total += (targets * (np.log(targets) - np.log(shares))).mean() * 5 / 2
    result = losses.matching_loss(jnp.asarray(x), jnp.asarray(y), jnp.asarray(targets), 2.659)
    assert float(result.mean()) == pytest.approx(total, rel=1e-5)


def test_an_unknown_kind_of_targets_is_refused() -> None:
    with pytest.raises(UserError, match="targets='release' is not known; did you mean 'released'"):
        losses.match_targets(jnp.array([0, 1]), "release")


def all_finite(tree: object) -> bool:
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-20, 1e-13, 1e-11, 1e-6, 1.0, 1e6])
@pytest.mark.parametrize("target", losses.TARGETS)
def test_matching_gradients_are_finite_for_vectors_of_any_size(size: float, target: str) -> None:
    x = jnp.asarray(RNG.normal(size=(4, 6)), jnp.float32).at[1].multiply(size)
    y = jnp.asarray(RNG.normal(size=(4, 6)), jnp.float32).at[2].multiply(size)
    targets = losses.match_targets(jnp.array([0, 1, 0, 1]), target)

    def total(x: jax.Array, y: jax.Array, scale: jax.Array) -> jax.Array:
        return losses.matching_loss(x, y, targets, scale).sum()

    value, gradients = jax.value_and_grad(total, argnums=(0, 1, 2))(x, y, jnp.float32(10))
    assert all_finite((value, gradients))
    if size == 0:
        assert (gradients[0][1] == 0).all()
        assert (gradients[1][2] == 0).all()


@pytest.mark.parametrize("name", ["released", "paper"])
def test_gradients_agree_with_differences(name: str) -> None:
    x, y = (RNG.normal(size=(4, 3)).astype(np.float32) for _ in range(2))
    targets = losses.match_targets(jnp.array([0, 1, 0, 2]), name)
    gradient = jax.grad(
        lambda x: losses.matching_loss(x, jnp.asarray(y), targets, jnp.float32(3)).sum()
    )(jnp.asarray(x))
    exact = np.asarray(targets, np.float64)
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = 1e-5
        above, below = (slow_matching(x + sign * step, y, exact, 3).sum() for sign in (1, -1))
        assert float(gradient[index]) == pytest.approx((above - below) / 2e-5, abs=2e-3)
