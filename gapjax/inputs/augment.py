"""Augmentation on the device: crops, resizing, rotations and scaling of batches of raw frames.

Every function is pure and works on a whole batch `b m t v c`, whose samples have their own true
lengths and are padded with zeros; persons that are absent are zeros and stay zeros. A random
function takes one key a sample: what a sample draws depends on its key only, never on the batch
around it. The facts are those of the released feeders of CTR-GCN and GAP (facts C.4 and C.6).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

# A matrix product of three numbers must not be rounded to bfloat16 or TF32.
EXACT = jax.lax.Precision.HIGHEST

Span = tuple[Int[Array, " b"], Int[Array, " b"]]


def crop_resize(
    frames: Float[Array, "b m t v c"],
    start: Int[Array, " b"],
    span: Int[Array, " b"],
    window: int,
) -> Float[Array, "b m t2 v c"]:
    """Return the `span` frames from `start` on, resized linearly in time to `window` frames.

    Frame centres are aligned, not the ends (PyTorch's `interpolate` with `align_corners=False`;
    facts C.4): output frame i lies at (i + 1/2) · span / window - 1/2, held inside the crop. Two
    frames are read for each output frame. Positions are whole numbers of 1 / (2 · window), so the
    choice of frames is exact for any length.
    """
    unit = 2 * window
    odd = 2 * jnp.arange(window, dtype=jnp.int32) + 1
    place = jnp.maximum(odd[None, :] * span[:, None] - window, 0)
    before = place // unit
    after = jnp.minimum(before + 1, span[:, None] - 1)
    weight = (place % unit).astype(frames.dtype) / unit
    weight = weight[:, None, :, None, None]
    early = take_frames(frames, start[:, None] + before)
    late = take_frames(frames, start[:, None] + after)
    return early * (1 - weight) + late * weight


def take_frames(
    frames: Float[Array, "b m t v c"], index: Int[Array, "b t2"]
) -> Float[Array, "b m t2 v c"]:
    """Return the frames at `index`, which differs from sample to sample."""
    return jax.vmap(lambda sample, at: jnp.take(sample, at, axis=1, mode="clip"))(frames, index)


def random_crop(
    keys: Key[Array, " b"],
    length: Int[Array, " b"],
    portion: tuple[float, float],
    shortest: int,
) -> Span:
    """Return the first frame and the number of frames of a random crop of each sample.

    A share of the frames is drawn from `portion` and rounded down; crops are never shorter than
    `shortest` frames (the release: 64, its window) where the sample has as many, else the sample
    is whole. The start is uniform over all places where the crop fits (facts C.4).
    """
    low, high = portion

    def draw(key: Key[Array, ""], frames: Int[Array, ""]) -> tuple[Array, Array]:
        """Return first frame and number of frames of one sample's crop."""
        share_key, start_key = jax.random.split(key)
        share = jax.random.uniform(share_key, minval=low, maxval=high)
        span = jnp.floor(frames * share).astype(jnp.int32)
        span = jnp.minimum(jnp.maximum(span, shortest), frames)
        return jax.random.randint(start_key, (), 0, frames - span + 1), span

    return jax.vmap(draw)(keys, _at_least_one(length))


def center_crop(length: Int[Array, " b"], portion: float, longest: int) -> Span:
    """Return the first frame and the number of frames of the central crop of each sample.

    `int((1 - portion) · length / 2)` frames go at either end (facts C.4). The release counts them
    in double precision, which a device may not have: they are looked up in a table of `longest`.
    """
    cut = np.array([int((1 - portion) * frames / 2) for frames in range(longest + 1)], np.int32)
    frames = _at_least_one(length)
    start = jnp.asarray(cut)[frames]
    return start, frames - 2 * start


def random_frames(
    keys: Key[Array, " b"], length: Int[Array, " b"], window: int
) -> Int[Array, "b t2"]:
    """Return `window` sorted frame numbers, drawn uniformly with replacement.

    The release draws them without replacement from 100 copies of every frame (facts C.6). Both
    give every frame the same expected count; the variance of the counts differs by the factor
    (100 L - window) / (100 L - 1), which is 0.995 for 100 frames and a window of 52.
    """

    def draw(key: Key[Array, ""], frames: Int[Array, ""]) -> Int[Array, " t2"]:
        """Return one sample's frame numbers, ascending."""
        return jnp.sort(jax.random.randint(key, (window,), 0, frames))

    return jax.vmap(draw)(keys, _at_least_one(length))


def even_frames(length: Int[Array, " b"], window: int, longest: int) -> Int[Array, "b t2"]:
    """Return `window` evenly spaced frame numbers: `int(linspace(0, length - 1, window))`.

    A table up to `longest` frames holds them, because the release rounds down in double precision
    (facts C.6): with 222 frames, the exact quotient would give other frames.
    """
    rows = [np.linspace(0, max(last, 0), window).astype(np.int32) for last in range(-1, longest)]
    return jnp.asarray(np.stack(rows))[length]


def presence(frames: Float[Array, "b m t v c"], length: Int[Array, " b"]) -> Bool[Array, "b m t"]:
    """Return where a person is there: in a true frame, and not all zeros in it."""
    true_frame = jnp.arange(frames.shape[2])[None, :] < length[:, None]
    return (frames != 0).any(axis=(3, 4)) & true_frame[:, None, :]


