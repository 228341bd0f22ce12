"""UTKinect-Action3D's parser on files made for it: what is cut, left out and refused."""

import pathlib
import re

import numpy as np
import pytest

from data_pipelines.convert import convert
from data_pipelines.datasets import utkinect
from data_pipelines.errors import DataError
from data_pipelines.specs.record import LeftOut, Record
from support.raw_records import records_of

LIST = """s03_e01
walk: 10 14
push: 2556 3622
pull: 20 22\x20
s10_e02
carry:  NaN NaN
clapHands: 12 12
"""
# Frame 12 is there twice, and 16 to 18 are not.
NUMBERS = (8, 10, 12, 12, 14, 20, 22, 2600, 3556, 3622)


def frames(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(NUMBERS), 60)).astype(np.float32)


def text(seed: int) -> str:
    rows = zip(NUMBERS, frames(seed), strict=True)
    return "".join(f"{n:4}   {'  '.join(map(str, row))}\n" for n, row in rows)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "actionLabel.txt").write_text(LIST)
    (tmp_path / "joints_s03_e01.txt").write_text(text(3))
    (tmp_path / "joints_s10_e02.txt").write_text(text(10))
    (tmp_path / "notes.txt").write_text("not read")
    return tmp_path


def test_actions(folder: pathlib.Path) -> None:
    walk, push, pull, carry, clap = records_of(utkinect, folder)
    named = [(r.name, r.label, r.subject, r.camera, r.setup) for r in (walk, push, pull, clap)]
    assert named == [
        ("a01_s03_e01", 0, 3, 1, 1),
        ("a07_s03_e01", 6, 3, 1, 1),
        ("a08_s03_e01", 7, 3, 1, 1),
        ("a10_s10_e02", 9, 10, 1, 2),
    ]
    # Both ends belong to an action; the push is without the frames that a mistyped digit adds.
    for record, seed, rows in ((walk, 3, [1, 2, 3, 4]), (push, 3, [8, 9]), (clap, 10, [2, 3])):
        expected = frames(seed)[rows].reshape(-1, 1, 20, 3)
        np.testing.assert_array_equal(record.skeleton, expected)
    where = str(folder / "actionLabel.txt")
    assert carry == LeftOut(where, "s10_e02 has no frame of this action", 6)


def test_a_corrected_range_is_that_of_the_list_alone(folder: pathlib.Path) -> None:
    (folder / "actionLabel.txt").write_text("s03_e01\npush: 2600 3556\n")
    (push,) = records_of(utkinect, folder)
    assert len(push.skeleton) == 2


def test_frames_without_a_body_are_dropped(folder: pathlib.Path) -> None:
    rows = text(3).splitlines()
    rows[1] = "10 " + "0.0 " * 60
    (folder / "joints_s03_e01.txt").write_text("\n".join(rows))
    walk = next(iter(records_of(utkinect, folder)))
    assert isinstance(walk, Record)
    np.testing.assert_array_equal(walk.skeleton[:, 0], frames(3)[2:5].reshape(-1, 20, 3))


BAD_LISTS = {
    "s03_e01\nrun: 1 2": "line 2: 'run: 1 2' is neither a new recording (s01_e02) nor `walk: 252",
    "walk: 1 2": "line 1: 'walk: 1 2' is neither",
    "s03_e01\nwalk: 1 NaN": "line 2: 'walk: 1 NaN' is neither",
    "s03_e01\ns03_e01\n": "line 2: 's03_e01' is neither a new recording",
}


@pytest.mark.parametrize("content", BAD_LISTS)
def test_a_bad_list(folder: pathlib.Path, content: str) -> None:
    (folder / "actionLabel.txt").write_text(content)
    with pytest.raises(DataError, match=re.escape(f"actionLabel.txt: {BAD_LISTS[content]}")):
        utkinect.items(folder)


BAD_FILES = {
    "cut": (text(3).rsplit(maxsplit=1)[0], "line 10: has 60 numbers, not 61"),
    "not a number": (text(3).replace("   8 ", " NaN ", 1), "line 1: 'NaN' is not a coordinate; ex"),
    "order": (text(3).replace("   8 ", "  11 ", 1), "line 2: frame 10 comes after frame 11"),
    "empty": ("", "line 1: has 0 numbers, not 61"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file(folder: pathlib.Path, case: str) -> None:
    content, message = BAD_FILES[case]
    (folder / "joints_s03_e01.txt").write_text(content)
    with pytest.raises(DataError, match=f"joints_s03_e01.txt: {message}"):
        list(records_of(utkinect, folder))


def test_what_is_missing(folder: pathlib.Path) -> None:
    (folder / "joints_s03_e01.txt").unlink()
    with pytest.raises(DataError, match=r"actionLabel.txt: there is no joints_s03_e01.txt; extrac"):
        list(records_of(utkinect, folder))
    (folder / "actionLabel.txt").unlink()
    with pytest.raises(DataError, match=r"has no actionLabel.txt; --raw takes a folder with actio"):
        utkinect.items(folder)
    with pytest.raises(DataError, match="needs --raw=PATH: download the skeleton joints"):
        convert("utkinect", None, folder)


def test_the_spec_has_a_word_for_each_class() -> None:
    words = [re.sub("([A-Z])", r" \1", word).lower() for word in utkinect._WORDS]
    assert tuple(words) == utkinect.SPEC.labels
    assert sum(utkinect.SPEC.protocols["xsub"].counts) == 199
