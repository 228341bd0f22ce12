"""Temporal modules of the graph networks, on `c n v t`."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from gapjax.nn.layers import (
    BatchNorm,
    RowWeights,
    around_one,
    convolve_time,
    fan_out_normal,
    max_over_time,
    pointwise,
)

KERNEL = 5
DILATIONS = (1, 2)


class MultiScale(nn.Module):
    """CTR-GCN's multi-scale temporal module: four branches of a quarter of the channels each.

    Two are dilated convolutions and one is a maximum over three frames, each after a 1x1
    convolution; the last is a 1x1 convolution alone (facts B.1). The four 1x1 convolutions are
    computed as one matrix product, and the seven normalizations as two.

    Attributes:
        stride: frames from one output to the next.
    """

    stride: int = 1

    @nn.compact
    def __call__(
        self, x: Float[Array, "d n v t"], *, train: bool, weights: RowWeights | None = None
    ) -> Float[Array, "d n v t2"]:
        """Return the branches, concatenated along the channels."""
        channels = x.shape[0]
        quarter = channels // 4
        zeros, spread = nn.initializers.zeros, around_one(0.02)
        entry = self.param("entry", fan_out_normal(quarter), (channels, channels))
        entry_bias = self.param("entry_bias", zeros, (channels,))
        shape = (len(DILATIONS), quarter, quarter, KERNEL)
        kernels = self.param("kernels", fan_out_normal(quarter * KERNEL), shape)
        bias = self.param("bias", zeros, (len(DILATIONS) * quarter,))
        moving, still = jax.lax.split(pointwise(entry, x), (3 * quarter, quarter))
        moving_bias, still_bias = jax.lax.split(entry_bias, (3 * quarter, quarter))
        norm = BatchNorm(spread, name="entry_norm")
        moving = jax.nn.relu(norm(moving, moving_bias, train=train, weights=weights))
        *convolved, pooled = jax.lax.split(moving, (quarter,) * 3)
        branches = [
            convolve_time(kernel, branch, self.stride, dilation)
            for kernel, branch, dilation in zip(kernels, convolved, DILATIONS, strict=True)
        ]
        branches += [max_over_time(pooled, self.stride), still[..., :: self.stride]]
        shift = jnp.concatenate([bias, jnp.zeros(quarter), still_bias])
        norm, joined = BatchNorm(spread, name="norm"), jnp.concatenate(branches)
        return norm(joined, shift, train=train, weights=weights)


class SingleScale(nn.Module):
    """One convolution over time and batch normalization (facts B.2).

    Attributes:
        stride: frames from one output to the next.
    """

    stride: int = 1

    @nn.compact
    def __call__(
        self, x: Float[Array, "d n v t"], *, train: bool, weights: RowWeights | None = None
    ) -> Float[Array, "d n v t2"]:
        """Return the convolved features."""
        channels = x.shape[0]
        shape = (channels, channels, KERNEL)
        kernel = self.param("kernel", fan_out_normal(channels * KERNEL), shape)
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        y = convolve_time(kernel, x, self.stride, 1)
        return BatchNorm(name="norm")(y, bias, train=train, weights=weights)


TEMPORAL: dict[str, Callable[..., nn.Module]] = {
    "multi_scale": MultiScale,
    "single_scale": SingleScale,
}
