"""The losses of the zero-shot baselines against slow NumPy, and in closed form."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gapjax.nn import alignment

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.normal(size=(5, 4)).astype(np.float32), np.array([0, 3, 1, 1, 2])


def softplus(x: float) -> float:
    return float(np.log1p(np.exp(-abs(x))) + max(x, 0))


@pytest.mark.parametrize("shared", [False, True])
def test_rank_hinge(shared: bool) -> None:
    """Classes of the same word are no negatives of each other."""
    alike = np.eye(4, dtype=bool)
    alike[1, 3] = alike[3, 1] = shared
    expected = []
    for row, label in zip(SCORES, LABELS, strict=True):
        others = [k for k in range(4) if not alike[label, k]]
        expected.append(sum(max(0.0, 0.3 + row[k] - row[label]) for k in others))
    given = jnp.asarray(alike) if shared else None
    found = alignment.rank_hinge(jnp.asarray(SCORES), jnp.asarray(LABELS), 0.3, given)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_hardest_triplet() -> None:
    x, words = RNG.normal(size=(6, 3)).astype(np.float32), np.array([0, 1, 0, 2, 1, 0])
    expected = []
    for i in range(6):
        same = min(float(x[i] @ x[j]) for j in range(6) if words[j] == words[i])
        other = max(float(x[i] @ x[j]) for j in range(6) if words[j] != words[i])
        expected.append(max(0.0, 0.3 + other - same))
    found = alignment.hardest_triplet(jnp.asarray(x), jnp.asarray(words), 0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_batch_of_one_word_has_no_triplet() -> None:
    def loss(x: jax.Array) -> jax.Array:
        return alignment.hardest_triplet(x, jnp.zeros(4, int), 0.3).sum()

    value, gradient = jax.value_and_grad(loss)(jnp.ones((4, 2)))
    assert float(value) == 0
    assert not gradient.any()


def test_mean_discrepancy() -> None:
    x, y = (RNG.normal(scale=0.1, size=(4, 3)).astype(np.float32) for _ in range(2))

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        pairs = [np.exp(-32 * ((first - second) ** 2).sum()) for first in a for second in b]
        return float(np.mean(pairs))

    expected = kernel(x, x) + kernel(y, y) - kernel(x, y) - kernel(y, x)
    found = alignment.mean_discrepancy(jnp.asarray(x), jnp.asarray(y), 32.0)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert float(alignment.mean_discrepancy(jnp.asarray(x), jnp.asarray(x), 32.0)) == 0


def test_gaussians() -> None:
    """The divergence, and the distance, of normal distributions of independent dimensions."""
    mean, other = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    logs, other_logs = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    divergence, distance = np.zeros(3), np.zeros(3)
    for i in range(3):
        for a in range(4):
            variance = np.exp(logs[i, a])
            divergence[i] += 0.5 * (variance + mean[i, a] ** 2 - 1 - logs[i, a])
            apart = np.exp(logs[i, a] / 2) - np.exp(other_logs[i, a] / 2)
            distance[i] += (mean[i, a] - other[i, a]) ** 2 + apart**2
    first, second = (jnp.asarray(mean), jnp.asarray(logs)), (jnp.asarray(other), other_logs)
    np.testing.assert_allclose(alignment.divergence_from_normal(*first), divergence, rtol=1e-5)
    found = alignment.gaussian_distance(first, (second[0], jnp.asarray(second[1])))
    np.testing.assert_allclose(found, np.sqrt(distance), rtol=1e-5)


def test_equal_gaussians_have_no_distance_and_a_finite_gradient() -> None:
    def distance(mean: jax.Array) -> jax.Array:
        same = jnp.ones((2, 3)), jnp.zeros((2, 3))
        return alignment.gaussian_distance((mean, jnp.zeros((2, 3))), same).sum()

    value, gradient = jax.value_and_grad(distance)(jnp.ones((2, 3)))
    assert float(value) == 0
    assert not gradient.any()


def test_jensen_shannon() -> None:
    """A pair of the same class is no false one."""
    true, false = RNG.normal(size=(2, 4)).astype(np.float32)
    counted = np.array([True, False, True, True])
    expected = -np.mean([softplus(-t) for t in true])
    expected -= np.mean([softplus(t) for t in false[counted]])
    arguments = jnp.asarray(true), jnp.asarray(false)
    found = alignment.jensen_shannon(*arguments, jnp.asarray(counted))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    without = alignment.jensen_shannon(*arguments, jnp.zeros(4, bool))
    np.testing.assert_allclose(without, -np.mean([softplus(-t) for t in true]), rtol=1e-5)


EXTREME = jnp.asarray([[0.0, 0.0, 60.0, -60.0], [0.0, 0.0, 60.0, -60.0], [1e4, -1e4, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("loss", "changes"),
    [
        (lambda x: alignment.rank_hinge(x, jnp.array([0, 3, 1]), 0.3).sum(), True),
        (lambda x: alignment.hardest_triplet(x, jnp.array([0, 1, 1]), 0.3).sum(), True),
        # Of equal samples and of samples far apart.
        (lambda x: alignment.mean_discrepancy(x[:2], x[1:], 32.0), False),
        (lambda x: alignment.divergence_from_normal(x, jnp.clip(x, -60, 60)).sum(), True),
        (lambda x: alignment.jensen_shannon(x[0], x[2], jnp.zeros(4, bool)), True),
        (lambda x: alignment.jensen_shannon(x[0], x[2], jnp.ones(4, bool)), True),
    ],
)
def test_gradients_are_finite(loss: Callable[[jax.Array], jax.Array], changes: bool) -> None:
    """At equal examples, at large values, and where nothing is counted."""
    value, gradient = jax.value_and_grad(loss)(EXTREME)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert bool(gradient.any()) == changes
