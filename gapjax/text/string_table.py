"""The strings of all classes as arrays: each distinct string once, found again by number.

Encoding every string of a batch of 200 with five strings a sample costs 1,000 passes through the
text encoder; most are the same few strings. `encode` passes each distinct string of a batch once,
cut to the longest string of its table, and gathers: the same values and gradients for less. Each
device encodes its share of them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from gapjax.parallel.shares import share_rows


class TextTable(NamedTuple):
    """Strings of classes.

    Attributes:
        tokens: the tokens of every distinct string, padded to the longest of them.
        features: the strings' embeddings where the text encoder is frozen, else None.
        ids: for every class, the numbers of its strings, padded with its first.
        counts: how many strings each class has.
    """

    tokens: Int[Array | np.ndarray, "n l"]
    features: Float[Array | np.ndarray, "n e"] | None
    ids: Int[Array | np.ndarray, "k s"]
    counts: Int[Array | np.ndarray, " k"]


Tokenize = Callable[[Sequence[str]], Int[np.ndarray, "n l"]]
Encode = Callable[[Int[Array, "n l"]], Float[Array, "n e"]]


def make_table(strings: Sequence[Sequence[str]], tokenize: Tokenize) -> TextTable:
    """Return the table of every class's strings (`strings[k]` are those of class k)."""
    distinct = list(dict.fromkeys(text for texts in strings for text in texts))
    number = {text: i for i, text in enumerate(distinct)}
    longest = max(len(texts) for texts in strings)
    ids = [
        [number[text] for text in (*texts, *[texts[0]] * (longest - len(texts)))]
        for texts in strings
    ]
    return TextTable(
        tokens=tokenize(distinct),
        features=None,
        ids=np.asarray(ids, np.int32),
        counts=np.asarray([len(texts) for texts in strings], np.int32),
    )


def freeze(table: TextTable, encode: Encode, chunk: int = 256) -> TextTable:
    """Return the table with its strings encoded, a chunk at a time, for a frozen text encoder."""
    encode = jax.jit(encode)
    starts = range(0, len(table.tokens), chunk)
    features = [np.asarray(encode(jnp.asarray(table.tokens[i : i + chunk]))) for i in starts]
    return table._replace(features=np.concatenate(features).astype(np.float32))


def draw(table: TextTable, labels: Int[Array, " b"], keys: Key[Array, " b"]) -> Int[Array, " b"]:
    """Return for every sample the number of one string of its class, uniformly at random."""
    choose = jax.vmap(lambda key, count: jax.random.randint(key, (), 0, count))
    counts = jnp.asarray(table.counts)[labels]
    return jnp.asarray(table.ids)[labels, choose(keys, counts)]


def encode(table: TextTable, ids: Int[Array, "..."], encoder: Encode) -> Float[Array, "... e"]:
    """Return the embeddings of strings by number, each distinct string encoded once.

    Args:
        table: where the numbers point.
        ids: the numbers of the strings that are needed.
        encoder: the text encoder; not called where the table is frozen.
    """
    if table.features is not None:
        return jnp.asarray(table.features)[ids]
    size = min(ids.size, len(table.tokens))
    distinct, places = jnp.unique(ids, size=size, fill_value=0, return_inverse=True)
    rows = encoder(share_rows(jnp.asarray(table.tokens)[distinct]))
    return rows[places.reshape(ids.shape)]
