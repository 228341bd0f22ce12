"""Normalizations of poses, against loops over samples, persons and frames."""

import dataclasses
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import NTU25
from gapjax.inputs import clips, crop, normalize
from gapjax.inputs.clips import ClipRecipe
from support.raw_batches import raw_batch, slow_resize

LENGTHS = (11, 2, 40, 26)
PKU = ClipRecipe(NTU25, window=9, longest=30, origin="every_frame", align="shoulders")


def batch() -> np.ndarray:
    """Return raw frames (b m t v c): a second person is absent, or comes late, or is present."""
    frames = np.random.default_rng(1).normal(size=(4, 2, 43, 25, 3)).astype(np.float32)
    frames[1, 1] = 0
    frames[2, 1, :14] = 0
    for sample, length in zip(frames, LENGTHS, strict=True):
        sample[:, length:] = 0
    return frames


def slow_center(body: np.ndarray) -> np.ndarray:
    """Move one person's joints (v c) until the spine between the shoulders is the origin."""
    if not body.any():
        return body
    return np.array([[joint[axis] - body[20][axis] for axis in range(3)] for joint in body])


def slow_turn(body: np.ndarray) -> np.ndarray:
    """Turn one person's joints (v c) about y until joint 8 lies from joint 4 along x."""
    across = body[8].astype(float) - body[4].astype(float)
    angle = math.atan2(across[2], across[0])
    turned = []
    for x, y, z in body.astype(float):
        radius, direction = math.hypot(x, z), math.atan2(z, x) - angle
        turned.append([radius * math.cos(direction), y, radius * math.sin(direction)])
    return np.array(turned)


