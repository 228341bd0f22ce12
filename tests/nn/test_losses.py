"""Losses and similarities against slow NumPy, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gapjax.nn import losses
from support.numerics import softmax

RNG = np.random.default_rng(0)


def test_cross_entropy_equals_the_slow_one() -> None:
    logits = RNG.normal(size=(5, 7)).astype(np.float32) * 20
    label = np.array([0, 6, 3, 3, 1])
    expected = [-np.log(softmax(row)[k]) for row, k in zip(logits, label, strict=True)]
    result = losses.cross_entropy(jnp.asarray(logits), jnp.asarray(label))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_cosine_logits_are_scaled_cosines() -> None:
    x = RNG.normal(size=(4, 6)).astype(np.float32)
    y = RNG.normal(size=(5, 6)).astype(np.float32) * 100
    result = losses.cosine_logits(jnp.asarray(x), jnp.asarray(y), 3.0)
    for i in range(4):
        for j in range(5):
            cosine = x[i] @ y[j] / np.linalg.norm(x[i]) / np.linalg.norm(y[j])
            assert float(result[i, j]) == pytest.approx(3 * cosine, abs=1e-5)


def all_finite(tree: object) -> bool:
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


def test_cross_entropy_gradient_is_finite_for_extreme_logits() -> None:
    logits = jnp.array([[1e30, -1e30, 0.0], [0.0, 0.0, 0.0]])
    gradient = jax.grad(lambda z: losses.cross_entropy(z, jnp.array([1, 2])).sum())(logits)
    assert all_finite(gradient)
    np.testing.assert_allclose(gradient[1], [1 / 3, 1 / 3, -2 / 3], atol=1e-6)


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-13, 1e-6, 1.0, 1e6])
def test_gradients_of_normalize_are_finite_for_vectors_of_any_size(size: float) -> None:
    x = jnp.asarray(RNG.normal(size=(4, 6)), jnp.float32).at[1].multiply(size)
    gradient = jax.grad(lambda x: jnp.sin(losses.normalize(x)).sum())(x)
    assert all_finite(gradient)
    if size == 0:
        assert (gradient[1] == 0).all()
