"""What is left of a method for recognition gives the scores that the method gives."""

import flax.linen as nn
import jax
import numpy as np
import pytest

from gapjax.methods import Inference, star, text_regression
from gapjax.methods.star import SCORES, Options
from gapjax.serving.trained import with_encoder
from gapjax.training.frozen_encoder import Encoder
from support.small_context import CONTEXT, encode_text


@pytest.fixture(scope="module")
def features() -> jax.Array:
    return jax.random.normal(jax.random.key(0), (7, 3, 20, 6))


@pytest.mark.parametrize("prompts", ["learned", "none"])
@pytest.mark.parametrize("score", SCORES)
def test_star(features: jax.Array, score: str, prompts: str) -> None:
    """With prompts as parts of the texts, and whatever other classes stand beside."""
    options = Options(
        attributes=5, heads=2, score=score, semantic_prompts=prompts, text_scale="unit"
    )
    method, inference = (make(CONTEXT, options) for make in (star.build, star.inference))
    variables = method.init(jax.random.key(1), features)
    expected = jax.jit(method.predict)(variables, features, method.prepare_text())
    words, kept = inference.embeddings(variables), inference.strip(variables)
    apply = jax.jit(inference.apply)
    found = apply(kept, features, words)
    np.testing.assert_allclose(found["score"], expected, rtol=1e-5, atol=1e-6)
    assert found["part"].shape == (7, 5, 6)
    assert inference.parts == ("head", "hand", "arm", "hip", "leg", "foot")
    new = star.embed(CONTEXT.descriptions[3:4], inference.embed_options, encode_text)
    more = {name: np.concatenate([new[name], words[name]]) for name in words}
    wider = apply(kept, features, more)["score"]
    np.testing.assert_allclose(wider[:, 1:], expected, rtol=1e-5, atol=1e-6)
    # The fourth class is unseen, has no prompts, and so is found by its own text alone.
    np.testing.assert_allclose(wider[:, 0], expected[:, 3], rtol=1e-5, atol=1e-6)


def test_parts_that_were_not_trained_are_no_evidence(features: jax.Array) -> None:
    inference = star.inference(CONTEXT, Options(attributes=5, heads=2, part_weight=0.0))
    method = star.build(CONTEXT, Options(attributes=5, heads=2))
    variables = method.init(jax.random.key(1), features)
    words = inference.embeddings(variables)
    outputs = jax.jit(inference.apply)(inference.strip(variables), features, words)
    assert set(outputs) == {"score"}
    assert inference.parts == ()


def test_text_regression(features: jax.Array) -> None:
    options = text_regression.Options()
    method, inference = (
        make(CONTEXT, options) for make in (text_regression.build, text_regression.inference)
    )
    variables = method.init(jax.random.key(1), features)
    expected = jax.jit(method.predict)(variables, features, method.prepare_text())
    words = inference.embeddings(variables)
    found = jax.jit(inference.apply)(inference.strip(variables), features, words)
    np.testing.assert_allclose(found["score"], expected, rtol=1e-6)


def test_an_encoder_whose_statistics_drifted() -> None:
    """What training left of the encoder's statistics is what recognizes."""
    inner = Inference(strip=lambda left: left["batch_stats"], apply=lambda *_: {})
    encoder = Encoder(nn.Dense(1), {"params": {"a": 1}, "batch_stats": {"b": 2}})
    strip = with_encoder(inner, encoder).strip
    drifted = {"params": {}, "batch_stats": {"method": {"c": 4}, "encoder": {"b": 3}}}
    assert strip(drifted) == {
        "method": {"c": 4},
        "encoder": {"params": {"a": 1}, "batch_stats": {"b": 3}},
    }
    frozen = {"params": {}, "batch_stats": {}}
    assert strip(frozen) == {"method": {}, "encoder": encoder.variables}