def center(
    frames: Float[Array, "b m t v c"], present: Bool[Array, "b m t *v"], joint: int
) -> Float[Array, "b m t v c"]:
    """Return frames whose origin is `joint` of the first person, where that first appears.

    That is NTU's preparation (facts C.2, step 3) and NW-UCLA's (C.6). What is absent stays zero.
    The first person is the first of those who are there at all. Where their `joint` is never
    seen, the origin is the mean of their joints that are, in the first frame with any.

    Args:
        frames: the coordinates.
        present: where a person is there, or a joint.
        joint: the one that is the origin.
    """
    there = jnp.broadcast_to(by_joint(present), frames.shape[:4])

    def first(sample: Float[Array, "m t v c"], seen: Bool[Array, "m t v"]) -> Float[Array, " c"]:
        """Return one sample's origin; zero where nobody is there."""
        person = jnp.argmax(seen.any(axis=(1, 2)))
        body = seen[person]
        wanted = (jnp.arange(body.shape[1]) == joint) | ~body[:, joint].any()
        counted = body & wanted[None]
        frame = jnp.argmax(counted.any(axis=1))
        places = jnp.where(counted[frame][:, None], sample[person, frame], 0)
        return places.sum(axis=0) / jnp.maximum(counted[frame].sum(), 1)

    origin = jax.vmap(first)(frames, there)[:, None, None, None]
    return jnp.where(there[..., None], frames - origin, 0)


def by_joint(present: Bool[Array, "b m t *v"]) -> Bool[Array, "b m t v"]:
    """Return where joints are there; one for all where only persons were asked for."""
    return present.reshape(*present.shape[:3], -1)


def rotate(
    frames: Float[Array, "b m t v c"], matrix: Float[Array, "b d c"]
) -> Float[Array, "b m t v d"]:
    """Return frames turned by one matrix a sample: x → matrix · x.

    Written as a sum of scaled columns, which fuses with what stands around it; as a product of
    matrices the whole of the augmentation took four times as long on a CPU.
    """
    columns = matrix.swapaxes(1, 2)[:, None, None, None]
    terms = [frames[..., axis, None] * columns[..., axis, :] for axis in range(frames.shape[-1])]
    return sum(terms[1:], terms[0])


def axis_rotation(angle: Float[Array, ""], axis: int) -> Float[Array, "d c"]:
    """Return the published rotation about axis 0, 1 or 2 (facts C.4): clockwise, in radians."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    turn = jnp.eye(3).at[first, first].set(cos).at[second, second].set(cos)
    return turn.at[first, second].set(sin).at[second, first].set(-sin)


def rigid_rotation(angles: Float[Array, "b c"]) -> Float[Array, "b d c"]:
    """Return Rz · Ry · Rx for the three angles of each sample, in radians (facts C.4)."""

    def turn(angle: Float[Array, " c"]) -> Float[Array, "d c"]:
        """Return one sample's rotation."""
        x, y, z = (axis_rotation(angle[axis], axis) for axis in range(3))
        return jnp.matmul(jnp.matmul(z, y, precision=EXACT), x, precision=EXACT)

    return jax.vmap(turn)(angles)


def random_rigid_rotation(keys: Key[Array, " b"], limit: float) -> Float[Array, "b d c"]:
    """Return `rigid_rotation` for angles drawn from ±`limit` radians about each axis."""
    return rigid_rotation(
        jax.vmap(lambda key: jax.random.uniform(key, (3,), minval=-limit, maxval=limit))(keys)
    )


def random_plane_rotation(keys: Key[Array, " b"], limit: float) -> Float[Array, "b d c"]:
    """Return rotations of images, by angles drawn from ±`limit` radians."""

    def draw(key: Key[Array, ""]) -> Float[Array, "d c"]:
        """Return one sample's rotation (2 x 2)."""
        angle = jax.random.uniform(key, minval=-limit, maxval=limit)
        return axis_rotation(angle, 2)[:2, :2]

    return jax.vmap(draw)(keys)


def random_view_rotation(keys: Key[Array, " b"], limit: int) -> Float[Array, "b d c"]:
    """Return NW-UCLA's change of viewpoint: about x and y by whole degrees in ±`limit`.

    The release multiplies row vectors by Ry · Rx · s, with s drawn from [0.5, 1.5] (facts C.6).
    Scaling every axis to [-1, 1] afterwards cancels s; it counts only where that is left out.
    """

    def draw(key: Key[Array, ""]) -> Float[Array, "d c"]:
        """Return one sample's rotation, times its scale."""
        angle_key, size_key = jax.random.split(key)
        degrees = jax.random.randint(angle_key, (2,), -limit, limit + 1)
        x, y = (axis_rotation(jnp.deg2rad(degrees[axis]), axis) for axis in range(2))
        size = jax.random.uniform(size_key, minval=0.5, maxval=1.5)
        return size * jnp.matmul(y, x, precision=EXACT).T

    return jax.vmap(draw)(keys)


def scale_axes(
    frames: Float[Array, "b m t v c"], present: Bool[Array, "b m t *v"]
) -> Float[Array, "b m t v c"]:
    """Return frames whose every axis spans [-1, 1] over the clip (facts C.6).

    The range is that of the persons, or joints, that are present in the true frames; all else is
    zero. An axis on which nothing varies becomes zero (the release divides by zero there).
    """
    there = by_joint(present)[..., None]
    low = jnp.where(there, frames, jnp.inf).min(axis=(1, 2, 3), keepdims=True)
    high = jnp.where(there, frames, -jnp.inf).max(axis=(1, 2, 3), keepdims=True)
    varies = there & (high > low)
    span = jnp.where(high > low, high - low, 1)
    return jnp.where(varies, (frames - jnp.where(high > low, low, 0)) / span * 2 - 1, 0)


def _at_least_one(length: Int[Array, " b"]) -> Int[Array, " b"]:
    """Return lengths of which the padding samples of a last batch, of no frames, count as one."""
    return jnp.maximum(length, 1)
