"""NTU RGB+D's cleaning: every step against loops over frames and joints (facts C.2)."""

import numpy as np
import pytest

from data_pipelines.parsers import ntu_cleaning
from data_pipelines.parsers.ntu import Recording, parse
from data_pipelines.parsers.ntu_cleaning import NobodyError, Track, cleaned
from support.ntu_text import footage, ntu_text, person


def recording(frames: list[dict]) -> Recording:
    return parse(ntu_text(frames).encode(), "file")


def variance(points: list) -> float:
    total = 0.0
    for axis in range(3):
        values = [float(point[axis]) for point in points]
        mean = sum(values) / len(values)
        total += sum((value - mean) ** 2 for value in values) / len(values)
    return total


def slow_tracks(frames: list[dict]) -> dict:
    """Return id → [start, frames of joints, motion], frames without a body not counted."""
    found, place = {}, 0
    for bodies in frames:
        for body, joints in bodies.items():
            found.setdefault(body, [place, [], 0.0])[1].append(joints)
        place += bool(bodies)
    for track in found.values():
        track[2] = variance([point for joints in track[1] for point in joints])
    return found


def slow_plausible(found: dict) -> dict:
    kept = {body: track for body, track in found.items() if len(track[1]) > 11}
    for body in list(kept):
        if len(kept) == 1:
            break
        good = []
        for joints in kept[body][1]:
            x, y = [p[0] for p in joints], [p[1] for p in joints]
            if not max(x) - min(x) > 0.8 * (max(y) - min(y)):
                good.append(joints)
        bad = len(kept[body][1]) - len(good)
        if bad / len(kept[body][1]) >= 0.69754:
            del kept[body]
        elif bad:
            start, all_joints, moved = kept[body]
            points = [point for joints in good for point in joints]
            kept[body] = [start, all_joints, min(moved, variance(points))]
    return kept


def slow_cleaned(frames: list[dict]) -> np.ndarray:
    found = slow_tracks(frames)
    if len(found) > 1:
        found = slow_plausible(found)
    order = sorted(found.values(), key=lambda track: track[2], reverse=True)
    length = sum(bool(bodies) for bodies in frames)
    out = np.zeros((length, 2, 25, 3), np.float32)
    spans = [None, [0, 0]]
    for start, joints, _ in order:
        end = start + len(joints) - 1
        for person_, span in enumerate(spans):
            if span is None or min(span[1], end) - max(span[0], start) <= 0:
                for step, each in enumerate(joints):
                    out[start + step, person_] = each
                old = span or [start, end]
                spans[person_] = [min(old[0], start), max(old[1], end)]
                break
    out = np.array([frame for frame in out if np.any(frame != 0)])
    origin = next(frame[0][1].copy() for frame in out if np.any(frame[0] != 0))
    for frame in out:
        for body in frame:
            if np.any(body != 0):
                body -= origin
    return out


def check(frames: list[dict], persons: int) -> np.ndarray:
    got, expected = cleaned(recording(frames)), slow_cleaned(frames)
    assert got.dtype == np.float32
    assert got.shape == (len(expected), persons, 25, 3)
    np.testing.assert_array_equal(got, expected[:, :persons])
    assert not expected[:, persons:].any()
    return got


def test_one_body() -> None:
    """However short, and with empty frames."""
    frames = footage(12, {0: (1, person(9))})
    frames[4] = {}
    got = check(frames, 1)
    assert len(got) == 8
    assert not got[0, 0, 1].any()
    assert got[5, 0, 1].any()


def test_two_bodies_the_one_who_moves_more_first() -> None:
    calm, lively = person(20, 1, moves=0.01), person(20, 2, moves=0.5)
    got = check(footage(20, {0: (0, calm), 1: (0, lively)}), 2)
    np.testing.assert_allclose(got[:, 0], lively - lively[0, 1], atol=1e-6)
    np.testing.assert_allclose(got[:, 1], calm - lively[0, 1], atol=1e-6)


def test_a_body_that_comes_later_and_goes_earlier_is_zeros_elsewhere() -> None:
    got = check(footage(30, {0: (0, person(30, 1, 0.5)), 1: (8, person(15, 2, 0.1))}), 2)
    there = got[:, 1].any((1, 2))
    assert np.flatnonzero(there).tolist() == list(range(8, 23))


def test_short_tracks_are_dropped() -> None:
    kept = {0: (0, person(30, 1, 0.1)), 1: (5, person(12, 2, 0.5))}
    assert check(footage(30, kept), 2).shape[1] == 2
    dropped = {0: (0, person(30, 1, 0.1)), 1: (5, person(11, 2, 0.5))}
    check(footage(30, dropped), 1)


