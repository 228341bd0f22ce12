"""The layers of the published skeleton networks, channels first.

Inside a backbone arrays are `c n v t` (n bodies), so that a 1x1 convolution is one matrix product
and no axis is moved between layers.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from data_pipelines.errors import UserError

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
        weight: the number of bodies that each row stands for, shaped to broadcast against the last
            axes of what is normalized, such as `n 1 1` for `c n v t`.
        bodies: the sum of all weights.
    """

    weight: Float[Array, "n ..."]
    bodies: int


class BatchNorm(nn.Module):
    """Batch normalization with PyTorch's semantics, over all axes but the first.

    Both moments are computed in one pass, in float32. The batch is normalized by its biased
    variance, and the running variance is updated with the unbiased one. Under `jit` the moments are
    those of the global batch.

    Attributes:
        scale_init: initializer of the scale.
    """

    scale_init: Initializer = nn.initializers.ones

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "d ..."],
        shift: Float[Array, " d"] | float = 0.0,
        *,
        train: bool,
        weights: RowWeights | None = None,
    ) -> Float[Array, "d ..."]:
        """Return `x + shift` normalized.

        Args:
            x: what to normalize, channels first.
            shift: the bias of the preceding layer; in training it cancels, and is never added to x.
            train: whether the batch's own moments are used, and the running ones updated.
            weights: how often each row counts in the moments; None for once.

        Raises:
            UserError: in training, a channel has one value, whose variance is unknown.
        """
        channels = x.shape[0]
        scale = self.param("scale", self.scale_init, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        mean = self.variable("batch_stats", "mean", jnp.zeros, channels)
        var = self.variable("batch_stats", "var", jnp.ones, channels)
        offset = mean.value - shift
        variance = var.value
        if train:
            offset, variance = moments(x, weights)
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
        rest = (channels,) + (1,) * (x.ndim - 1)
        result = x * factor.reshape(rest) + (bias - offset * factor).reshape(rest)
        return result.astype(x.dtype)


def moments(
    x: Float[Array, "d ..."], weights: RowWeights | None = None
) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
    """Return mean and biased variance over all axes but the first, in one pass."""
    axes = tuple(range(1, x.ndim))
    x = x.astype(jnp.float32)
    if weights is None:
        mean, square = x.mean(axes), jnp.square(x).mean(axes)
    else:
        weight = weights.weight / (x[0].size // weights.weight.size * weights.bodies)
        weight = weight.reshape((1,) * (x.ndim - weight.ndim) + weight.shape)
        mean, square = (x * weight).sum(axes), (jnp.square(x) * weight).sum(axes)
    return mean, jnp.maximum(square - jnp.square(mean), 0.0)


@jax.custom_vjp
def pointwise(kernel: Float[Array, "d c"], x: Float[Array, "c ..."]) -> Float[Array, "d ..."]:
    """Return a 1x1 convolution: one matrix product over the channels.

    No axes are merged: where samples are sharded over devices and are not the first of the merged
    axes, every device would gather all of them. The custom gradient avoids a transpose of the
    result, which is slow on a CPU.
    """
    return jnp.tensordot(kernel.astype(x.dtype), x, 1)


def _pointwise_backward(
    saved: tuple[Float[Array, "d c"], Float[Array, "c ..."]], cotangent: Float[Array, "d ..."]
) -> tuple[Float[Array, "d c"], Float[Array, "c ..."]]:
    kernel, x = saved
    rest = tuple(range(1, x.ndim))
    to_kernel = jnp.tensordot(cotangent, x, (rest, rest)).astype(kernel.dtype)
    return to_kernel, pointwise(kernel.T, cotangent)


pointwise.defvjp(lambda kernel, x: (pointwise(kernel, x), (kernel, x)), _pointwise_backward)


def convolve_time(
    kernel: Float[Array, "d c t"], x: Float[Array, "c n v t2"], stride: int, dilation: int
) -> Float[Array, "d n v t3"]:
    """Return a convolution over time, padded to keep its length, joints folded into the batch."""
    channels, bodies, joints, frames = x.shape
    reach = (kernel.shape[2] - 1) * dilation // 2
    y = jax.lax.conv_general_dilated(
        x.reshape(channels, bodies * joints, frames),
        kernel.astype(x.dtype),
        window_strides=(stride,),
        padding=[(reach, reach)],
        rhs_dilation=(dilation,),
        dimension_numbers=("CNW", "OIW", "CNW"),
    )
    return y.reshape(-1, bodies, joints, y.shape[-1])


def max_over_time(x: Float[Array, "c n v t"], stride: int) -> Float[Array, "c n v t2"]:
    """Return the maximum over windows of three frames, padded to keep the length, by a stride."""
    padded = jnp.pad(x, [(0, 0)] * 3 + [(1, 1)], constant_values=-jnp.inf)
    frames = x.shape[3]
    shifted = [padded[..., i : i + frames : stride] for i in range(3)]
    return jnp.maximum(jnp.maximum(shifted[0], shifted[1]), shifted[2])


class Projection(nn.Module):
    """A 1x1 convolution and batch normalization, for a residual whose shape changes.

    Attributes:
        features: channels out.
        stride: frames from one output to the next.
    """

    features: int
    stride: int = 1

    @nn.compact
    def __call__(
        self, x: Float[Array, "c n v t"], *, train: bool, weights: RowWeights | None = None
    ) -> Float[Array, "d n v t2"]:
        """Return the projected features."""
        shape = (self.features, x.shape[0])
        kernel = self.param("kernel", fan_out_normal(self.features), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        y = pointwise(kernel, x[..., :: self.stride])
        return BatchNorm(name="norm")(y, bias, train=train, weights=weights)


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
