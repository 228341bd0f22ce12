"""The joints of a clip as the page plays them."""

import base64

import numpy as np
import pytest

from data_pipelines.specs import catalog
from gapjax.reporting import skeletons

NTU = catalog.spec_of("ntu60")


def unpacked(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<u2").astype(int)


def clip(count: int) -> np.ndarray:
    """Return two persons, of whom the second is there in the first frame alone."""
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(2, count, 25, 3)).astype(np.float32)
    joints[1, 1:] = 0
    return joints


def test_coordinates_can_be_read_back() -> None:
    """In the front view x runs to the left, in the side view z to the right; y runs down."""
    raw = clip(7)
    found = skeletons.drawn(raw, NTU)
    assert found["shape"] == (7, 2, 25)
    assert found["milliseconds"] == pytest.approx(1000 / 30, abs=0.1)
    assert [view["title"].split(":")[0] for view in found["views"]] == ["front", "side"]
    there = np.ones((2, 7, 25), bool)
    there[1, 1:] = False
    packed = (found["views"][0]["x"], found["views"][1]["x"], found["y"])
    for text, axis, direction in zip(packed, (0, 2, 1), (-1, 1, -1), strict=True):
        shown = unpacked(text).reshape(7, 2, 25).swapaxes(0, 1)
        assert (shown[~there] == skeletons.ABSENT).all()
        assert shown[there].max() <= skeletons.PANEL
        slope, _ = np.polyfit(raw[..., axis][there], shown[there], 1)
        assert np.sign(slope) == direction
        assert np.corrcoef(raw[..., axis][there], shown[there])[0, 1] ** 2 > 0.9999


def test_long_clips_are_thinned_and_keep_their_speed() -> None:
    found = skeletons.drawn(clip(250), NTU)
    frames = found["shape"][0]
    assert frames == skeletons.MOST_FRAMES
    assert frames * found["milliseconds"] == pytest.approx(250 * 1000 / 30, rel=0.01)
