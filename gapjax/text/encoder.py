"""What a text encoder is: the options that choose one, and one that is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from gapjax import registry

Tokenize = Callable[[Sequence[str]], Int[np.ndarray, "n l"]]
Tree = dict[str, Any]


@dataclass(frozen=True)
class TextOptions:
    """Which text encoder, and how it embeds strings.

    Attributes:
        encoder: the name of a module of `gapjax.text.encoders`.
        checkpoint: its weights: a folder, a Hugging Face hub name (`owner/name` or
            `owner/name@revision`), or `package:NAME`, an installed package that holds a folder.
        pooling: how token outputs become one embedding; empty for the encoder's default.
        too_long: `refuse` a string of more tokens than the encoder reads, or `truncate` it.
        dtype: the precision of the computation.
        seed: the seed of an encoder with random weights.
    """

    encoder: str = "hashed"
    checkpoint: str = ""
    pooling: str = ""
    too_long: str = "refuse"
    dtype: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise UserError for an unknown choice."""
        registry.chosen("text.too_long", self.too_long, ("refuse", "truncate"))
        jnp.dtype(self.dtype)

    def choose_pooling(self, *poolings: str) -> str:
        """Return the pooling, one of `poolings`, of which the first is the default."""
        return registry.chosen("text.pooling", self.pooling or poolings[0], poolings)


@dataclass(frozen=True)
class LoadedText:
    """A text encoder with weights: `module.apply({"params": params}, tokens)`.

    Those with a `width` take a prompt as well, vectors that precede the words of every string:
    `module.apply({"params": params}, tokens, prompt)`.

    Attributes:
        module: the encoder.
        params: its parameters, a tree of float32 arrays.
        tokenize: strings → tokens, padded to the longest of the strings.
        features: the size of an embedding.
        silent: the tokens that say nothing: padding, the ends of a string, an unknown word.
        width: the size of a prompt's vectors; 0 if the module takes no prompt.
        longest: the most tokens of a string with its prompt; None for any number.
    """

    module: nn.Module
    params: Tree
    tokenize: Tokenize
    features: int
    silent: frozenset[int] = frozenset()
    width: int = 0
    longest: int | None = None


@runtime_checkable
class TextEncoderModule(Protocol):
    """What each module of `gapjax.text.encoders` defines."""

    def files(self, options: TextOptions) -> Sequence[Path]:
        """Return the files that determine the embeddings; none if the seed alone does."""
        ...

    def load(self, options: TextOptions) -> LoadedText:
        """Return the encoder with its weights.

        Raises:
            UserError: the checkpoint or an option cannot be used.
        """
        ...


def encoder_module(name: str) -> TextEncoderModule:
    """Return the module of a text encoder.

    Raises:
        UserError: there is no text encoder of that name.
    """
    return cast(TextEncoderModule, registry.module("gapjax.text.encoders", name))


def pad_rows(rows: Sequence[Sequence[int]], pad: int) -> Int[np.ndarray, "n l"]:
    """Return the rows as one array, padded on the right to the longest, and to one token at least.

    >>> pad_rows([[], []], 0).shape
    (2, 1)
    """
    tokens = np.full((len(rows), max((len(row) or 1 for row in rows), default=0)), pad, np.int32)
    for row, ids in zip(tokens, rows, strict=True):
        row[: len(ids)] = ids
    return tokens
