"""What the transformers of the text encoders share: sizes, sub-layers, the embedding of tokens.

Parameters are float32; the computation has the precision `Sizes.dtype`, softmax and the moments of
the normalisations float32. There is no dropout.
"""

from dataclasses import dataclass

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

# By the names that config.json uses.
ACTIVATIONS = {
    "gelu": lambda x: nn.gelu(x, approximate=False),
    "gelu_new": lambda x: nn.gelu(x, approximate=True),
    "quick_gelu": lambda x: x * nn.sigmoid(1.702 * x),
    "relu": nn.relu,
}


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
        activation: theirs, a name of `ACTIVATIONS`.
        epsilon: what the normalisations add to the variance.
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


class Perceptron(nn.Module):
    """The two-layer perceptron of a block."""

    sizes: Sizes

    @nn.compact
    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        """Return what is added to `x`."""
        s = self.sizes
        y = ACTIVATIONS[s.activation](nn.Dense(s.hidden, dtype=s.dtype, name="in")(x))
        return nn.Dense(s.width, dtype=s.dtype, name="out")(y)


def attention(sizes: Sizes) -> nn.MultiHeadDotProductAttention:
    """Return the self-attention of a block."""
    return nn.MultiHeadDotProductAttention(
        sizes.heads, dtype=sizes.dtype, force_fp32_for_softmax=True, name="attention"
    )


def norm(sizes: Sizes, name: str) -> nn.LayerNorm:
    """Return a normalisation over channels."""
    return nn.LayerNorm(sizes.epsilon, dtype=sizes.dtype, name=name)


def embed(sizes: Sizes, ids: Int[Array, "n l"]) -> Float[Array, "n l d"]:
    """Return the sum of the embeddings of every token and of its place, in a module's scope."""
    places = jnp.arange(ids.shape[-1])[None]
    x = nn.Embed(sizes.vocabulary, sizes.width, dtype=sizes.dtype, name="tokens")(ids)
    return x + nn.Embed(sizes.context, sizes.width, dtype=sizes.dtype, name="places")(places)
