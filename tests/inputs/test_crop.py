"""Crops against slow NumPy: which frames a clip has, and that they are never padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gapjax.inputs import crop
from support.raw_batches import keys, raw_batch, slow_resize


@pytest.mark.parametrize("window", [1, 7, 16, 52])
def test_crop_resize_equals_the_slow_one(window: int) -> None:
    frames, _ = raw_batch([9, 16, 40, 8])
    start, span = np.array([0, 3, 11, 7]), np.array([9, 5, 29, 1])
    result = crop.crop_resize(frames, jnp.asarray(start), jnp.asarray(span), window)
    for i in range(4):
        cropped = np.asarray(frames[i, :, start[i] : start[i] + span[i]])
        for sequence, resized in zip(cropped, result[i], strict=True):
            np.testing.assert_allclose(resized, slow_resize(sequence, window), atol=2e-6)
    assert (result[1, -1] == 0).all()


@pytest.mark.parametrize("portion", [0.3, 0.5, 0.9, 0.95, 1.0])
def test_center_crop_counts_like_python(portion: float) -> None:
    lengths = np.arange(1, 400)
    start, span = crop.center_crop(jnp.asarray(lengths), portion, 400)
    cut = [int((1 - portion) * int(length) / 2) for length in lengths]
    np.testing.assert_array_equal(start, cut)
    np.testing.assert_array_equal(span, lengths - 2 * np.array(cut))
    assert (np.asarray(span) >= 1).all()


def test_random_crops_stay_inside_and_reach_every_start() -> None:
    lengths = np.repeat([1, 20, 64, 65, 100, 300], 500)
    low, high = 0.5, 1.0
    draw = jax.jit(lambda k, lengths: crop.random_crop(k, lengths, (low, high), 64))
    start, span = draw(keys(3000), jnp.asarray(lengths))
    start, span = np.asarray(start), np.asarray(span)
    assert (start >= 0).all()
    assert (start + span <= lengths).all()
    assert (span[lengths <= 64] == lengths[lengths <= 64]).all()
    for length, slack in ((65, 1), (100, 36), (300, 150)):
        rows = lengths == length
        assert span[rows].min() >= max(64, length // 2)
        assert span[rows].max() >= length - 2
        assert start[rows].min() == 0
        assert start[rows].max() >= 0.7 * slack
    share = span[lengths == 300] / 300
    assert abs(share.mean() - 0.75) < 0.02


def test_even_frames_are_those_of_numpy() -> None:
    lengths = np.arange(1, 300)
    result = crop.even_frames(jnp.asarray(lengths), 52, 300)
    expected = np.stack([np.linspace(0, length - 1, 52).astype(int) for length in lengths])
    np.testing.assert_array_equal(result, expected)


def test_random_frames_are_sorted_and_uniform() -> None:
    lengths = jnp.asarray(np.repeat([1, 6, 30], 400), jnp.int32)
    result = np.asarray(crop.random_frames(keys(1200), lengths, 52))
    assert (np.diff(result, axis=1) >= 0).all()
    assert (result[:400] == 0).all()
    for rows, length in ((result[400:800], 6), (result[800:], 30)):
        counts = np.bincount(rows.ravel(), minlength=length)
        assert len(counts) == length
        np.testing.assert_allclose(counts / rows.size, 1 / length, rtol=0.15)
