"""What transformers that read a string in both directions share: their blocks and their pooling.

Padding tokens are masked, so padding changes nothing.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from gapjax.text.transformer import Perceptron, Sizes, attention, norm

# How tokens become one embedding: their mean, the output at the first token, or the pooler of that.
POOLINGS = ("mean", "cls", "pooler")


class Block(nn.Module):
    """Self-attention and a perceptron, each with a residual and then a normalization."""

    sizes: Sizes

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "n l d"],
        real: Bool[Array, "n l"],
        bias: Float[Array, "h l l"] | None = None,
    ) -> Float[Array, "n l d"]:
        """Return the tokens' next representations.

        Args:
            x: the tokens.
            real: which of them are no padding.
            bias: what is added to the logits of the attention.
        """
        mixed = attention(self.sizes, bias)(x, mask=real[:, None, None, :])
        x = norm(self.sizes, "norm1")(x + mixed)
        return norm(self.sizes, "norm2")(x + Perceptron(self.sizes, name="perceptron")(x))


def pool(x: Float[Array, "n l d"], real: Bool[Array, "n l"], pooling: str) -> Float[Array, "n d"]:
    """Return one embedding for each string; called within a compact module.

    Args:
        x: the outputs at the tokens.
        real: which of them are no padding.
        pooling: one of `POOLINGS`.
    """
    if pooling == "mean":
        count = jnp.maximum(real.sum(axis=-1), 1)
        return jnp.einsum("nld,nl->nd", x, real.astype(x.dtype)) / count[:, None]
    if pooling == "cls":
        return x[:, 0]
    return nn.tanh(nn.Dense(x.shape[-1], name="pooler")(x[:, 0]))
