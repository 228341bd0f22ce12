"""Normalization of poses: presence of persons and joints, origin, facing and scale.

A batch is `b m t v c`, padded with zeros; what is absent is all zeros and stays zero. The steps are
those of the released preparations of NTU RGB+D (CTR-GCN's `data/ntu`; facts C.2), of NW-UCLA (its
`feeders/feeder_ucla.py`; C.6) and of PKU-MMD (AimCLR's `tools`, which STAR's authors share; C.7).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def presence(
    frames: Float[Array, "b m t v c"], length: Int[Array, " b"], space: int
) -> Bool[Array, "b m t *v"]:
    """Return which persons are present in each frame, or which joints if there is a confidence.

    A person is present within the true frames, where not all numbers are zero.

    Args:
        frames: raw frames.
        length: the true number of frames.
        space: the number of coordinates. The number after them, if any, is the confidence, which
            is zero for a joint that was not seen.
    """
    within = jnp.arange(frames.shape[2])[None, :] < length[:, None]
    persons = (frames != 0).any(axis=(3, 4)) & within[:, None, :]
    if frames.shape[-1] > space:
        return persons[..., None] & (frames[..., space] > 0)
    return persons


def copy_first_person(
    frames: Float[Array, "b m t v c"], present: Bool[Array, "b m t *v"]
) -> Float[Array, "b m t v c"]:
    """Return frames in which persons who are never present are copies of the first person.

    A person who is present at all keeps zeros in frames without them. (`data/ntu120`'s
    `seq_transformation.py`; NTU 60's leaves zeros.)
    """
    ever_present = present.any(axis=tuple(range(2, present.ndim)))
    return jnp.where(ever_present[:, :, None, None, None], frames, frames[:, :1])


def center_first_frame(
    frames: Float[Array, "b m t v c"], present: Bool[Array, "b m t *v"], joint: int
) -> Float[Array, "b m t v c"]:
    """Return frames whose origin is `joint` of the first person's first frame.

    (NTU's `seq_transformation.py`, and NW-UCLA's feeder.) The first person is the first one who is
    ever present. If their `joint` is never present, the origin is the mean of their present joints,
    in the first frame that has any.

    Args:
        frames: the coordinates.
        present: which persons, or joints, are present (`presence`).
        joint: the joint at the origin.
    """
    present = jnp.broadcast_to(_per_joint(present), frames.shape[:4])

    def origin(persons: Float[Array, "m t v c"], seen: Bool[Array, "m t v"]) -> Float[Array, " c"]:
        """Return the origin of one sample; zero if nobody is present."""
        person = jnp.argmax(seen.any(axis=(1, 2)))
        body = seen[person]
        candidate = (jnp.arange(body.shape[1]) == joint) | ~body[:, joint].any()
        counted = body & candidate[None]
        frame = jnp.argmax(counted.any(axis=1))
        joints = jnp.where(counted[frame][:, None], persons[person, frame], 0)
        return joints.sum(axis=0) / jnp.maximum(counted[frame].sum(), 1)

    origins = jax.vmap(origin)(frames, present)[:, None, None, None]
    return jnp.where(present[..., None], frames - origins, 0)


def center_every_frame(
    frames: Float[Array, "b m t v c"], present: Bool[Array, "b m t *v"], joint: int
) -> Float[Array, "b m t v c"]:
    """Return frames in which `joint` of every person is that person's origin (PKU-MMD).

    Args:
        frames: the coordinates.
        present: which persons, or joints, are present. A person without the joint is not moved.
        joint: the joint at the origin.
    """
    mask = jnp.broadcast_to(_per_joint(present), frames.shape[:4])[..., None]
    origin = jnp.where(mask, frames, 0)[:, :, :, joint : joint + 1]
    return jnp.where(mask, frames - origin, 0)


def align_shoulders(
    frames: Float[Array, "b m t v c"], left: int, right: int
) -> Float[Array, "b m t v c"]:
    """Return persons turned about the vertical axis until their shoulders lie along x (PKU-MMD).

    The angle differs from person to person and frame to frame: the right shoulder gets the depth
    of the left one and the larger x. Shoulders without horizontal distance are left as they are.

    Args:
        frames: the coordinates, of which axis 1 is vertical.
        left: the left shoulder.
        right: the right shoulder.
    """
    line = frames[..., right, :] - frames[..., left, :]
    across, depth = line[..., 0], line[..., 2]
    distance = jnp.hypot(across, depth)
    turned = distance > 0
    cos = jnp.where(turned, across / jnp.where(turned, distance, 1), 1)[..., None]
    sin = jnp.where(turned, depth / jnp.where(turned, distance, 1), 0)[..., None]
    x, y, z = frames[..., 0], frames[..., 1], frames[..., 2]
    return jnp.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)


def scale_axes(
    frames: Float[Array, "b m t v c"], present: Bool[Array, "b m t *v"]
) -> Float[Array, "b m t v c"]:
    """Return frames whose every axis spans [-1, 1] over the sequence (NW-UCLA's feeder).

    The range is that of the present persons or joints; all others are zero. An axis without
    variation becomes zero (the release divides by zero there).
    """
    mask = _per_joint(present)[..., None]
    low = jnp.where(mask, frames, jnp.inf).min(axis=(1, 2, 3), keepdims=True)
    high = jnp.where(mask, frames, -jnp.inf).max(axis=(1, 2, 3), keepdims=True)
    varies = high > low
    span = jnp.where(varies, high - low, 1)
    return jnp.where(mask & varies, (frames - jnp.where(varies, low, 0)) / span * 2 - 1, 0)


def _per_joint(present: Bool[Array, "b m t *v"]) -> Bool[Array, "b m t v"]:
    """Return presence with an axis of joints, of length 1 if it is that of persons."""
    return present.reshape(*present.shape[:3], -1)
