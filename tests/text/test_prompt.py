"""A prompt of vectors before the words of a string: equal to words where it is their embeddings."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from support.small_text_models import WORDS, load, save_bert, save_clip, save_mpnet

SMALL = {"bert": save_bert, "clip": save_clip, "mpnet": save_mpnet}


@pytest.mark.slow
@pytest.mark.parametrize("encoder", SMALL)
def test_embeddings_of_words_are_words(tmp_path: Path, encoder: str) -> None:
    save: Callable[..., str] = SMALL[encoder]
    loaded = load(encoder, save(tmp_path, num_hidden_layers=1))
    table = loaded.params["tokens"]["embedding"]
    # A tokenizer of whole words: padding, start and unknown come before them.
    words = [3 + WORDS.index(word) for word in ("wave", "hand")]
    prompt = jnp.asarray(table[words])
    apply = jax.jit(
        lambda tokens, *prompt: loaded.module.apply({"params": loaded.params}, tokens, *prompt)
    )
    tokens = loaded.tokenize(["drink water", "sit"])
    expected = apply(loaded.tokenize(["wave hand drink water", "wave hand sit"]))
    np.testing.assert_allclose(apply(tokens, prompt), expected, atol=1e-5)
    assert np.abs(apply(tokens) - expected).max() > 0.01
    assert loaded.width == prompt.shape[1] == 12
    assert loaded.longest == 9
    gradient = jax.jit(jax.grad(lambda p: apply(tokens, p).sum()))(prompt)
    assert np.abs(gradient).min(axis=1).max() > 0


def test_hashed_text_counts_a_prompt_as_words() -> None:
    loaded = load("hashed")
    table = loaded.params["table"]["embedding"]
    tokens = loaded.tokenize(["wave hand", "bow"])
    prompt = np.random.default_rng(0).normal(size=(3, loaded.width)).astype(np.float32)
    given = jnp.asarray(tokens), jnp.asarray(prompt)
    found = loaded.module.apply({"params": loaded.params}, *given)
    for row, ids in zip(found, tokens, strict=True):
        vectors = [*table[ids[ids > 0]], *prompt]
        np.testing.assert_allclose(row, np.mean(vectors, axis=0), atol=1e-5)
    assert loaded.longest is None
