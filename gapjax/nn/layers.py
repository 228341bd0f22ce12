"""The layers of the published skeleton networks, in any order of axes (`gapjax.nn.axis_order`).

Inside a backbone all arrays have one order, so that a 1x1 convolution is one matrix product and no
axis is moved between layers.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from data_pipelines.errors import UserError
from gapjax.nn.axis_order import CHANNELS_FIRST, Ordered, along, arrange, every, pads, spread

Initializer = Callable[..., Float[Array, "..."]]

# PyTorch's defaults.
EPSILON = 1e-5
MOMENTUM = 0.1


def fan_in_uniform(fan_in: int) -> Initializer:
    """Return PyTorch's default initializer of linear layers and biases: U(±1/√fan_in)."""
    bound = fan_in**-0.5

    def initialize(
        key: Key[Array, ""], shape: Sequence[int], dtype: Any = jnp.float32
    ) -> Float[Array, "..."]:
        """Return an array drawn from U(-bound, bound)."""
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return initialize


def fan_out_normal(fan_out: int) -> Initializer:
    """Return He's normal initializer by fan-out: N(0, 2/fan_out)."""
    return nn.initializers.normal((2.0 / fan_out) ** 0.5)


def around_one(spread: float) -> Initializer:
    """Return the initializer N(1, spread²)."""

    def initialize(
        key: Key[Array, ""], shape: Sequence[int], dtype: Any = jnp.float32
    ) -> Float[Array, "..."]:
        """Return an array drawn from N(1, spread²)."""
        return 1.0 + spread * jax.random.normal(key, shape, dtype)

    return initialize


class RowWeights(NamedTuple):
    """How often the rows of a batch count in its moments (`gapjax.nn.rows`).

    Attributes:
        weight: the number of bodies that each row stands for, in any shape.
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
            offset, variance = moments(x, self.order, self.of, weights)
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


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def pointwise(
    kernel: Float[Array, "*g d c"], x: Float[Array, "..."], order: str, out: str = "dc"
) -> Float[Array, "..."]:
    """Return a 1x1 convolution: one matrix product over the channels.

    No axes are merged: where samples are sharded over devices and are not the first of the merged
    axes, every device would gather all of them. The custom gradient avoids a transpose of the
    result, which is slow on a CPU.

    Args:
        kernel: the kernel.
        x: the features.
        order: the names of x's axes.
        out: the names of the kernel's; those before `dc` come first in the result.
    """
    return jnp.einsum(f"{out},{order}->{_result(order, out)}", kernel.astype(x.dtype), x)


def _result(order: str, out: str) -> str:
    return out.removesuffix("dc") + order.replace("c", "d")


def _pointwise_backward(
    order: str,
    out: str,
    saved: tuple[Float[Array, "*g d c"], Float[Array, "..."]],
    cotangent: Float[Array, "..."],
) -> tuple[Float[Array, "*g d c"], Float[Array, "..."]]:
    (kernel, x), result = saved, _result(order, out)
    to_kernel = jnp.einsum(f"{result},{order}->{out}", cotangent, x).astype(kernel.dtype)
    return to_kernel, jnp.einsum(f"{out},{result}->{order}", kernel.astype(x.dtype), cotangent)


pointwise.defvjp(
    lambda kernel, x, order, out: (pointwise(kernel, x, order, out), (kernel, x)),
    _pointwise_backward,
)


def convolve_time(
    kernel: Float[Array, "d c t"], x: Ordered, order: str, stride: int, dilation: int
) -> Ordered:
    """Return a convolution over time, padded to keep its length.

    Where frames come last, joints are folded into the batch, which is faster on a CPU.
    """
    reach = (kernel.shape[2] - 1) * dilation // 2
    if order == CHANNELS_FIRST:
        channels, bodies, joints, frames = x.shape
        y = jax.lax.conv_general_dilated(
            x.reshape(channels, bodies * joints, frames),
            kernel.astype(x.dtype),
            window_strides=(stride,),
            padding=[(reach, reach)],
            rhs_dilation=(dilation,),
            dimension_numbers=("CNW", "OIW", "CNW"),
        )
        return y.reshape(-1, bodies, joints, y.shape[-1])
    letters = order.translate(str.maketrans("cnvt", "CNHW"))
    return jax.lax.conv_general_dilated(
        x,
        kernel[:, :, None].astype(x.dtype),
        window_strides=(1, stride),
        padding=[(0, 0), (reach, reach)],
        rhs_dilation=(1, dilation),
        dimension_numbers=(letters, "OIHW", letters),
    )


def max_over_time(x: Ordered, order: str, stride: int) -> Ordered:
    """Return the maximum over windows of three frames, padded to keep the length, by a stride."""
    padded = jnp.pad(x, pads(order, "t", 1, 1), constant_values=-jnp.inf)
    frames = x.shape[order.index("t")]
    shifted = [padded[along(order, "t", slice(i, i + frames, stride))] for i in range(3)]
    return jnp.maximum(jnp.maximum(shifted[0], shifted[1]), shifted[2])


class Projection(nn.Module):
    """A 1x1 convolution and batch normalization, for a residual whose shape changes.

    Attributes:
        order: the names of the axes.
        features: channels out.
        stride: frames from one output to the next.
    """

    order: str
    features: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return the projected features."""
        axis = self.order.index("c")
        kernel_init = fan_out_normal(self.features)
        kernel = self.param("kernel", kernel_init, (self.features, x.shape[axis]))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        y = pointwise(kernel, every(x, self.order, self.stride), self.order)
        return BatchNorm(self.order, name="norm")(y, bias, train=train, weights=weights)


class BlockPlan(NamedTuple):
    """One block of a published skeleton network.

    Attributes:
        name: `block0`, `block1`, ...
        features: channels out.
        stride: frames from one output to the next.
        residual: whether the block has a residual connection; the first one has none.
    """

    name: str
    features: int
    stride: int
    residual: bool


def plan_blocks(width: int, stages: Sequence[int]) -> Iterator[BlockPlan]:
    """Yield the blocks of a network: channels double, and frames halve, from stage to stage.

    Args:
        width: channels of the first stage.
        stages: how many blocks each stage has.
    """
    number = 0
    for stage, blocks in enumerate(stages):
        for place in range(blocks):
            stride = 2 if stage and not place else 1
            yield BlockPlan(f"block{number}", width * 2**stage, stride, number > 0)
            number += 1
