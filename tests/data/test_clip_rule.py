"""What a clip is: one rule, whichever way it comes in."""

import pathlib

import numpy as np
import pytest

from data_pipelines.conversion import reading, report
from data_pipelines.errors import FileError
from data_pipelines.formats import own
from data_pipelines.parsers import clip
from data_pipelines.specs.clip_rule import clip_of
from support import own_folder
from support.ways_in import FORMS, FRAMES, WAYS, footage


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_gives_the_same_clip(way: str, form: str, tmp_path: pathlib.Path) -> None:
    if way == "from_ctr_gcn" and "swapped" in form:
        pytest.skip("the script that wrote the file has put the persons in order")
    persons, change = FORMS[form]
    frames = footage(persons)
    found = WAYS[way](tmp_path, change(frames))
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, frames)


def test_persons_of_equal_motion_keep_their_order() -> None:
    """As in NTU RGB+D 120, where an absent person is a copy of the first."""
    frames = footage(2)[3:]
    frames = np.concatenate([frames, -frames[:, :1]], axis=1)
    found = clip_of(frames, space=3, persons=3).skeleton
    np.testing.assert_array_equal(found, frames[:, [0, 2, 1]])


def test_the_persons_who_move_most_are_kept_and_frames_of_others_dropped() -> None:
    frames = np.concatenate([footage(2), np.ones((FRAMES, 1, 25, 3), np.float32)], axis=1)
    frames[5:8, :2] = 0
    found = clip_of(frames, space=3, persons=2)
    np.testing.assert_array_equal(found.skeleton, np.delete(frames[:, :2], [5, 6, 7], axis=0))
    assert (found.empty, found.others) == (3, 1)
    assert clip_of(frames, space=3, persons=3).others == 0


def test_a_confidence_says_who_is_seen() -> None:
    """Coordinates without a confidence are nobody's, and count for no motion."""
    frames = own_folder.array(3, persons=2)
    ghost = own_folder.array(3) * [90, 90, 0]
    frames[2, 1, :, 2] = 0
    frames[4, 0, 3] = 9e5, 9e5, 0
    given = np.concatenate([ghost, frames[:, ::-1]], axis=1).astype(np.float32)
    given = np.insert(given, 0, [7, 7, 0], axis=0)
    frames[2, 1] = 0
    found = clip_of(given, space=2, persons=3)
    np.testing.assert_array_equal(found.skeleton, frames)
    assert (found.empty, found.others) == (1, 0)


def test_nobody_is_no_clip(tmp_path: pathlib.Path) -> None:
    frames = own_folder.array(3) * np.float32([1, 1, 0])
    assert clip_of(frames, space=2, persons=1).skeleton.size == 0
    np.save(tmp_path / "clip.npy", frames)
    with pytest.raises(FileError, match=r"clip.npy: has no frame in which anybody is seen"):
        clip.read(tmp_path / "clip.npy", own_folder.JOINTS, 3, 2, confidence=True)
    raw = own_folder.write(tmp_path / "mine", samples=3)
    np.save(raw / "clips" / "0.npy", frames)
    found = own.open_raw(raw, "mine")
    with pytest.raises(FileError, match="anybody is seen with a confidence above zero; remove"):
        reading.clips_of(found.items[0], list(own.read(found.items[0])), found.spec)


def test_what_is_dropped_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    report.say_dropped([(20, 0), (0, 0), (3, 1)])
    assert capsys.readouterr().out.splitlines() == [
        "dropped: 23 frames in which nobody is seen, of 2 samples",
        "dropped: 1 persons who move less than others, of 1 samples",
    ]
