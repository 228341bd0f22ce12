"""STAR's skeleton stream: how much of each attribute the movement of a body part has.

Chen et al., Fine-Grained Side Information Guided Dual-Prompts for Zero-Shot Skeleton Action
Recognition, ACM MM 2024, Eq. 1-3. All parts are one batched computation: their tokens are padded
to the longest part's, and their parameters are stacked.

The ablations of the paper's Table 7 are `pooling="mean"` (without its "AM": a part's tokens are
averaged) and `prompts="none"` (without its "VAP": a part's mean token is the only query).
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from data_pipelines.errors import UserError
from gapjax.methods.star.part_layers import Linear, PartLinear

# PyTorch initializes the layers before an attention by inputs and outputs, and its biases by zero.
GLOROT = nn.initializers.glorot_uniform(in_axis=-2, out_axis=-1, batch_axis=0)
ZEROS = nn.initializers.zeros
UNIT = nn.initializers.normal(1.0)


def part_tokens(
    features: Float[Array, "b t v c"], parts: Sequence[Sequence[int]]
) -> tuple[Float[Array, "p b l c"], Bool[np.ndarray, "p l"]]:
    """Return the features of each part's joints in all frames, padded to the longest part.

    Args:
        features: of shape [batch, frames, joints, channels].
        parts: the joints of each part.

    Returns:
        The tokens, and which of them are the part's own, not padding.
    """
    batch, frames, _, channels = features.shape
    joints = np.zeros((len(parts), max(map(len, parts))), np.int32)
    own = np.zeros(joints.shape, bool)
    for part, members in enumerate(parts):
        joints[part, : len(members)] = members
        own[part, : len(members)] = True
    tokens = features[:, :, joints].transpose(2, 0, 1, 3, 4)
    return tokens.reshape(len(parts), batch, -1, channels), np.tile(own, (1, frames))


def mean_token(
    tokens: Float[Array, "p b l c"], own: Bool[np.ndarray, "p l"]
) -> Float[Array, "p b 1 c"]:
    """Return the mean of each part's own tokens."""
    share = own / own.sum(axis=1, keepdims=True)
    return jnp.einsum("pblc,pl->pbc", tokens, share.astype(np.float32))[:, :, None]


