"""STAR's losses against loops over examples, parts and classes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.methods.star.losses import (
    SIMILARITIES,
    global_loss,
    part_loss,
    semantic_loss,
    similarity,
)

BATCH, PARTS, CLASSES, ATTRIBUTES = 4, 3, 5, 6
LABELS = np.array([4, 0, 2, 2])


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def alike(x: np.ndarray, y: np.ndarray, kind: str) -> float:
    length = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y) / (length if kind == "cosine" else 1.0)


def surprise(scores: list[float], label: int) -> float:
    return -np.log(np.exp(scores[label]) / np.exp(scores).sum())


@pytest.mark.parametrize("kind", list(SIMILARITIES))
def test_global_loss(kind: str) -> None:
    latent, text = normal(0, BATCH, ATTRIBUTES), normal(1, CLASSES, ATTRIBUTES)
    expected = [
        surprise([alike(x, y, kind) for y in text], label)
        for x, label in zip(latent, LABELS, strict=True)
    ]
    found = jax.jit(global_loss, static_argnames="kind")(latent, text, LABELS, kind=kind)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", list(SIMILARITIES))
def test_part_loss(kind: str) -> None:
    latent, text = normal(0, BATCH, PARTS, ATTRIBUTES), normal(1, CLASSES, PARTS, ATTRIBUTES)
    expected = np.zeros(BATCH)
    for i in range(BATCH):
        for p in range(PARTS):
            scores = [alike(latent[i, p], text[k, p], kind) for k in range(CLASSES)]
            expected[i] += surprise(scores, LABELS[i]) / PARTS
    found = jax.jit(part_loss, static_argnames="kind")(latent, text, LABELS, kind=kind)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_semantic_loss() -> None:
    part_text, text = normal(0, CLASSES, PARTS, ATTRIBUTES), normal(1, CLASSES, ATTRIBUTES)
    expected = np.zeros(CLASSES)
    for k in range(CLASSES):
        for p in range(PARTS):
            scores = [alike(part_text[k, p], name, "dot") for name in text]
            expected[k] += surprise(scores, k) / PARTS
    np.testing.assert_allclose(jax.jit(semantic_loss)(part_text, text), expected, rtol=1e-5)


def test_cosine_ignores_lengths_and_dot_does_not() -> None:
    x, y = normal(0, BATCH, ATTRIBUTES), normal(1, CLASSES, ATTRIBUTES)
    x, y = jnp.asarray(x), jnp.asarray(y)
    np.testing.assert_allclose(similarity(3 * x, y), similarity(x, 2 * y), rtol=1e-5)
    np.testing.assert_allclose(similarity(3 * x, y, "dot"), 3 * similarity(x, y, "dot"), rtol=1e-5)


def test_a_latent_of_zeros_knows_nothing() -> None:
    """No direction, no preference: the loss is the logarithm of the number of classes."""
    text = jnp.asarray(normal(1, CLASSES, ATTRIBUTES))
    loss, gradient = jax.value_and_grad(lambda x: global_loss(x, text, jnp.asarray(LABELS)).sum())(
        jnp.zeros((BATCH, ATTRIBUTES))
    )
    assert float(loss) == pytest.approx(BATCH * np.log(CLASSES), rel=1e-6)
    assert np.isfinite(gradient).all()


def test_unlikely_classes_have_a_finite_loss_and_a_gradient() -> None:
    """Where a probability underflows, its logarithm does not."""
    x, text = jnp.array([[300.0, 0.0]]), jnp.array([[-1.0, 0.0], [1.0, 0.0]])
    loss, gradient = jax.value_and_grad(
        lambda x: global_loss(x, text, jnp.array([0]), "dot").sum()
    )(x)
    assert float(loss) == pytest.approx(600.0)
    np.testing.assert_allclose(gradient, [[2.0, 0.0]])


def test_unknown_similarity_is_refused() -> None:
    with pytest.raises(UserError, match=r"similarity='cos'.*did you mean 'cosine'"):
        similarity(jnp.ones((1, 2)), jnp.ones((3, 2)), "cos")


@pytest.mark.parametrize("size", [0.0, 1e-20, 1.0, 1e4])
@pytest.mark.parametrize("kind", list(SIMILARITIES))
def test_gradients_are_finite_for_latents_of_any_size(kind: str, size: float) -> None:
    latent = jnp.asarray(size * normal(0, BATCH, PARTS, ATTRIBUTES))
    part_text = jnp.asarray(size * normal(1, CLASSES, PARTS, ATTRIBUTES))
    text = jnp.asarray(size * normal(2, CLASSES, ATTRIBUTES))

    def total(latent: jax.Array, part_text: jax.Array, text: jax.Array) -> jax.Array:
        parts = part_loss(latent, part_text, jnp.asarray(LABELS), kind)
        return parts.sum() + semantic_loss(part_text, text).sum()

    value, gradients = jax.value_and_grad(total, argnums=(0, 1, 2))(latent, part_text, text)
    assert all(np.isfinite(array).all() for array in (value, *gradients))