def test_the_second_normalization_of_pku_mmd() -> None:
    """The central 30 frames, each body about its spine, resized, each body turned."""
    frames = batch()
    recipe = dataclasses.replace(PKU, eval_crop=1.0)
    result = jax.jit(partial(clips.eval_clips, recipe))(jnp.asarray(frames), jnp.asarray(LENGTHS))
    assert result.shape == (4, 2, 9, 25, 3)
    for sample, length, clip in zip(frames, LENGTHS, result, strict=True):
        start = max(0, (length - 30) // 2)
        for person, moving in zip(sample, clip, strict=True):
            kept = person[:length][start : start + 30]
            resized = slow_resize(np.array([slow_center(body) for body in kept]), 9)
            expected = np.array([slow_turn(body) for body in resized])
            np.testing.assert_allclose(moving, expected, atol=2e-5)
    assert not result[1, 1].any()
    across = np.asarray(result[..., 8, :] - result[..., 4, :])
    assert (np.abs(across[..., 2]) < 1e-5).all()
    assert (across[0, ..., 0] > 0).all()


def test_training_clips_are_normalized_as_well() -> None:
    frames, keys = jnp.asarray(batch()), jax.random.split(jax.random.key(0), 4)
    recipe = dataclasses.replace(PKU, rotation="none", train_crop=(1.0, 1.0), eval_crop=1.0)
    batch_and_lengths = frames, jnp.asarray(LENGTHS)
    trained = jax.jit(partial(clips.train_clips, recipe))(*batch_and_lengths, keys)
    evaluated = jax.jit(partial(clips.eval_clips, recipe))(*batch_and_lengths)
    np.testing.assert_allclose(trained, evaluated, atol=1e-6)
    turned = dataclasses.replace(recipe, rotation="rigid", angle=0.3)
    still = np.asarray(trained[0])
    moved = np.asarray(jax.jit(partial(clips.train_clips, turned))(*batch_and_lengths, keys)[0])
    np.testing.assert_allclose(
        np.linalg.norm(moved, axis=-1), np.linalg.norm(still, axis=-1), atol=1e-5
    )
    assert np.abs(moved - still).max() > 0.01


def test_bodies_without_shoulders_are_not_turned() -> None:
    frames = jnp.asarray(batch())
    np.testing.assert_array_equal(normalize.align_shoulders(frames, 3, 3), frames)


def test_bodies_whose_shoulders_are_not_named_are_not_aligned() -> None:
    """A dataset.yaml without shoulders has its root for both, along which nothing can be turned."""
    unnamed = dataclasses.replace(NTU25, name="mine", shoulders=(20, 20))
    assert ClipRecipe(unnamed).align == "none"
    with pytest.raises(UserError, match="align='shoulders' must be 'none'") as refused:
        dataclasses.replace(PKU, skeleton=unnamed)
    message = str(refused.value)
    assert "mine" in message
    assert "name `shoulders` in dataset.yaml" in message
    assert "\n" not in message


def test_presence_and_center_keep_absent_persons_at_zero() -> None:
    frames, length = raw_batch([4, 7, 5])
    frames = frames.at[2, 0, :2].set(0)
    present = normalize.presence(frames, length, 3)
    assert present.sum(axis=(1, 2)).tolist() == [8, 7, 8]
    centered = np.asarray(normalize.center_first_frame(frames, present, joint=1))
    for i, first in enumerate([0, 0, 2]):
        origin = np.asarray(frames[i, 0, first, 1])
        mask = np.asarray(present[i])
        np.testing.assert_allclose(
            centered[i][mask], np.asarray(frames[i])[mask] - origin, atol=1e-6
        )
        assert (centered[i][~mask] == 0).all()


def slow_center_first_frame(body: np.ndarray, seen: np.ndarray, joint: int) -> np.ndarray:
    """Move one sample's persons (m t v c) until what is present of the first is the origin."""
    persons, frames, joints = seen.shape
    for m in range(persons):
        for candidates in ([joint], range(joints)):
            for t in range(frames):
                counted = [body[m, t, v].astype(float) for v in candidates if seen[m, t, v]]
                if counted:
                    origin = sum(counted) / len(counted)
                    return np.where(seen[..., None], body - origin, 0)
    return np.zeros_like(body)


def test_center_where_the_first_person_or_the_joint_is_never_seen() -> None:
    frames, lengths = raw_batch([5, 7, 6, 4, 7], persons=3)
    frames = np.array(frames) + np.float32(800)
    frames[0, 0] = 0
    frames[3] = 0
    frames[4, :2] = 0
    seen = np.array(normalize.presence(jnp.asarray(frames), lengths, 3))
    seen = np.repeat(seen[..., None], frames.shape[3], axis=-1)
    seen[1, 0, :, 2] = False
    seen[1, 0, :3] = False
    seen[1, 0, 3, :2] = False
    seen[2, 0, :4, 2] = False
    center = jax.jit(normalize.center_first_frame, static_argnames="joint")
    centered = center(frames, jnp.asarray(seen), joint=2)
    for body, joints, moved in zip(frames, seen, centered, strict=True):
        np.testing.assert_allclose(moved, slow_center_first_frame(body, joints, 2), atol=2e-4)
    persons = normalize.presence(jnp.asarray(frames), lengths, 3)
    centered = np.asarray(center(frames, persons, joint=2))
    assert not centered[0, 1, 0, 2].any(), "the second person is the first who is present"
    assert np.abs(centered).max() < 100


def test_scale_axes_spans_the_true_frames_only() -> None:
    frames, length = raw_batch([4, 7, 5])
    frames = frames.at[2, ..., 1].set(jnp.where(frames[2, ..., 1] != 0, 3.5, 0))
    present = normalize.presence(frames, length, 3)
    scaled = np.asarray(normalize.scale_axes(frames, present))
    for i in range(3):
        mask = np.asarray(present[i])
        seen = np.asarray(frames[i])[mask]
        low, high = seen.min(axis=(0, 1)), seen.max(axis=(0, 1))
        with np.errstate(invalid="ignore"):
            expected = np.nan_to_num((seen - low) / (high - low) * 2 - 1)
        np.testing.assert_allclose(scaled[i][mask], expected, atol=1e-6)
        assert (scaled[i][~mask] == 0).all()
    assert (scaled[2, ..., 1] == 0).all()
    assert scaled[0].min() == -1
    assert scaled[0].max() == 1


def test_scale_axes_of_a_batch_padding_sample_is_zero() -> None:
    frames, length = jnp.zeros((1, 1, 4, 5, 3)), jnp.zeros(1, jnp.int32)
    assert (normalize.scale_axes(frames, normalize.presence(frames, length, 3)) == 0).all()


def test_joints_that_are_not_seen_do_not_move_others() -> None:
    frames = jnp.asarray(batch())
    seen = np.ones((4, 2, 43, 25), bool)
    seen[0, 0, :5, 20] = False
    seen[0, 1, 2, 7] = False
    result = normalize.center_every_frame(frames, jnp.asarray(seen), 20)
    np.testing.assert_array_equal(result[0, 0, :5, :20], frames[0, 0, :5, :20])
    assert not result[0, 0, :5, 20].any()
    assert not result[0, 1, 2, 7].any()
    np.testing.assert_array_equal(result[0, 1, 2, 8], frames[0, 1, 2, 8] - frames[0, 1, 2, 20])


@pytest.mark.parametrize("absent", ["zeros", "copy"])
@pytest.mark.parametrize("modality", ["joint", "bone_motion"])
def test_an_absent_second_person(absent: str, modality: str) -> None:
    """Zeros, or a copy of the first person; a person who is ever present is neither."""
    frames = batch()
    recipe = ClipRecipe(NTU25, absent_person=absent, modality=modality, origin="first_frame")
    result = np.asarray(clips.eval_clips(recipe, jnp.asarray(frames), jnp.asarray(LENGTHS)))
    if absent == "copy":
        frames[1, 1] = frames[1, 0]
    zeros = dataclasses.replace(recipe, absent_person="zeros")
    expected = clips.eval_clips(zeros, jnp.asarray(frames), jnp.asarray(LENGTHS))
    np.testing.assert_array_equal(result, expected)
    assert result[1, 1].any() == (absent == "copy")
    keys = jax.random.split(jax.random.key(0), 4)
    training = np.asarray(
        clips.train_clips(recipe, jnp.asarray(batch()), jnp.asarray(LENGTHS), keys)
    )
    np.testing.assert_array_equal(training[1, 1], training[1, 0] if absent == "copy" else 0)
    assert not result[2, 1, :20].all()


def test_sequences_that_are_not_too_long_are_whole() -> None:
    frames, length = jnp.asarray(batch()), jnp.asarray(LENGTHS)
    for longest in (43, 300, None):
        kept, counts = crop.central_frames(frames, length, longest)
        assert kept is frames
        assert counts is length
    kept, counts = crop.central_frames(frames, length, 7)
    assert counts.tolist() == [7, 2, 7, 7]
    for sample, (sequence, frames_of_it) in enumerate(zip(frames, LENGTHS, strict=True)):
        start = max(0, (frames_of_it - 7) // 2)
        count = min(7, frames_of_it)
        np.testing.assert_array_equal(kept[sample, :, :count], sequence[:, start : start + count])
