"""The primitives of augmentation, against slow NumPy and the released feeders' outputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gapjax.inputs import augment


def keys(count: int, seed: int = 0) -> jax.Array:
    return jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(jnp.arange(count))


def batch(lengths: list[int], persons: int = 2, joints: int = 5, seed: int = 0) -> tuple:
    """Return padded random frames and lengths; the last person of odd samples is absent."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(len(lengths), persons, max(lengths) + 3, joints, 3))
    for i, length in enumerate(lengths):
        frames[i, :, length:] = 0
        if i % 2 and persons > 1:
            frames[i, -1] = 0
    return jnp.asarray(frames, jnp.float32), jnp.asarray(lengths, jnp.int32)


def slow_resize(clip: np.ndarray, window: int) -> np.ndarray:
    """Resize m t v c linearly in time with half-pixel centres, one frame after another."""
    frames = []
    for i in range(window):
        place = max((i + 0.5) * clip.shape[1] / window - 0.5, 0)
        before = int(np.floor(place))
        after = min(before + 1, clip.shape[1] - 1)
        part = place - before
        frames.append((1 - part) * clip[:, before] + part * clip[:, after])
    return np.stack(frames, axis=1)


@pytest.mark.parametrize("window", [1, 7, 16, 52])
def test_crop_resize_equals_the_slow_one(window: int) -> None:
    frames, _ = batch([9, 16, 40, 8])
    start, span = np.array([0, 3, 11, 7]), np.array([9, 5, 29, 1])
    result = augment.crop_resize(frames, jnp.asarray(start), jnp.asarray(span), window)
    for i in range(4):
        expected = slow_resize(np.asarray(frames[i, :, start[i] : start[i] + span[i]]), window)
        np.testing.assert_allclose(result[i], expected, atol=2e-6)
    assert (result[1, -1] == 0).all()


@pytest.mark.parametrize("portion", [0.3, 0.5, 0.9, 0.95, 1.0])
def test_center_crop_counts_like_python(portion: float) -> None:
    lengths = np.arange(1, 400)
    start, span = augment.center_crop(jnp.asarray(lengths), portion, 400)
    cut = [int((1 - portion) * int(length) / 2) for length in lengths]
    np.testing.assert_array_equal(start, cut)
    np.testing.assert_array_equal(span, lengths - 2 * np.array(cut))
    assert (np.asarray(span) >= 1).all()


