"""The encoder without weights: the same for the same seed, near for texts that share words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.text.encoders import hashed
from support.small_text_models import assert_parameters_fit, assert_same_with_padding, encode, load


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_tokens_are_the_same_in_every_process() -> None:
    # Python's own hash() differs between processes; these were computed from the CRC's definition.
    assert hashed.tokenize(["123456789"]).tolist() == [[1 + 0xCBF43926 % 4095]]
    assert hashed.tokenize(["Wave, HAND!"]).tolist() == hashed.tokenize(["wave hand"]).tolist()
    tokens = hashed.tokenize(["wave hand", "hand wave", ""])
    assert tokens.shape == (3, 3)
    assert tokens[0, 0] == tokens[1, 1]
    assert tokens[0, 2] != tokens[1, 2]
    assert not tokens[2].any()
    assert tokens.max() < hashed.BUCKETS


def test_texts_that_share_words_are_near() -> None:
    loaded = load("hashed")
    texts = ["a person waves a hand", "the person waves one hand", "she sips cold milk slowly"]
    a, b, c = np.asarray(encode(loaded, loaded.tokenize(texts)))
    assert cosine(a, b) > 0.3
    assert abs(cosine(a, c)) < 0.2
    up, down, again = np.asarray(
        encode(
            loaded,
            loaded.tokenize(["sit down stand up", "stand up sit down", "Sit down. Stand up."]),
        )
    )
    assert 0.5 < cosine(up, down) < 0.99
    assert cosine(up, again) == pytest.approx(1)


def test_embedding_is_the_mean_of_rows() -> None:
    loaded = load("hashed")
    table = loaded.params["table"]["embedding"]
    tokens = loaded.tokenize(["wave hand", "clap", ""])
    embeddings = encode(loaded, tokens.reshape(1, 3, 3))[0]
    expected = [table[tokens[0]].mean(axis=0), table[tokens[1, 0]], np.zeros(hashed.FEATURES)]
    np.testing.assert_allclose(embeddings, expected, atol=1e-6)
    assert_parameters_fit(loaded)
    assert_same_with_padding(loaded, pad=0)


def test_only_the_rows_of_a_text_are_trained() -> None:
    loaded = load("hashed")
    tokens = loaded.tokenize(["wave hand", "clap"])

    def total(params: dict) -> jax.Array:
        return loaded.module.apply({"params": params}, jnp.asarray(tokens)).sum()

    gradient = np.asarray(jax.grad(total)(loaded.params)["table"]["embedding"])
    assert set(np.flatnonzero(gradient.any(axis=1))) == set(tokens[tokens > 0])


def test_the_seed_decides() -> None:
    same, other = load("hashed", "", seed=3), load("hashed", "ignored", seed=4)
    again = load("hashed", seed=3).params["table"]["embedding"]
    assert np.array_equal(same.params["table"]["embedding"], again)
    assert same.features == hashed.FEATURES
    table = same.params["table"]["embedding"]
    assert not np.array_equal(table, other.params["table"]["embedding"])
    assert table.mean() == pytest.approx(0, abs=0.01)
    assert table.std() == pytest.approx(1, abs=0.01)
    rough = load("hashed", seed=3, dtype="bfloat16")
    assert encode(rough, rough.tokenize(["clap"])).dtype == jnp.float32
    with pytest.raises(UserError, match="pooling='cls' is not known"):
        load("hashed", pooling="cls")
