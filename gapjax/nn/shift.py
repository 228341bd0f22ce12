"""Shifts along joints and time, each channel by its own distance (Cheng et al., CVPR 2020).

In the order `ROWS` a shift along joints copies whole rows, and one along time stays within a row.
Where channels are in the lanes of a TPU, each of which would read another place, a shift is a sum
over all places with weights that are mostly zero. Shifts have custom gradients: the transpose of a
shift is another shift, where the gradient that JAX derives would scatter.
"""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from gapjax.nn.axis_order import Ordered, arrange, vector_sum

# Of shift networks on CPUs and GPUs.
ROWS = "cvnt"


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def shift_joints(x: Ordered, direction: int, order: str) -> Ordered:
    """Return the non-local spatial shift: joint i of channel j reads joint i + direction·j.

    Indices of joints wrap around; the skeleton's bones have no influence (facts E.1).

    Args:
        x: the features.
        direction: 1 to shift in, -1 to shift out: each is the other's inverse and transpose.
        order: the names of the axes.
    """
    channels, joints = (x.shape[order.index(name)] for name in "cv")
    place = np.arange(channels)[:, None]
    source = (np.arange(joints)[None] + direction * place) % joints
    if order != ROWS:
        weights = jnp.asarray(source[..., None] == np.arange(joints), x.dtype)
        return _weighted_sum(x, weights, order, "v")
    rows = source + joints * place
    flat = x.reshape(channels * joints, *x.shape[2:])
    taken = flat.at[rows.ravel()].get(mode="promise_in_bounds", unique_indices=True)
    return taken.reshape(x.shape)


shift_joints.defvjp(
    lambda x, direction, order: (shift_joints(x, direction, order), None),
    lambda direction, order, _, cotangent: (shift_joints(cotangent, -direction, order),),
)


def _weighted_sum(x: Ordered, weights: Float[Array, "c u s"], order: str, axis: str) -> Ordered:
    """Return Σ_s weights[c, u, s] · x[c, s], where s are the places of one axis, u those after."""
    # The axes that both have are in the order of x.
    first = "".join(name for name in order.replace(axis, "us") if name in "cus")
    weights = arrange(weights.astype(x.dtype), "cus", first)
    return vector_sum(weights, x, (first, order.replace(axis, "s"), order.replace(axis, "u")))


def released_rule(slope: Float[Array, " c"]) -> Float[Array, " c"]:
    """Return the release's substitute for the gradient of positions: 0.01 times its sign.

    An exact zero becomes 0.0001 (facts E.2). The sign is that of the global batch's gradient; in
    the release each GPU takes that of its share.
    """
    return jnp.where(slope == 0.0, 1e-4, 0.01 * jnp.sign(slope)).astype(slope.dtype)


# Name → (the true gradient of the positions) → the gradient that the optimizer receives.
GRADIENTS: Mapping[str, Callable[[Float[Array, " c"]], Float[Array, " c"]]] = {
    "released": released_rule,
    "true": lambda slope: slope,
}


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def shift_time(
    x: Ordered, positions: Float[Array, " c"], stride: int, gradient: str, order: str
) -> Ordered:
    """Return the adaptive temporal shift: out[t] = x[t·stride + y], linear between frames.

    y is the channel's position, plus 0.5 for stride 2 (facts E.2). Outside the sequence x is zero.
    The gradient to x is always the true one.

    Args:
        x: the features.
        positions: how many frames ahead each channel reads; of any size and sign.
        stride: frames from one output to the next; there are ⌈frames / stride⌉ outputs.
        gradient: the rule for the gradient of the positions, one of `GRADIENTS`.
        order: the names of the axes.
    """
    first, share = _split(positions, stride)
    frames = -(-x.shape[order.index("t")] // stride)
    return _blend(x, first, (1 - share, share), order, stride, frames)


def _split(
    positions: Float[Array, " c"], stride: int
) -> tuple[Int[Array, " c"], Float[Array, " c"]]:
    """Return the earlier of the two frames that output 0 blends, and the weight of the later."""
    positions = positions + (stride - 1) / 2
    first = jnp.floor(positions)
    return first.astype(jnp.int32), positions - first


def _blend(
    x: Ordered,
    first: Int[Array, " c"],
    shares: tuple[Float[Array, " c"], Float[Array, " c"]],
    order: str,
    stride: int,
    frames: int,
) -> Ordered:
    """Return the sum, by shares, of the frames t·stride + first and the next, for `frames` t."""
    place = first[:, None] + stride * jnp.arange(frames, dtype=jnp.int32)[None]
    if order == ROWS:
        near, far = (
            share[:, None, None, None].astype(x.dtype) * _read(x, place + ahead)
            for ahead, share in enumerate(shares)
        )
        return near + far
    read = jnp.arange(x.shape[order.index("t")], dtype=jnp.int32)[None, None]
    near, far = (
        jnp.where((place + ahead)[..., None] == read, share[:, None, None], 0.0)
        for ahead, share in enumerate(shares)
    )
    return _weighted_sum(x, near + far, order, "t")


def _read(x: Float[Array, "c v n t"], place: Int[Array, "c t2"]) -> Float[Array, "c v n t2"]:
    """Return x at the places of each channel, zero outside."""
    last = x.shape[3] - 1
    inside = (place >= 0) & (place <= last)
    index = jnp.clip(place, 0, last)[:, None, None]
    taken = jnp.take_along_axis(x, index, axis=3, mode="promise_in_bounds")
    return jnp.where(inside[:, None, None], taken, 0)


def _time_backward(
    stride: int,
    gradient: str,
    order: str,
    saved: tuple[Ordered, Float[Array, " c"]],
    cotangent: Ordered,
) -> tuple[Ordered, Float[Array, " c"]]:
    x, positions = saved
    first, share = _split(positions, stride)
    time, ones = order.index("t"), jnp.ones_like(share)
    rise = _blend(x, first, (-ones, ones), order, stride, cotangent.shape[time])
    others = tuple(place for place, name in enumerate(order) if name != "c")
    slope = (rise * cotangent).sum(axis=others, dtype=jnp.float32).astype(positions.dtype)
    # With zeros inserted between its frames, a cotangent of stride 2 is one of stride 1.
    padding = [(0, 0, (stride - 1) * (name == "t")) for name in order]
    even = jax.lax.pad(cotangent, jnp.zeros((), x.dtype), padding)
    shares = (share, 1 - share)
    return _blend(even, -first - 1, shares, order, 1, x.shape[time]), GRADIENTS[gradient](slope)


shift_time.defvjp(
    lambda x, positions, stride, gradient, order: (
        shift_time(x, positions, stride, gradient, order),
        (x, positions),
    ),
    _time_backward,
)
