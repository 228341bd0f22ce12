"""Temporal modules of the graph networks."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from gapjax.nn.axis_order import Ordered, every
from gapjax.nn.batch_norm import BatchNorm, RowWeights
from gapjax.nn.initializers import around_one, fan_out_normal
from gapjax.nn.layers import convolve_time, max_over_time, pointwise

KERNEL = 5
DILATIONS = (1, 2)


class MultiScale(nn.Module):
    """CTR-GCN's multi-scale temporal module: four branches of a quarter of the channels each.

    Two are dilated convolutions and one is a maximum over three frames, each after a 1x1
    convolution; the last is a 1x1 convolution alone (facts B.1). The four 1x1 convolutions are
    computed as one matrix product, and the seven normalizations as two.

    Attributes:
        order: the names of the axes.
        stride: frames from one output to the next.
    """

    order: str
    stride: int = 1

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return the branches, concatenated along the channels."""
        axis = self.order.index("c")
        channels = x.shape[axis]
        quarter = channels // 4
        zeros, near_one = nn.initializers.zeros, around_one(0.02)
        entry = self.param("entry", fan_out_normal(quarter), (channels, channels))
        entry_bias = self.param("entry_bias", zeros, (channels,))
        shape = (len(DILATIONS), quarter, quarter, KERNEL)
        kernels = self.param("kernels", fan_out_normal(quarter * KERNEL), shape)
        bias = self.param("bias", zeros, (len(DILATIONS) * quarter,))
        parts = (3 * quarter, quarter)
        moving, still = jax.lax.split(pointwise(entry, x, self.order), parts, axis)
        moving_bias, still_bias = jax.lax.split(entry_bias, parts)
        norm = BatchNorm(self.order, scale_init=near_one, name="entry_norm")
        moving = jax.nn.relu(norm(moving, moving_bias, train=train, weights=weights))
        *convolved, pooled = jax.lax.split(moving, (quarter,) * 3, axis)
        branches = [
            convolve_time(kernel, branch, self.order, self.stride, dilation)
            for kernel, branch, dilation in zip(kernels, convolved, DILATIONS, strict=True)
        ]
        branches.append(max_over_time(pooled, self.order, self.stride))
        branches.append(every(still, self.order, self.stride))
        shift = jnp.concatenate([bias, jnp.zeros(quarter), still_bias])
        norm = BatchNorm(self.order, scale_init=near_one, name="norm")
        return norm(jnp.concatenate(branches, axis), shift, train=train, weights=weights)


class SingleScale(nn.Module):
    """One convolution over time and batch normalization (facts B.2).

    Attributes:
        order: the names of the axes.
        stride: frames from one output to the next.
    """

    order: str
    stride: int = 1

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return the convolved features."""
        axis = self.order.index("c")
        channels = x.shape[axis]
        shape = (channels, channels, KERNEL)
        kernel = self.param("kernel", fan_out_normal(channels * KERNEL), shape)
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        y = convolve_time(kernel, x, self.order, self.stride, 1)
        return BatchNorm(self.order, name="norm")(y, bias, train=train, weights=weights)


TEMPORAL: dict[str, Callable[..., nn.Module]] = {
    "multi_scale": MultiScale,
    "single_scale": SingleScale,
}
