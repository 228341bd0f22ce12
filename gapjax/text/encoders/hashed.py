"""A text encoder without weights: words hashed into a random table, for smoke runs and tests.

A string's embedding is the mean over its words and its pairs of neighboring words of rows of a
table that a seed determines. Random rows are almost orthogonal, so two strings are as similar as
the words and pairs they share. The table is a parameter and can be trained.
"""

import itertools
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from gapjax.text.encoder import LoadedText, TextOptions, pad_rows
from gapjax.text.transformer import Prompt

# Rows of the table, of which row 0 stands for padding and is not used.
BUCKETS = 4096
FEATURES = 256
_PAD = 0
_WORD = re.compile(r"[a-z0-9]+")


class TextEncoder(nn.Module):
    """The mean over the rows of a table that a string's tokens index.

    Attributes:
        dtype: the precision of the computation; the table and the embeddings are float32.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, tokens: Int[Array, "*n l"], prompt: Prompt | None = None
    ) -> Float[Array, "*n e"]:
        """Return the strings' embeddings, not normalized; zeros for a string without words.

        The vectors of a prompt count as words do.
        """
        real = (tokens != _PAD)[..., None]
        rows = nn.Embed(BUCKETS, FEATURES, dtype=self.dtype, name="table")(tokens)
        total, count = jnp.where(real, rows, 0).astype(jnp.float32).sum(axis=-2), real.sum(axis=-2)
        if prompt is not None:
            total = total + jnp.broadcast_to(prompt.sum(axis=0), total.shape)
            count = count + len(prompt)
        return total / jnp.maximum(count, 1)


def tokenize(strings: Sequence[str]) -> Int[np.ndarray, "n l"]:
    """Return the buckets of every string's words and pairs of words, padded to the longest.

    >>> tokenize(["Wave", "wave hand"]).shape
    (2, 3)
    """
    return pad_rows([[_bucket(gram) for gram in _grams(text)] for text in strings], _PAD)


def _grams(text: str) -> list[str]:
    words = _WORD.findall(text.lower())
    return [*words, *(f"{a} {b}" for a, b in itertools.pairwise(words))]


def _bucket(gram: str) -> int:
    """Return a row of the table, the same in every process (Python's own hash is not)."""
    return 1 + zlib.crc32(gram.encode()) % (BUCKETS - 1)


def files(options: TextOptions) -> list[Path]:
    """Return no files: the seed determines the table."""
    del options
    return []


def load(options: TextOptions) -> LoadedText:
    """Return the encoder with the table that the seed determines.

    The entries are drawn from N(0, 1): an embedding of ten words then has a standard deviation near
    0.3, much like CLIP's.

    Raises:
        UserError: the pooling is not `mean`.
    """
    options.choose_pooling("mean")
    table = np.random.default_rng(options.seed).standard_normal((BUCKETS, FEATURES), np.float32)
    module = TextEncoder(dtype=np.dtype(options.dtype))
    params = {"table": {"embedding": table}}
    return LoadedText(module, params, tokenize, FEATURES, frozenset({_PAD}), FEATURES)
