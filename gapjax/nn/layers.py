"""The layers of the published skeleton networks, in any order of axes (`gapjax.nn.axis_order`).

Inside a backbone all arrays have one order, so that a 1x1 convolution is one matrix product and no
axis is moved between layers.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from gapjax.nn.axis_order import CHANNELS_FIRST, Ordered, along, every, pads
from gapjax.nn.batch_norm import BatchNorm, RowWeights
from gapjax.nn.initializers import fan_out_normal


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
    if order.startswith("c"):
        # What `einsum` makes of a kernel of more axes is copied on a CPU.
        flat = jnp.tensordot(kernel.reshape(-1, x.shape[0]).astype(x.dtype), x, 1)
        return flat.reshape(*kernel.shape[:-1], *x.shape[1:])
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
    if order.startswith("c"):
        flat, rest = cotangent.reshape(-1, *x.shape[1:]), tuple(range(1, x.ndim))
        to_kernel = jnp.tensordot(flat, x, (rest, rest)).reshape(kernel.shape)
        to_x = jnp.tensordot(kernel.reshape(-1, x.shape[0]).T.astype(x.dtype), flat, 1)
        return to_kernel.astype(kernel.dtype), to_x
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


def convolve_graph(
    kernel: Float[Array, "g d c"], topology: Float[Array, "g u v"], x: Ordered, order: str
) -> Ordered:
    """Return a convolution over a graph: Σ_g Σ_v topology[g, u, v] · kernel[g] · x[v]."""
    value = pointwise(kernel, x, order, "gdc")
    result = order.replace("v", "u")
    return jnp.einsum(f"guv,g{order}->{result}", topology.astype(x.dtype), value)


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


def relu_with_residual(
    y: Ordered,
    x: Ordered,
    order: str,
    stride: int = 1,
    *,
    train: bool,
    weights: RowWeights | None = None,
) -> Ordered:
    """Return relu(y + x), with x projected by a module `residual` where the shapes differ.

    Args:
        y: what a module makes of x.
        x: its input.
        order: the names of the axes.
        stride: frames of x from one of y to the next.
        train: as of `Projection`.
        weights: as of `Projection`.
    """
    if x.shape != y.shape:
        change = Projection(order, y.shape[order.index("c")], stride, name="residual")
        x = change(x, train=train, weights=weights)
    return jax.nn.relu(y + x)
