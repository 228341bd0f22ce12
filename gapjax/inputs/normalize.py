"""Normalisations of poses: who is there, and where bodies are and face, frame by frame.

As in `gapjax.inputs.augment`, a batch is `b m t v c`, and what is absent is all zeros. The facts
are those of the released preparations of NTU RGB+D 120 (facts C.2) and of PKU-MMD (facts C.7).
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from gapjax.inputs import augment


def seen(
    frames: Float[Array, "b m t v c"], length: Int[Array, " b"], space: int
) -> Bool[Array, "b m t *v"]:
    """Return where persons are there, or where a confidence tells, which of their joints."""
    present = augment.presence(frames, length)
    if frames.shape[-1] > space:
        return present[..., None] & (frames[..., space] > 0)
    return present


def copy_first_person(
    frames: Float[Array, "b m t v c"], present: Bool[Array, "b m t *v"]
) -> Float[Array, "b m t v c"]:
    """Return frames in which persons who are never there are copies of the first (facts C.2).

    A person who is there at all stays zeros in the frames in which they are not.
    """
    there = present.any(axis=tuple(range(2, present.ndim)))
    return jnp.where(there[:, :, None, None, None], frames, frames[:, :1])


def central_frames(
    frames: Float[Array, "b m t v c"], length: Int[Array, " b"], longest: int | None
) -> tuple[Float[Array, "b m t2 v c"], Int[Array, " b"]]:
    """Return the central `longest` frames of sequences that have more, and the new lengths."""
    if longest is None or frames.shape[2] <= longest:
        return frames, length
    start = jnp.maximum(length - longest, 0) // 2
    kept = augment.take_frames(frames, start[:, None] + jnp.arange(longest)[None])
    return kept, jnp.minimum(length, longest)


def center_every_frame(
    frames: Float[Array, "b m t v c"], present: Bool[Array, "b m t *v"], joint: int
) -> Float[Array, "b m t v c"]:
    """Return frames in which everybody's own `joint` is the origin, in each frame (facts C.7).

    Args:
        frames: the coordinates.
        present: where a person is there, or a joint; if the joint is not, nothing is moved.
        joint: the one that is the origin.
    """
    there = jnp.broadcast_to(augment.by_joint(present), frames.shape[:4])[..., None]
    origin = jnp.where(there, frames, 0)[:, :, :, joint : joint + 1]
    return jnp.where(there, frames - origin, 0)


def align_shoulders(
    frames: Float[Array, "b m t v c"], left: int, right: int
) -> Float[Array, "b m t v c"]:
    """Return bodies turned about the vertical axis until their shoulders lie along x (facts C.7).

    Everybody is turned in each frame by an angle of their own, so that the right shoulder has the
    depth of the left one and the larger x. Without a horizontal distance nothing is turned.
    """
    line = frames[..., right, :] - frames[..., left, :]
    wide, deep = line[..., 0], line[..., 2]
    width = jnp.hypot(wide, deep)
    flat = width > 0
    cos = jnp.where(flat, wide / jnp.where(flat, width, 1), 1)[..., None]
    sin = jnp.where(flat, deep / jnp.where(flat, width, 1), 0)[..., None]
    x, y, z = frames[..., 0], frames[..., 1], frames[..., 2]
    return jnp.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)
