"""Strings by number: the same embeddings and gradients as encoding every string of a batch."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from gapjax.text import string_table
from gapjax.text.string_table import draw, encode, make_table

STRINGS = [["wave", "hello there you"], ["kick"], ["bow", "kick", "nod twice"]]
WORDS = {word: i + 1 for i, word in enumerate(" ".join(itertools.chain(*STRINGS)).split())}


def tokenize(strings: list[str]) -> Int[np.ndarray, "n l"]:
    longest = max(len(text.split()) for text in strings)
    rows = [[WORDS[word] for word in text.split()] for text in strings]
    return np.asarray([row + [0] * (longest - len(row)) for row in rows], np.int32)


def encoder(weights: Float[Array, "n e"]) -> string_table.Encode:
    def embed(tokens: Int[Array, "n l"]) -> Float[Array, "n e"]:
        return jnp.tanh((weights[tokens] * (tokens > 0)[..., None]).sum(axis=1))

    return embed


def test_table_holds_each_string_once() -> None:
    table = make_table(STRINGS, tokenize)
    assert table.rows.shape == (5, 3)
    np.testing.assert_array_equal(table.ids, [[0, 1, 0], [2, 2, 2], [3, 2, 4]])
    np.testing.assert_array_equal(table.counts, [2, 1, 3])


def test_encode_equals_encoding_every_string() -> None:
    """Distinct strings once, with equal values and equal gradients."""
    table = make_table(STRINGS, tokenize)
    weights = jax.random.normal(jax.random.key(0), (len(WORDS) + 1, 4))
    ids = jnp.asarray([[0, 2], [2, 2], [4, 1], [2, 0], [3, 1], [2, 2], [0, 0]])
    against = jax.random.normal(jax.random.key(1), (*ids.shape, 4))

    def every(weights: Array) -> Array:
        full = np.pad(table.rows, ((0, 0), (0, 5)))
        embedded = encoder(weights)(jnp.asarray(full)[ids.reshape(-1)]).reshape(*ids.shape, 4)
        return (embedded * against).sum()

    def once(weights: Array) -> Array:
        return (encode(table, ids, encoder(weights)) * against).sum()

    expected, actual = (jax.jit(jax.value_and_grad(total))(weights) for total in (every, once))
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(actual[1], expected[1], rtol=1e-5, atol=1e-6)


def test_encode_passes_no_more_strings_than_there_are() -> None:
    table = make_table(STRINGS, tokenize)
    seen = []

    def count(tokens: Int[Array, "n l"]) -> Float[Array, "n e"]:
        seen.append(tokens.shape)
        return jnp.zeros((len(tokens), 2))

    for shape in ((50, 4), (2, 1)):
        jax.eval_shape(lambda ids: encode(table, ids, count), jnp.zeros(shape, jnp.int32))
    assert seen == [(5, 3), (2, 3)]


def test_a_table_of_embeddings_needs_no_encoder() -> None:
    """Frozen text: the same embeddings as from a table of tokens."""
    weights = jax.random.normal(jax.random.key(0), (len(WORDS) + 1, 4))
    embed = encoder(weights)
    table = make_table(STRINGS, tokenize)
    frozen = make_table(STRINGS, lambda strings: np.asarray(embed(jnp.asarray(tokenize(strings)))))
    ids = jnp.asarray([4, 0, 2])
    np.testing.assert_allclose(encode(frozen, ids, None), encode(table, ids, embed), rtol=1e-6)


def test_draw_is_uniform_and_addressed() -> None:
    table = make_table(STRINGS, tokenize)
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(3), i))(jnp.arange(3000))
    labels = jnp.arange(3000) % 3
    drawn = draw(table, labels, keys)
    shares = np.bincount(drawn[labels == 2], minlength=5) / 1000
    np.testing.assert_allclose(shares, [0, 0, 1 / 3, 1 / 3, 1 / 3], atol=0.05)
    assert set(np.unique(drawn[labels == 0])) == {0, 1}
    np.testing.assert_array_equal(draw(table, labels[100:107], keys[100:107]), drawn[100:107])
