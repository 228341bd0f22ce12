"""Two dimensions, and a confidence that is no coordinate: no change of place or view touches it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import COCO17
from gapjax.inputs.clips import ClipRecipe, eval_clips, train_clips
from gapjax.inputs.rotation import random_plane_rotation

PLAIN = ClipRecipe(COCO17, space=2, window=4)
CHANGES = {
    "none": {},
    "origin": {"origin": "first_frame"},
    "rotation": {"rotation": "rigid", "angle": 0.5},
    "scale": {"scale": "axis_range"},
    "bone": {"modality": "bone"},
    "motion": {"modality": "joint_motion"},
    "k": {"k": 1},
    "all": {
        "origin": "first_frame",
        "scale": "axis_range",
        "rotation": "rigid",
        "angle": 0.5,
        "modality": "bone_motion",
        "sampling": "frames",
    },
}


@pytest.fixture
def batch() -> tuple[jax.Array, jax.Array]:
    """Return frames (b m t v c), pixels with a confidence, and their lengths."""
    rng, length = np.random.default_rng(3), np.array([7, 5, 6])
    frames = rng.uniform(0.1, 1, (3, 2, 7, 17, 3)).astype(np.float32)
    frames[..., :2] *= 500
    for sample, count in zip(frames, length, strict=True):
        sample[:, count:] = 0
    frames[1, 1] = 0
    return jnp.asarray(frames), jnp.asarray(length)


@pytest.mark.parametrize("name", CHANGES)
def test_confidence_is_only_resized(name: str, batch: tuple) -> None:
    recipe = dataclasses.replace(PLAIN, **CHANGES[name])
    same = dataclasses.replace(PLAIN, sampling=recipe.sampling)
    keys = jax.random.split(jax.random.key(5), 3)
    for changed, plain in (
        (train_clips(recipe, *batch, keys), train_clips(same, *batch, keys)),
        (eval_clips(recipe, *batch), eval_clips(same, *batch)),
    ):
        assert changed.shape == (3, 2, 4, 17, 3)
        np.testing.assert_array_equal(changed[..., 2], plain[..., 2])


@pytest.mark.parametrize("name", CHANGES)
def test_coordinates_do_not_depend_on_confidence(name: str, batch: tuple) -> None:
    frames, length = batch
    recipe = dataclasses.replace(PLAIN, **CHANGES[name])
    keys = jax.random.split(jax.random.key(5), 3)
    with_it = train_clips(recipe, frames, length, keys)
    without = train_clips(recipe, frames[..., :2], length, keys)
    np.testing.assert_allclose(with_it[..., :2], without, rtol=1e-6, atol=1e-4)
    if name != "none":
        raw = train_clips(PLAIN, frames, length, keys)
        assert not np.allclose(with_it[..., :2], raw[..., :2])


def test_joints_that_are_not_seen(batch: tuple) -> None:
    """Detectors put them at (0, 0), far away: they must not count as the end of the range."""
    frames, length = (np.array(each) for each in batch)
    frames[..., :2] = frames[..., :2] / 10 + 900 * (frames[..., 2:] > 0)
    frames[0, :, :, 4] = frames[2, 0, :3, COCO17.center] = 0
    recipe = dataclasses.replace(PLAIN, window=7, origin="first_frame", scale="axis_range")
    recipe = dataclasses.replace(recipe, sampling="frames")
    clips = np.asarray(eval_clips(recipe, jnp.asarray(frames), jnp.asarray(length)))
    assert not clips[0, :, :, 4].any()
    for clip in clips:
        seen = clip[clip[..., 2] > 0]
        np.testing.assert_allclose(seen[:, :2].min(0), -1, atol=1e-5)
        np.testing.assert_allclose(seen[:, :2].max(0), 1, atol=1e-5)
    centered = dataclasses.replace(PLAIN, window=7, origin="first_frame", sampling="frames")
    clips = np.asarray(eval_clips(centered, jnp.asarray(frames[2:]), jnp.asarray([7])))
    np.testing.assert_array_equal(clips[0, 0, :4, COCO17.center, :2], 0)


def test_images_are_turned_in_their_plane() -> None:
    matrices = np.asarray(random_plane_rotation(jax.random.split(jax.random.key(1), 200), 0.4))
    assert matrices.shape == (200, 2, 2)
    product = np.einsum("bij,bkj->bik", matrices, matrices)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(2), product.shape), atol=1e-6)
    angle = np.arctan2(matrices[:, 0, 1], matrices[:, 0, 0])
    assert 0.35 < angle.max() < 0.4
    assert -0.4 < angle.min() < -0.35


def test_views_need_three_coordinates() -> None:
    with pytest.raises(
        UserError, match=r"rotation='view' must be 'rigid' or 'none': joints have 2"
    ):
        ClipRecipe(COCO17, space=2, rotation="view", angle=60.0)
