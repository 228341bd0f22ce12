"""Batch normalization in any order of axes, with rows that count more than once."""

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from data_pipelines.errors import UserError
from gapjax.nn.axis_order import CHANNELS_FIRST, arrange, spread
from gapjax.nn.initializers import Initializer
from gapjax.nn.recompute import keep

# PyTorch's defaults.
EPSILON = 1e-5
MOMENTUM = 0.1


class RowWeights(NamedTuple):
    """How often the rows of a batch count in its moments (`gapjax.nn.rows`).

    Attributes:
        weight: the number of bodies that each row stands for, row-major in any shape.
        bodies: the sum of all weights.
    """

    weight: Float[Array, "n ..."]
    bodies: int


class BatchNorm(nn.Module):
    """Batch normalization with PyTorch's semantics.

    Both moments are computed in one pass, in float32. The batch is normalized by its biased
    variance, and the running variance is updated with the unbiased one. Under `jit` the moments are
    those of the global batch.

    Attributes:
        order: the names of the axes.
        of: the axes that have statistics of their own; the variables are flat, the last name
            varying fastest.
        scale_init: initializer of the scale.
    """

    order: str = CHANNELS_FIRST
    of: str = "c"
    scale_init: Initializer = nn.initializers.ones

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "..."],
        shift: Float[Array, " d"] | float = 0.0,
        *,
        train: bool,
        weights: RowWeights | None = None,
    ) -> Float[Array, "..."]:
        """Return `x + shift` normalized.

        Args:
            x: what to normalize.
            shift: the bias of the preceding layer; in training it cancels, and is never added to x.
            train: whether the batch's own moments are used, and the running ones updated.
            weights: how often each body counts in the moments; None for once.

        Raises:
            UserError: in training, a channel has one value, whose variance is unknown.
        """
        sizes = [x.shape[self.order.index(name)] for name in self.of]
        channels = math.prod(sizes)
        scale = self.param("scale", self.scale_init, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        mean = self.variable("batch_stats", "mean", jnp.zeros, channels)
        var = self.variable("batch_stats", "var", jnp.ones, channels)
        offset = mean.value - shift
        variance = var.value
        if train:
            x = keep(x)
            offset, variance = map(keep, moments(x, self.order, self.of, weights))
            count = x.size // channels
            if weights is not None:
                count = count // weights.weight.size * weights.bodies
            if not self.is_initializing():
                if count == 1:
                    raise UserError(
                        "batch normalization has one value per channel to learn from; train with "
                        "a larger batch or longer clips"
                    )
                seen = jax.lax.stop_gradient((offset + shift, variance * (count / (count - 1))))
                mean.value += MOMENTUM * (seen[0] - mean.value)
                var.value += MOMENTUM * (seen[1] - var.value)
        factor = scale * jax.lax.rsqrt(variance + EPSILON)
        factor, rest = (
            spread(each.reshape(sizes), self.of, self.order)
            for each in (factor, bias - offset * factor)
        )
        return (x * factor + rest).astype(x.dtype)


def moments(
    x: Float[Array, "..."], order: str, of: str, weights: RowWeights | None = None
) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
    """Return mean and biased variance over all axes of an order but those `of`, in one pass."""
    axes = tuple(place for place, name in enumerate(order) if name not in of)
    kept = "".join(name for name in order if name in of)
    x = x.astype(jnp.float32)
    if weights is None:
        mean, square = x.mean(axes), jnp.square(x).mean(axes)
    else:
        rest = math.prod(x.shape[place] for place in axes) // weights.weight.size
        weight = spread(weights.weight.ravel() / (rest * weights.bodies), "n", order)
        mean, square = (x * weight).sum(axes), (jnp.square(x) * weight).sum(axes)
    variance = jnp.maximum(square - jnp.square(mean), 0.0)
    return arrange(mean, kept, of).ravel(), arrange(variance, kept, of).ravel()