def test_random_crops_stay_inside_and_reach_every_place() -> None:
    lengths = np.repeat([1, 20, 64, 65, 100, 300], 500)
    low, high = 0.5, 1.0
    crop = jax.jit(lambda k, lengths: augment.random_crop(k, lengths, (low, high), 64))
    start, span = crop(keys(3000), jnp.asarray(lengths))
    start, span = np.asarray(start), np.asarray(span)
    assert (start >= 0).all()
    assert (start + span <= lengths).all()
    assert (span[lengths <= 64] == lengths[lengths <= 64]).all()
    for length, slack in ((65, 1), (100, 36), (300, 150)):
        here = lengths == length
        assert span[here].min() >= max(64, length // 2)
        assert span[here].max() >= length - 2
        assert start[here].min() == 0
        assert start[here].max() >= 0.7 * slack
    share = span[lengths == 300] / 300
    assert abs(share.mean() - 0.75) < 0.02


def test_even_frames_are_those_of_numpy() -> None:
    lengths = np.arange(1, 300)
    result = augment.even_frames(jnp.asarray(lengths), 52, 300)
    expected = np.stack([np.linspace(0, length - 1, 52).astype(int) for length in lengths])
    np.testing.assert_array_equal(result, expected)


def test_random_frames_are_sorted_and_uniform() -> None:
    lengths = jnp.asarray(np.repeat([1, 6, 30], 400), jnp.int32)
    result = np.asarray(augment.random_frames(keys(1200), lengths, 52))
    assert (np.diff(result, axis=1) >= 0).all()
    assert (result[:400] == 0).all()
    for rows, length in ((result[400:800], 6), (result[800:], 30)):
        counts = np.bincount(rows.ravel(), minlength=length)
        assert len(counts) == length
        np.testing.assert_allclose(counts / rows.size, 1 / length, rtol=0.15)


def test_presence_and_center_keep_absent_persons_at_zero() -> None:
    frames, length = batch([4, 7, 5])
    frames = frames.at[2, 0, :2].set(0)
    present = augment.presence(frames, length)
    assert present.sum(axis=(1, 2)).tolist() == [8, 7, 8]
    centered = np.asarray(augment.center(frames, present, joint=1))
    for i, first in enumerate([0, 0, 2]):
        origin = np.asarray(frames[i, 0, first, 1])
        there = np.asarray(present[i])
        np.testing.assert_allclose(
            centered[i][there], np.asarray(frames[i])[there] - origin, atol=1e-6
        )
        assert (centered[i][~there] == 0).all()


def slow_center(body: np.ndarray, seen: np.ndarray, joint: int) -> np.ndarray:
    """Move one sample's persons (m t v c) until what is there of the first is the origin."""
    persons, frames, joints = seen.shape
    for m in range(persons):
        for wanted in ([joint], range(joints)):
            for t in range(frames):
                places = [body[m, t, v].astype(float) for v in wanted if seen[m, t, v]]
                if places:
                    origin = sum(places) / len(places)
                    return np.where(seen[..., None], body - origin, 0)
    return np.zeros_like(body)


def test_center_where_the_first_person_or_the_joint_is_never_seen() -> None:
    frames, lengths = batch([5, 7, 6, 4, 7], persons=3)
    frames = np.array(frames) + np.float32(800)
    frames[0, 0] = 0
    frames[3] = 0
    frames[4, :2] = 0
    seen = np.array(augment.presence(jnp.asarray(frames), lengths))
    seen = np.repeat(seen[..., None], frames.shape[3], axis=-1)
    seen[1, 0, :, 2] = False
    seen[1, 0, :3] = False
    seen[1, 0, 3, :2] = False
    seen[2, 0, :4, 2] = False
    found = jax.jit(augment.center, static_argnames="joint")(frames, jnp.asarray(seen), joint=2)
    for body, there, moved in zip(frames, seen, found, strict=True):
        np.testing.assert_allclose(moved, slow_center(body, there, 2), atol=2e-4)
    given = jnp.asarray(frames)
    whole = np.asarray(augment.center(given, augment.presence(given, lengths), 2))
    assert not whole[0, 1, 0, 2].any(), "the second person is the first who is there"
    assert np.abs(whole).max() < 100


def slow_rotation(angles: np.ndarray) -> np.ndarray:
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return z @ y @ x


def test_rigid_rotation_is_the_product_of_the_published_matrices() -> None:
    angles = np.array([[0.1, -0.2, 0.3], [0.0, 0.0, 0.0], [-1.0, 2.0, 0.5]], np.float32)
    matrices = augment.rigid_rotation(jnp.asarray(angles))
    for matrix, angle in zip(matrices, angles, strict=True):
        np.testing.assert_allclose(matrix, slow_rotation(angle), atol=1e-6)
    frames, _ = batch([4, 7, 5])
    turned = augment.rotate(frames, matrices)
    expected = np.einsum("bdc,bmtvc->bmtvd", matrices, frames)
    np.testing.assert_allclose(turned, expected, atol=1e-5)
    assert (turned[1, -1] == 0).all()


def test_random_rigid_rotations_stay_within_the_limit() -> None:
    matrices = np.asarray(
        jax.jit(lambda k: augment.random_rigid_rotation(k, 0.3))(keys(500)), np.float64
    )
    np.testing.assert_allclose(
        matrices @ matrices.swapaxes(1, 2), np.tile(np.eye(3), (500, 1, 1)), atol=1e-6
    )
    # From Rz·Ry·Rx: the element (2, 0) is sin(y), the ratio of (2, 1) to (2, 2) is -tan(x).
    for angle in (np.arcsin(matrices[:, 2, 0]), np.arctan(-matrices[:, 2, 1] / matrices[:, 2, 2])):
        assert np.abs(angle).max() < 0.3001
        assert angle.min() < -0.28
        assert angle.max() > 0.28


def test_view_rotations_are_whole_degrees_times_a_size() -> None:
    matrices = np.asarray(
        jax.jit(lambda k: augment.random_view_rotation(k, 60))(keys(2000)), np.float64
    )
    size = np.cbrt(np.linalg.det(matrices))
    assert 0.5 <= size.min() < 0.52
    assert 1.48 < size.max() <= 1.5001
    # The transpose is Ry · Rx · s: its element (0, 0) is s·cos(y), its (1, 1) is s·cos(x).
    turn = matrices.swapaxes(1, 2) / size[:, None, None]
    degrees = np.rad2deg(
        np.stack(
            [np.arctan2(turn[:, 1, 2], turn[:, 1, 1]), np.arctan2(turn[:, 2, 0], turn[:, 0, 0])]
        )
    )
    np.testing.assert_allclose(degrees, np.round(degrees), atol=1e-3)
    assert set(np.round(degrees).astype(int).ravel()) == set(range(-60, 61))
    x, y = np.deg2rad(np.round(degrees))
    expected = slow_rotation(np.array([x[0], y[0], 0.0]))
    np.testing.assert_allclose(turn[0], expected, atol=1e-5)


def test_scale_axes_spans_the_true_frames_only() -> None:
    frames, length = batch([4, 7, 5])
    frames = frames.at[2, ..., 1].set(jnp.where(frames[2, ..., 1] != 0, 3.5, 0))
    present = augment.presence(frames, length)
    scaled = np.asarray(augment.scale_axes(frames, present))
    for i in range(3):
        there = np.asarray(present[i])
        seen = np.asarray(frames[i])[there]
        low, high = seen.min(axis=(0, 1)), seen.max(axis=(0, 1))
        with np.errstate(invalid="ignore"):
            expected = np.nan_to_num((seen - low) / (high - low) * 2 - 1)
        np.testing.assert_allclose(scaled[i][there], expected, atol=1e-6)
        assert (scaled[i][~there] == 0).all()
    assert (scaled[2, ..., 1] == 0).all()
    assert scaled[0].min() == -1
    assert scaled[0].max() == 1


def test_scale_axes_of_a_batch_padding_sample_is_zero() -> None:
    frames, length = jnp.zeros((1, 1, 4, 5, 3)), jnp.zeros(1, jnp.int32)
    assert (augment.scale_axes(frames, augment.presence(frames, length)) == 0).all()