class Attention(nn.Module):
    """Multi-head cross-attention (Eq. 1), up to the output layer, with PyTorch's semantics.

    Attributes:
        size: the number of channels of all heads together.
        heads: the number of heads.
    """

    size: int
    heads: int

    @nn.compact
    def __call__(
        self,
        queries: Float[Array, "p #b q d"],
        tokens: Float[Array, "p b l c"],
        own: Bool[np.ndarray, "p l"],
    ) -> Float[Array, "p b q e"]:
        """Return the values that each query attends to among its part's own tokens.

        Raises:
            UserError: the heads do not share the channels equally.
        """
        if self.size % self.heads:
            raise UserError(f"heads={self.heads} must divide the text's {self.size} dimensions")
        query = self._heads("query", queries) * (self.size // self.heads) ** -0.5
        key, value = self._heads("key", tokens), self._heads("value", tokens)
        scores = jnp.einsum("pbqhd,pblhd->pbhql", query, key)
        share = jax.nn.softmax(jnp.where(own[:, None, None, None], scores, -jnp.inf), axis=-1)
        return jnp.einsum("pbhql,pblhd->pbqhd", share, value).reshape(
            *value.shape[:2], -1, self.size
        )

    def _heads(self, name: str, x: Float[Array, "p b n c"]) -> Float[Array, "p b n h d"]:
        """Return a layer's output, divided among the heads."""
        layer = PartLinear(self.size, GLOROT, ZEROS, name=name)(x.shape[0], x.shape[-1])
        return layer(x).reshape(*x.shape[:-1], self.heads, -1)


class Mean(nn.Module):
    """The ablation of attention: every query weighs its part's own tokens equally.

    Attributes:
        size: the number of channels.
    """

    size: int

    @nn.compact
    def __call__(
        self,
        queries: Float[Array, "p #b q d"],
        tokens: Float[Array, "p b l c"],
        own: Bool[np.ndarray, "p l"],
    ) -> Float[Array, "p b 1 e"]:
        """Return the mean of the values of each part's own tokens."""
        del queries
        layer = PartLinear(self.size, GLOROT, ZEROS, name="value")
        return layer(tokens.shape[0], tokens.shape[-1])(mean_token(tokens, own))


class AttributePrompts(nn.Module):
    """Visual-attribute prompts P_va: a query per attribute, and the projection to it (Eq. 3).

    Attributes:
        parts: the number of parts.
        attributes: the number of attributes of each part.
        size: the number of channels.
    """

    parts: int
    attributes: int
    size: int

    def setup(self) -> None:
        """Create the prompts and the matrices W."""
        self.prompts = self.param("prompts", UNIT, (self.parts, self.attributes, self.size))
        self.weight = self.param("weight", UNIT, (self.parts, self.size, self.size))

    def queries(self, mean: Float[Array, "p b 1 c"]) -> Float[Array, "p 1 a e"]:
        """Return the prompts, the same for every clip."""
        del mean
        return self.prompts[:, None]

    def readout(self) -> Linear:
        """Return Eq. 3's P_va · W as a map from channels to attributes."""
        kernel = jnp.einsum("pae,ped->pda", self.prompts, self.weight)
        return Linear(kernel, jnp.zeros((self.parts, self.attributes)))


class MeanQuery(nn.Module):
    """The ablation of prompts: a part's mean token is the only query, and a linear layer projects.

    Attributes:
        parts: the number of parts.
        attributes: the number of latent dimensions of each part.
        size: the number of channels.
    """

    parts: int
    attributes: int
    size: int

    def setup(self) -> None:
        """Create the layer."""
        self.linear = PartLinear(self.attributes)

    def queries(self, mean: Float[Array, "p b 1 c"]) -> Float[Array, "p b 1 c"]:
        """Return the parts' mean tokens."""
        return mean

    def readout(self) -> Linear:
        """Return the layer."""
        return self.linear(self.parts, self.size)


PROMPTS: dict[str, type[nn.Module]] = {"learned": AttributePrompts, "none": MeanQuery}


class PartAttributes(nn.Module):
    """From skeleton features to a latent vector per part (Eq. 1-3 and facts D.3).

    Attributes:
        parts: the joints of each part.
        size: the text's dimension, which prompts and attention share.
        attributes: m, the number of attributes of each part.
        heads: the number of attention heads; 8 in the paper, 4 as released.
        pooling: `attention`, or `mean` for the ablation without it.
        prompts: `learned`, or `none` for the ablation without visual-attribute prompts.
    """

    parts: tuple[tuple[int, ...], ...]
    size: int = 768
    attributes: int = 100
    heads: int = 8
    pooling: str = "attention"
    prompts: str = "learned"

    def setup(self) -> None:
        """Create prompts, pooling, its output layer, and the feed-forward network φ."""
        attends = self.pooling == "attention"
        # These names address variables in checkpoints, and the random numbers that they start from.
        self.asking = PROMPTS[self.prompts](len(self.parts), self.attributes, self.size)
        self.pool = Attention(self.size, self.heads) if attends else Mean(self.size)
        self.out = PartLinear(self.size, bias_init=ZEROS)
        self.inner = PartLinear(self.size)
        self.outer = PartLinear(self.size)

    def __call__(self, features: Float[Array, "b t v c"]) -> Float[Array, "b p a"]:
        """Return every part's attributes.

        Attribute i is P_va[i] · W · φ(what prompt i attends to). Consecutive linear maps are
        multiplied with each other first, as their product does not depend on the clips.
        """
        tokens, own = part_tokens(features.astype(jnp.float32), self.parts)
        pooled = self.pool(self.asking.queries(mean_token(tokens, own)), tokens, own)
        out, inner, outer = (
            layer(len(self.parts), self.size) for layer in (self.out, self.inner, self.outer)
        )
        hidden = nn.relu(out.then(inner)(pooled))
        last = outer.then(self.asking.readout())
        attributes = (hidden * last.kernel.swapaxes(1, 2)[:, None]).sum(axis=-1)
        return (attributes + last.bias[:, None]).swapaxes(0, 1)
