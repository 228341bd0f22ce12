"""MSRC-12's parser on files made for it: where clips are cut, what is left out and refused."""

import pathlib
import re

import numpy as np
import pytest

from data_pipelines.convert import convert
from data_pipelines.datasets import msrc12
from data_pipelines.errors import DataError
from data_pipelines.parsers import msrc
from data_pipelines.specs.record import LeftOut
from support.raw_records import records_of

START, STEP, FRAMES = 2_000_000, 33_333, 300


def tick(microseconds: int) -> int:
    """Return a tick of that time: 49.875 of them are a millisecond less than one."""
    return microseconds * 49875 // 1000


def bodies() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(FRAMES, 20, 4)).astype(np.float32)


def frames_text(unseen: slice = slice(0)) -> str:
    values = bodies()
    values[unseen] = 0
    times = START + STEP * np.arange(FRAMES)
    lines = zip(times, values.reshape(FRAMES, -1), strict=True)
    return "".join(f"{time} {' '.join(map(str, row))}\n" for time, row in lines)


def tags_text(*times: int, tag: str = "G8  Throw") -> str:
    return "".join(["XQPCTick;Tag\r\n", *(f"{tick(time)};{tag}\r\n" for time in times)])


# 1 s after the first frame, 2 s later, 4 s later.
TIMES = (START + 1_000_000, START + 3_000_000, START + 7_000_000)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "P2_1_8A_p12.csv").write_text(frames_text())
    (tmp_path / "p2_1_8A_p12.tagstream").write_text(tags_text(*TIMES))
    return tmp_path


def seconds(first: float, last: float) -> np.ndarray:
    """Return the coordinates of the frames from `first` to before `last`, after the first frame."""
    time = np.arange(FRAMES) * STEP / 1e6
    return bodies()[(time >= first) & (time < last), None, :, :3]


def test_clips_are_cut_between_the_middles(folder: pathlib.Path) -> None:
    records = list(records_of(msrc12, folder))
    named = [(r.name, r.label, r.subject, r.camera, r.setup) for r in records]
    assert named == [(f"P2_1_8A_p12_t0{n}", 7, 12, 1, 21) for n in (1, 2, 3)]
    # From the first frame to the middle; from the middle for 1.5 s; 1.5 s to both sides.
    for record, reach in zip(records, ((0, 2), (2, 4.5), (5.5, 8.5)), strict=True):
        np.testing.assert_array_equal(record.skeleton, seconds(*reach))


def test_ticks_become_microseconds() -> None:
    """As the dataset's code has it: rounded, and exact beyond the integers of a float."""
    assert msrc.microseconds(49875) == 1000
    assert [msrc.microseconds(tick) for tick in (24, 25, 49, 50)] == [0, 1, 1, 1]
    assert msrc.microseconds(10**18 + 1) == (10**21 + 1000 + 24937) // 49875


def test_unseen_frames_are_dropped(folder: pathlib.Path) -> None:
    """A gesture in which nobody is seen is left out, and the others are shorter."""
    (folder / "P2_1_8A_p12.csv").write_text(frames_text(slice(0, 75)))
    left, second, third = records_of(msrc12, folder)
    where = str(folder / "p2_1_8A_p12.tagstream")
    assert left == LeftOut(where, "nobody is seen during this gesture", 2)
    np.testing.assert_array_equal(second.skeleton, seconds(2, 4.5)[75 - 61 :])
    assert len(third.skeleton) == 90


def test_the_tag_tells_the_class(folder: pathlib.Path) -> None:
    (folder / "p2_1_8A_p12.tagstream").write_text(tags_text(TIMES[0], tag="G12 Kick"))
    (record,) = records_of(msrc12, folder)
    assert msrc12.SPEC.labels[record.label] == "kick"


def test_a_recording_without_gestures(folder: pathlib.Path) -> None:
    (folder / "p2_1_8A_p12.tagstream").write_text("XQPCTick;Tag\n")
    assert list(records_of(msrc12, folder)) == []


BAD_TAGS = {
    "Tick;Tag\n1;G1 a": "line 1: begins with 'Tick;Tag', not XQPCTick;Tag; download it again",
    "": "line 1: begins with '', not XQPCTick;Tag",
    "XQPCTick;Tag\n1;G13 Run": "line 2: '1;G13 Run' is not a tick and a tag of G1 to G12, as",
    "XQPCTick;Tag\nx;G1 Run": "line 2: 'x;G1 Run' is not a tick",
    "XQPCTick;Tag\n99;G1 a\n9;G1 a": "line 3: is not after the tag before; sort the tags",
}


@pytest.mark.parametrize("content", BAD_TAGS)
def test_bad_tags(folder: pathlib.Path, content: str) -> None:
    (folder / "p2_1_8A_p12.tagstream").write_text(content)
    message = re.escape(f"p2_1_8A_p12.tagstream: {BAD_TAGS[content]}")
    with pytest.raises(DataError, match=message):
        list(records_of(msrc12, folder))


GOOD = frames_text()
BAD_FRAMES = {
    "cut": (GOOD[: len(GOOD) // 2], "is not a coordinate|numbers, not 80 .without the time."),
    "empty": ("", "line 1: '' is no time after that of the line before"),
    "time": (GOOD.replace(str(START + STEP), str(START), 1), f"line 2: '{START}' is no time after"),
    "nan": (GOOD.replace(" ", " nan ", 1), "line 1: has 81 numbers, not 80 .without the time.; do"),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_bad_frames(folder: pathlib.Path, case: str) -> None:
    content, message = BAD_FRAMES[case]
    (folder / "P2_1_8A_p12.csv").write_text(content)
    with pytest.raises(DataError, match=rf"P2_1_8A_p12.csv: .*({message})"):
        list(records_of(msrc12, folder))


def test_what_is_missing(folder: pathlib.Path) -> None:
    (folder / "p2_1_8A_p12.tagstream").rename(folder / "P1_1_8_p12.tagstream")
    lonely, other = msrc12.items(folder)
    with pytest.raises(DataError, match=r"P1_1_8_p12.tagstream: there is no .csv of this name; do"):
        list(msrc12.read(lonely))
    with pytest.raises(
        DataError, match=r"P2_1_8A_p12.csv: there is no .tagstream of this name; do"
    ):
        list(msrc12.read(other))
    with pytest.raises(DataError, match="needs --raw=PATH: download MSRC-12"):
        convert("msrc12", None, folder)


def test_another_name(folder: pathlib.Path) -> None:
    for path in folder.iterdir():
        path.rename(path.with_stem("P2_1_p12"))
    with pytest.raises(DataError, match=r"P2_1_p12.csv: is not named P1_1_10_p06.csv or P1_1_10A"):
        list(records_of(msrc12, folder))
