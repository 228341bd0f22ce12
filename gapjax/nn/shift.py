"""Shifts along joints and time, each channel by its own distance (Cheng et al., CVPR 2020).

Arrays are `c v n t` (n bodies): a shift along joints copies whole rows, and one along time stays
within a row. Both have custom gradients: the transpose of a shift is another shift, which gathers,
where the gradient that JAX derives would scatter.
"""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def shift_joints(x: Float[Array, "c v n t"], direction: int) -> Float[Array, "c v n t"]:
    """Return the non-local spatial shift: joint i of channel j reads joint i + direction·j.

    Indices of joints wrap around; the skeleton's bones have no influence (facts E.1).

    Args:
        x: the features.
        direction: 1 to shift in, -1 to shift out: each is the other's inverse and transpose.
    """
    channels, joints = x.shape[:2]
    place = np.arange(channels)[:, None]
    rows = (np.arange(joints)[None] + direction * place) % joints + joints * place
    flat = x.reshape(channels * joints, *x.shape[2:])
    taken = flat.at[rows.ravel()].get(mode="promise_in_bounds", unique_indices=True)
    return taken.reshape(x.shape)


shift_joints.defvjp(
    lambda x, direction: (shift_joints(x, direction), None),
    lambda direction, _, cotangent: (shift_joints(cotangent, -direction),),
)


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


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def shift_time(
    x: Float[Array, "c v n t"], positions: Float[Array, " c"], stride: int, gradient: str
) -> Float[Array, "c v n t2"]:
    """Return the adaptive temporal shift: out[t] = x[t·stride + y], linear between frames.

    y is the channel's position, plus 0.5 for stride 2 (facts E.2). Outside the sequence x is zero.
    The gradient to x is always the true one.

    Args:
        x: the features.
        positions: how many frames ahead each channel reads; of any size and sign.
        stride: frames from one output to the next; there are ⌈frames / stride⌉ outputs.
        gradient: the rule for the gradient of the positions, one of `GRADIENTS`.
    """
    first, share = _split(positions, stride)
    return _between(x, first, share, stride, -(-x.shape[3] // stride))


def _split(
    positions: Float[Array, " c"], stride: int
) -> tuple[Int[Array, " c"], Float[Array, " c"]]:
    """Return the earlier of the two frames that output 0 blends, and the weight of the later."""
    positions = positions + (stride - 1) / 2
    first = jnp.floor(positions)
    return first.astype(jnp.int32), positions - first


def _between(
    x: Float[Array, "c v n t"],
    first: Int[Array, " c"],
    share: Float[Array, " c"],
    stride: int,
    frames: int,
) -> Float[Array, "c v n t2"]:
    """Return the blend of the frames t·stride + first and the next, for `frames` t."""
    share = share[:, None, None, None].astype(x.dtype)
    near, far = (_read(x, first + ahead, stride, frames) for ahead in (0, 1))
    return (1 - share) * near + share * far


def _read(
    x: Float[Array, "c v n t"], first: Int[Array, " c"], stride: int, frames: int
) -> Float[Array, "c v n t2"]:
    """Return x[t·stride + first] for `frames` t, zero outside."""
    place = first[:, None] + stride * jnp.arange(frames, dtype=jnp.int32)[None]
    last = x.shape[3] - 1
    inside = (place >= 0) & (place <= last)
    index = jnp.clip(place, 0, last)[:, None, None]
    taken = jnp.take_along_axis(x, index, axis=3, mode="promise_in_bounds")
    return jnp.where(inside[:, None, None], taken, 0)


def _time_backward(
    stride: int,
    gradient: str,
    saved: tuple[Float[Array, "c v n t"], Float[Array, " c"]],
    cotangent: Float[Array, "c v n t2"],
) -> tuple[Float[Array, "c v n t"], Float[Array, " c"]]:
    x, positions = saved
    first, share = _split(positions, stride)
    frames = cotangent.shape[3]
    rise = _read(x, first + 1, stride, frames) - _read(x, first, stride, frames)
    slope = (rise * cotangent).sum(axis=(1, 2, 3), dtype=jnp.float32).astype(positions.dtype)
    # With zeros inserted between its frames, a cotangent of stride 2 is one of stride 1.
    spread = jax.lax.pad(cotangent, jnp.zeros((), x.dtype), [(0, 0, 0)] * 3 + [(0, 0, stride - 1)])
    return _between(spread, -first - 1, 1 - share, 1, x.shape[3]), GRADIENTS[gradient](slope)


shift_time.defvjp(
    lambda x, positions, stride, gradient: (
        shift_time(x, positions, stride, gradient),
        (x, positions),
    ),
    _time_backward,
)
