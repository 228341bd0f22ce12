"""The linear reference learns a linear map, and ranks classes by their text."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.specs.skeletons import KINECT20
from gapjax.methods import Context, text_regression
from gapjax.methods.text_regression import Options, TextRegression
from gapjax.prompts.descriptions import load_texts
from gapjax.text.embedding import TextEmbedder
from gapjax.text.encoder import TextOptions

LABELS = ("pick up with one hand", "pick up with two hands", "drop trash", "walk around")
TEXT = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


class Labels(TextEmbedder):
    """Embeddings of the labels alone."""

    def embed(self, strings: Sequence[str]) -> np.ndarray:
        return TEXT[[LABELS.index(string) for string in strings]]


@pytest.fixture(scope="module")
def method() -> TextRegression:
    context = Context(
        backbone=nn.Dense(1),
        skeleton=KINECT20,
        labels=LABELS,
        descriptions=load_texts("nw_ucla", LABELS),
        text=Labels(TextOptions()),
    )
    return text_regression.build(context, Options())


def test_the_loss_is_the_squared_distance(method: TextRegression) -> None:
    clips = jax.random.normal(jax.random.key(0), (5, 3, 20, 7))
    labels = jnp.array([0, 3, 1, 1, 2])
    variables = method.init(jax.random.key(1), clips)
    text = jnp.asarray(method.prepare_text())
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
    assert np.isfinite(method.predict(variables, clips, jnp.asarray(method.prepare_text()))).all()
