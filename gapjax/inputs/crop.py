"""Which frames of a sequence a clip has: crops, resized or picked, of batches of raw frames.

Every function is pure and works on a whole batch `b m t v c`, whose samples have their own true
lengths and are padded with zeros. A random function takes one key per sample: what a sample draws
depends on its key only, never on the batch around it. Crops that are resized follow CTR-GCN's
`feeders/tools.py`, which GAP shares (facts C.4); picked frames its `feeders/feeder_ucla.py`
(facts C.6).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

# First frame and number of frames of each sample's crop.
Span = tuple[Int[Array, " b"], Int[Array, " b"]]


def central_frames(
    frames: Float[Array, "b m t v c"], length: Int[Array, " b"], longest: int | None
) -> tuple[Float[Array, "b m t2 v c"], Int[Array, " b"]]:
    """Return the central `longest` frames of longer sequences, and the new lengths."""
    if longest is None or frames.shape[2] <= longest:
        return frames, length
    start = jnp.maximum(length - longest, 0) // 2
    kept = take_frames(frames, start[:, None] + jnp.arange(longest)[None])
    return kept, jnp.minimum(length, longest)


def take_frames(
    frames: Float[Array, "b m t v c"], index: Int[Array, "b t2"]
) -> Float[Array, "b m t2 v c"]:
    """Return the frames at `index`, which differs from sample to sample."""
    return jax.vmap(lambda sample, i: jnp.take(sample, i, axis=1, mode="clip"))(frames, index)


def crop_resize(
    frames: Float[Array, "b m t v c"],
    start: Int[Array, " b"],
    span: Int[Array, " b"],
    window: int,
) -> Float[Array, "b m t2 v c"]:
    """Return the `span` frames from `start` on, resized linearly in time to `window` frames.

    Frame centers are aligned, not the ends, as in PyTorch's `interpolate(align_corners=False)`:
    output frame i is at position (i + 1/2) · span / window - 1/2, clipped to the crop, between two
    input frames. Positions are counted in units of 1 / (2 · window), which makes the choice of
    frames exact for any length.
    """
    unit = 2 * window
    odd = 2 * jnp.arange(window, dtype=jnp.int32) + 1
    position = jnp.maximum(odd[None, :] * span[:, None] - window, 0)
    before = position // unit
    after = jnp.minimum(before + 1, span[:, None] - 1)
    weight = (position % unit).astype(frames.dtype) / unit
    weight = weight[:, None, :, None, None]
    earlier = take_frames(frames, start[:, None] + before)
    later = take_frames(frames, start[:, None] + after)
    return earlier * (1 - weight) + later * weight


def random_crop(
    keys: Key[Array, " b"],
    length: Int[Array, " b"],
    portion: tuple[float, float],
    shortest: int,
) -> Span:
    """Return a random crop of each sample (`valid_crop_resize` in training).

    The share of the frames is uniform in `portion` and the number of frames rounded down, but at
    least `shortest` (64, the window, in the release), or all frames of a shorter sample. The start
    is uniform over all positions at which the crop fits.
    """
    low, high = portion

    def draw(key: Key[Array, ""], frames: Int[Array, ""]) -> tuple[Int[Array, ""], Int[Array, ""]]:
        """Return the random crop of one sample."""
        share_key, start_key = jax.random.split(key)
        share = jax.random.uniform(share_key, minval=low, maxval=high)
        span = jnp.floor(frames * share).astype(jnp.int32)
        span = jnp.minimum(jnp.maximum(span, shortest), frames)
        return jax.random.randint(start_key, (), 0, frames - span + 1), span

    return jax.vmap(draw)(keys, _at_least_one(length))


def center_crop(length: Int[Array, " b"], portion: float, longest: int) -> Span:
    """Return the central crop of each sample (`valid_crop_resize` in evaluation).

    `int((1 - portion) · length / 2)` frames are cut at either end. The release computes this in
    double precision, which a device may lack, so that it is looked up in a table up to `longest`.
    """
    cut = np.array([int((1 - portion) * frames / 2) for frames in range(longest + 1)], np.int32)
    frames = _at_least_one(length)
    start = jnp.asarray(cut)[frames]
    return start, frames - 2 * start


def random_frames(
    keys: Key[Array, " b"], length: Int[Array, " b"], window: int
) -> Int[Array, "b t2"]:
    """Return `window` sorted frame indices, drawn uniformly with replacement.

    The release draws them without replacement from 100 copies of every frame. Both give every frame
    the same expected count; the variance of the counts differs by the factor
    (100 L - window) / (100 L - 1), which is 0.995 for 100 frames and a window of 52.
    """

    def draw(key: Key[Array, ""], frames: Int[Array, ""]) -> Int[Array, " t2"]:
        """Return the frame indices of one sample."""
        return jnp.sort(jax.random.randint(key, (window,), 0, frames))

    return jax.vmap(draw)(keys, _at_least_one(length))


def even_frames(length: Int[Array, " b"], window: int, longest: int) -> Int[Array, "b t2"]:
    """Return `window` evenly spaced frame indices: `int(linspace(0, length - 1, window))`.

    They are looked up in a table up to `longest` frames, because the release rounds down in double
    precision: with 222 frames, the exact quotient would give other frames.
    """
    rows = [np.linspace(0, max(last, 0), window).astype(np.int32) for last in range(-1, longest)]
    return jnp.asarray(np.stack(rows))[length]


def _at_least_one(length: Int[Array, " b"]) -> Int[Array, " b"]:
    """Return lengths with 1 for the padding samples of a last batch, which have no frames."""
    return jnp.maximum(length, 1)