def test_what_is_wide_is_dropped_unless_it_is_the_last() -> None:
    chair, man = person(30, 1, 0.5, width=0.9), person(30, 2, 0.1)
    got = check(footage(30, {0: (0, chair), 1: (0, man)}), 1)
    np.testing.assert_allclose(got[:, 0], man - man[0, 1], atol=1e-6)
    check(footage(30, {0: (0, chair), 1: (0, chair[::-1])}), 1)


@pytest.mark.parametrize(("wide", "persons"), [(20, 2), (21, 1), (1, 2)])
def test_the_share_of_wide_frames(wide: int, persons: int) -> None:
    """Of 30 frames 21 are more than 69.754 %; motion is that of the others."""
    falls = person(30, 1, 0.01)
    falls[:wide] = person(wide, 1, 2.0, width=0.9)
    got = check(footage(30, {0: (0, falls), 1: (0, person(30, 2, 0.3))}), persons)
    if persons == 2:
        other = person(30, 2, 0.3)
        np.testing.assert_allclose(got[:, 0], other - other[0, 1], atol=1e-6)


def test_an_id_that_changes_is_one_person() -> None:
    whole = person(40, 1, 0.2)
    split = {0: (0, whole[:18]), 1: (18, whole[18:])}
    for scene in (split, {0: (0, whole[:18]), 1: (20, whole[20:])}):
        frames = footage(40, scene)
        got = check(frames, 1)
        assert len(got) == sum(map(bool, frames))


def test_gaps_are_closed() -> None:
    """A body that the sensor finds again with its id goes on where it was."""
    frames = footage(40, {0: (0, person(40, 1, 0.5)), 1: (0, person(40, 2, 0.1))})
    for frame in range(10, 20):
        frames[frame].pop(1)
    got = check(frames, 2)
    assert np.flatnonzero(got[:, 1].any((1, 2))).tolist() == list(range(30))


def test_three_bodies() -> None:
    """The third goes on as the second when that one is gone, and is dropped if it never is."""
    scene = {0: (0, person(50, 1, 0.9)), 1: (0, person(20, 2, 0.5)), 2: (25, person(20, 3, 0.1))}
    got = check(footage(50, scene), 2)
    assert np.flatnonzero(got[:, 1].any((1, 2))).tolist() == [*range(20), *range(25, 45)]
    scene[2] = (10, person(30, 3, 0.1))
    got = check(footage(50, scene), 2)
    assert np.flatnonzero(got[:, 1].any((1, 2))).tolist() == list(range(20))


@pytest.mark.parametrize("seed", range(12))
def test_random_scenes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = {}
    for body in range(rng.integers(1, 6)):
        first, length = rng.integers(0, 30), rng.integers(5, 30)
        width = rng.choice([0.3, 0.78, 0.82])
        scene[body] = (first, person(length, 10 * seed + body, rng.choice([0.05, 0.5]), width))
    frames = footage(60, scene)
    for frame in rng.integers(0, 60, 10):
        frames[frame] = {}
    try:
        got = cleaned(recording(frames))
    except NobodyError:
        assert not slow_plausible(slow_tracks(frames))
        return
    expected = slow_cleaned(frames)
    np.testing.assert_array_equal(got, expected[:, : got.shape[1]])
    assert not expected[:, got.shape[1] :].any()


def test_tracks() -> None:
    frames = footage(20, {0: (2, person(10)), 1: (5, person(15, 1))})
    for track, slow in zip(
        ntu_cleaning.tracks(recording(frames)), slow_tracks(frames).values(), strict=True
    ):
        assert (track.start, len(track.joints)) == (slow[0], len(slow[1]))
        np.testing.assert_allclose(track.motion, slow[2], rtol=1e-6)
        assert track.last == track.start + len(slow[1]) - 1


def test_persons_overlap_in_no_more_than_a_frame() -> None:
    """A track may begin in the last frame of another, which it then replaces there."""
    bodies = [Track(0, person(5), 2.0), Track(4, person(5, 1), 1.0)]
    assert ntu_cleaning.persons(bodies, 9).shape == (9, 1, 25, 3)
    bodies = [Track(0, person(5), 2.0), Track(3, person(5, 1), 1.0)]
    assert ntu_cleaning.persons(bodies, 8).shape == (8, 2, 25, 3)


def test_nobody() -> None:
    with pytest.raises(NobodyError, match="there is no body in any frame"):
        cleaned(recording([{}, {}]))
    with pytest.raises(NobodyError, match="no body is tracked for more than 11 frames"):
        cleaned(recording(footage(20, {0: (0, person(9)), 1: (9, person(11))})))
    with pytest.raises(NobodyError, match="all coordinates are zero"):
        cleaned(recording(footage(3, {0: (0, np.zeros((3, 25, 3)))})))
