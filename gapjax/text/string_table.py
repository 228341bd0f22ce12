"""The strings of all classes as arrays: each distinct string once, looked up by index.

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
from jaxtyping import Array, Float, Int, Key, Shaped

from gapjax.nn.losses import normalize
from gapjax.parallel.sharding import shard_rows

# How many strings `means` encodes at once.
AT_ONCE = 64


class TextTable(NamedTuple):
    """Strings of classes.

    Attributes:
        rows: the tokens of every distinct string, padded to the longest, or its embedding by a
            frozen text encoder.
        ids: for every class, the indices of its strings, padded with its first.
        counts: how many strings each class has.
    """

    rows: Shaped[Array | np.ndarray, "n l"]
    ids: Int[Array | np.ndarray, "k s"]
    counts: Int[Array | np.ndarray, " k"]


Convert = Callable[[Sequence[str]], Shaped[np.ndarray, "n l"]]
Encode = Callable[[Int[Array, "n l"]], Float[Array, "n e"]]


def make_table(strings: Sequence[Sequence[str]], convert: Convert) -> TextTable:
    """Return the table of every class's strings.

    Args:
        strings: of every class, one or more.
        convert: the tokenizer or, of a frozen text encoder, the embedder.
    """
    distinct = list(dict.fromkeys(string for row in strings for string in row))
    index = {string: i for i, string in enumerate(distinct)}
    longest = max(map(len, strings))
    padded = [[*row, *[row[0]] * (longest - len(row))] for row in strings]
    return TextTable(
        rows=convert(distinct),
        ids=np.asarray([[index[string] for string in row] for row in padded], np.int32),
        counts=np.asarray([len(row) for row in strings], np.int32),
    )


def draw(table: TextTable, labels: Int[Array, " b"], keys: Key[Array, " b"]) -> Int[Array, " b"]:
    """Return for every sample the index of one string of its class, uniformly at random."""
    choose = jax.vmap(lambda key, count: jax.random.randint(key, (), 0, count))
    counts = jnp.asarray(table.counts)[labels]
    return jnp.asarray(table.ids)[labels, choose(keys, counts)]


def encode(
    table: TextTable, ids: Int[Array, "..."], encoder: Encode | None
) -> Float[Array, "... e"]:
    """Return the embeddings of strings by index, each distinct string encoded once.

    Args:
        table: the strings of all classes.
        ids: indices into `table.rows`.
        encoder: the text encoder of a table of tokens; None for a table of embeddings.
    """
    if encoder is None:
        return jnp.asarray(table.rows)[ids]
    size = min(ids.size, len(table.rows))
    distinct, inverse = jnp.unique(ids, size=size, fill_value=0, return_inverse=True)
    embeddings = encoder(shard_rows(jnp.asarray(table.rows)[distinct]))
    return embeddings[inverse.reshape(ids.shape)]


def means(table: TextTable, encoder: Encode | None) -> Float[Array, "k e"]:
    """Return the mean embedding of the strings of each class, which have unit length before it.

    Args:
        table: the strings of all classes.
        encoder: the text encoder of a table of tokens; None for a table of embeddings.
    """
    rows = jnp.asarray(table.rows)
    if encoder is not None:
        rows = jax.lax.map(lambda row: encoder(row[None])[0], rows, batch_size=AT_ONCE)
    own = jnp.arange(table.ids.shape[1])[None] < jnp.asarray(table.counts)[:, None]
    share = own / jnp.asarray(table.counts)[:, None]
    return jnp.einsum("kse,ks->ke", normalize(rows.astype(jnp.float32))[table.ids], share)
