"""The sizes and sub-layers that the transformers of text encoders share.

Parameters are float32; the computation has the precision `Sizes.dtype`, softmax and the moments of
the normalizations float32. There is no dropout.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from data_pipelines.errors import UserError
from gapjax.registry import chosen

# Named as in config.json.
ACTIVATIONS = {
    "gelu": lambda x: nn.gelu(x, approximate=False),
    "gelu_new": lambda x: nn.gelu(x, approximate=True),
    "quick_gelu": lambda x: x * nn.sigmoid(1.702 * x),
    "relu": nn.relu,
}

# Vectors that stand before the words of every string, as embeddings of tokens do.
Prompt = Float[Array, "n2 d"]


@dataclass(frozen=True)
class Sizes:
    """The sizes of a text transformer.

    Attributes:
        vocabulary: number of tokens.
        context: the longest sequence.
        width: number of channels.
        layers: number of blocks.
        heads: number of attention heads.
        hidden: width of the perceptrons.
        activation: of the perceptrons, a name of `ACTIVATIONS`.
        epsilon: what the normalizations add to the variance.
        dtype: the precision of the computation.
    """

    vocabulary: int
    context: int
    width: int
    layers: int
    heads: int
    hidden: int
    activation: str
    epsilon: float
    dtype: DTypeLike = jnp.float32

    @classmethod
    def of(cls, folder: Path, config: Any, dtype: DTypeLike) -> "Sizes":
        """Return the sizes in the transformers config of a folder.

        Raises:
            UserError: the transformer is of a kind that is not implemented.
        """
        file = folder / "config.json"
        heads, width = config.num_attention_heads, config.hidden_size
        if width % heads:
            raise UserError(f"{file}: {heads} heads do not divide a hidden_size of {width}")
        return cls(
            vocabulary=config.vocab_size,
            context=config.max_position_embeddings,
            width=width,
            layers=config.num_hidden_layers,
            heads=heads,
            hidden=config.intermediate_size,
            activation=chosen(f"{file}: hidden_act", config.hidden_act, ACTIVATIONS),
            epsilon=config.layer_norm_eps,
            dtype=np.dtype(dtype),
        )


class Perceptron(nn.Module):
    """The two-layer perceptron of a block."""

    sizes: Sizes

    @nn.compact
    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        """Return what is added to `x`."""
        s = self.sizes
        y = ACTIVATIONS[s.activation](nn.Dense(s.hidden, dtype=s.dtype, name="in")(x))
        return nn.Dense(s.width, dtype=s.dtype, name="out")(y)


def attention(
    sizes: Sizes, bias: Float[Array, "h l l2"] | None = None
) -> nn.MultiHeadDotProductAttention:
    """Return the self-attention of a block; a bias is added to the logits of every pair."""
    function = nn.dot_product_attention
    if bias is not None:
        function = functools.partial(function, bias=bias[None])
    return nn.MultiHeadDotProductAttention(
        sizes.heads,
        dtype=sizes.dtype,
        force_fp32_for_softmax=True,
        attention_fn=function,
        name="attention",
    )


def norm(sizes: Sizes, name: str) -> nn.LayerNorm:
    """Return a normalization over channels."""
    return nn.LayerNorm(sizes.epsilon, dtype=sizes.dtype, name=name)


def make_room(ids: Int[Array, "n l"], prompt: Prompt | None) -> Int[Array, "n l2"]:
    """Return tokens with one more for each vector of a prompt, which `embed` puts in its place.

    They follow the first token, which begins a string, and are copies of it: no padding, no end.

    >>> make_room(jnp.array([[1, 7, 9]]), jnp.zeros((2, 5))).tolist()
    [[1, 1, 1, 7, 9]]
    """
    if prompt is None:
        return ids
    return jnp.concatenate([jnp.repeat(ids[:, :1], 1 + len(prompt), axis=1), ids[:, 1:]], axis=1)


def embed(
    sizes: Sizes, ids: Int[Array, "n l"], prompt: Prompt | None = None, first: int = 0
) -> Float[Array, "n l d"]:
    """Return the sum of token and position embeddings; called within a compact module.

    Args:
        sizes: of the transformer.
        ids: the tokens, with room for the prompt.
        prompt: what takes the place of the embeddings of the tokens after the first.
        first: the position of a string's first token.
    """
    positions = first + jnp.arange(ids.shape[-1])[None]
    x = nn.Embed(sizes.vocabulary, sizes.width, dtype=sizes.dtype, name="tokens")(ids)
    if prompt is not None:
        x = x.at[:, 1 : 1 + len(prompt)].set(prompt.astype(x.dtype))
    return x + nn.Embed(sizes.context, sizes.width, dtype=sizes.dtype, name="places")(positions)
