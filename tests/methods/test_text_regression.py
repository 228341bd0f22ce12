"""The loss against slow NumPy; the baseline learns a linear map and ranks classes by text."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.specs.skeletons import KINECT20
from gapjax.methods import Context, text_regression
from gapjax.methods.text_regression import Options, TextRegression, regression_loss
from gapjax.prompts.descriptions import load_texts

LABELS = ("pick up with one hand", "pick up with two hands", "drop trash", "walk around")
TEXT = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def method() -> TextRegression:
    context = Context(
        backbone=nn.Dense(1),
        skeleton=KINECT20,
        labels=LABELS,
        descriptions=load_texts("nw_ucla", LABELS),
        encode=lambda strings: TEXT[[LABELS.index(string) for string in strings]],
    )
    return text_regression.build(context, Options())


def slow_loss(predicted: np.ndarray, text: np.ndarray, labels: np.ndarray) -> list[float]:
    losses = []
    for row, label in zip(predicted.astype(np.float64), labels, strict=True):
        losses.append(0.0)
        for value, wanted in zip(row, text[label].astype(np.float64), strict=True):
            losses[-1] += (value - wanted) ** 2
    return losses


def test_regression_loss_equals_the_slow_one() -> None:
    predicted = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)
    labels = np.array([0, 3, 1, 1, 2])
    result = regression_loss(jnp.asarray(predicted), jnp.asarray(TEXT), jnp.asarray(labels))
    np.testing.assert_allclose(result, slow_loss(predicted, TEXT, labels), rtol=1e-5)


@pytest.mark.parametrize("size", [0.0, 1e-20, 1.0, 1e10])
def test_the_gradient_of_the_regression_loss(size: float) -> None:
    """It is finite for maps of any size, and what the derivative by hand says."""
    predicted = size * np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)
    labels = np.array([0, 3, 1, 1, 2])
    loss = partial(regression_loss, text=jnp.asarray(TEXT), labels=jnp.asarray(labels))
    gradient = jax.grad(lambda x: loss(x).sum())(jnp.asarray(predicted))
    np.testing.assert_allclose(gradient, 2 * (predicted - TEXT[labels]), rtol=1e-6)


def test_the_loss_is_the_squared_distance(method: TextRegression) -> None:
    clips = jax.random.normal(jax.random.key(0), (5, 3, 20, 7))
    labels = jnp.array([0, 3, 1, 1, 2])
    variables = method.init(jax.random.key(1), clips)
    text = jax.tree.map(jnp.asarray, method.prepare_text())
    keys = jax.random.split(jax.random.key(2), 5)
    kernel = np.asarray(variables["params"]["kernel"])
    pooled = np.asarray(clips).mean(axis=(1, 2))
    found = pooled / np.linalg.norm(pooled, axis=1, keepdims=True) @ kernel
    unit = TEXT / np.linalg.norm(TEXT, axis=1, keepdims=True)
    expected = ((found - unit[np.asarray(labels)]) ** 2).sum(axis=1).mean()
    out = method.loss(variables, clips, labels, text, keys)
    np.testing.assert_allclose(out.total, expected, rtol=1e-5)
    cosine = found @ unit.T / np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(method.predict(variables, clips, text), cosine, rtol=1e-4)


def test_features_of_zeros_have_finite_scores(method: TextRegression) -> None:
    clips = jnp.zeros((2, 3, 20, 7))
    variables = method.init(jax.random.key(1), clips)
    text = jax.tree.map(jnp.asarray, method.prepare_text())
    assert np.isfinite(method.predict(variables, clips, text)).all()
