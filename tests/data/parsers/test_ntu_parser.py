"""The reader of `.skeleton` text against a slow one, and on every kind of damage."""

import tracemalloc

import numpy as np
import pytest

from data_pipelines.errors import DataError
from data_pipelines.parsers.ntu import Recording, SampleName, parse, parsed_name
from data_pipelines.synthesis.samples import filmed, takes
from data_pipelines.synthesis.skeleton_text import skeleton_text
from support.ntu_text import footage, ntu_text, person, slowly

# Two bodies, one with a gap, an id that flickers to a third body, and empty frames.
SCENE = footage(20, {0: (2, person(15)), 1: (4, person(5, 1)), 2: (11, person(6, 2))})
SCENE[12].pop(0)
TEXT = ntu_text(SCENE)


def check(text: str, content: bytes | None = None) -> Recording:
    frames, bodies, joints = slowly(text.encode())
    found = parse(content or text.encode(), "file")
    assert found.frame.tolist() == frames
    assert found.body.tolist() == bodies
    np.testing.assert_array_equal(found.joints, joints)
    return found


def test_several_bodies_and_empty_frames() -> None:
    found = check(TEXT)
    assert set(found.body) == {0, 1, 2}
    assert set(range(20)) - set(found.frame.tolist()) == {0, 1, 17, 18, 19}


@pytest.mark.parametrize("metadata", [10, 9, 1, 2])
def test_shorter_lines_of_facts(metadata: int) -> None:
    check(ntu_text(SCENE, metadata))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\n \n",
        lambda text: text.replace("\n", " \n"),
        lambda text: text.replace(" ", "  "),
        lambda text: text.replace(" ", "\t"),
    ],
    ids=["CRLF", "BOM", "no last newline", "blank ends", "blanks", "wide", "tabs"],
)
def test_other_white_space(change: object) -> None:
    check(TEXT, change(TEXT).encode())


@pytest.mark.parametrize(
    "text", ["1e-05", "-2.5E+1", "+0.5", ".5", "5.", "-7", "0.123456789012345678"]
)
def test_numbers_of_every_form(text: str) -> None:
    written = ntu_text([{0: np.full((25, 3), 0.25)}] * 2)
    written = written.replace("0.25 0.25 0.25", f"{text} 0.25 {text}", 30)
    assert check(written).joints[0, 3, 2] == np.float32(text)


def test_no_body_at_all() -> None:
    assert len(check("3\n0\n0\n0\n").frame) == 0
    assert len(check("0\n").frame) == 0


def test_the_built_in_dataset() -> None:
    for take in takes(0, 1, 1)[::2]:
        _, seen = list(filmed(take))[take.action // 2 % 3]
        found = check(skeleton_text(seen))
        kept = seen.skeleton[~seen.lost]
        np.testing.assert_array_equal(found.joints, kept.reshape(-1, 25, 3))


def line(number: int, text: str) -> bytes:
    """Return TEXT with another line; lines count from 1."""
    lines = TEXT.split("\n")
    lines[number - 1] = text
    return "\n".join(lines).encode()


# In TEXT, line 4 is the number of bodies of frame 2, line 5 its body's metadata, line 6 its
# number of joints, lines 7 to 31 its joints.
JOINT = "0.1 0.2 0.3 1 1 1 1 1 1 1 1 2"
BAD_FILES = {
    "empty": (b"", "line 1: '' is not the number of frames"),
    "binary": (bytes(range(256)) * 9, "line 1: .* is not the number of frames"),
    "frames": (line(1, "20.5"), "line 1: '20.5' is not the number of frames"),
    "negative frames": (line(1, "-20"), "line 1: '-20' is not the number of frames"),
    "fewer frames": (line(1, "19"), "line 696: follows the last frame"),
    "more frames": (line(1, "21"), "line 696: the file ends within a frame"),
    "huge frames": (line(1, "999999999"), "line 696: the file ends within a frame"),
    "huger frames": (line(1, "9" * 5000), "line 1: '9999.*' is not the number of frames"),
    "bodies": (line(4, "x"), "line 4: 'x' is not the number of bodies"),
    "negative bodies": (line(4, "-1"), "line 4: '-1' is not the number of bodies"),
    "too many bodies": (line(4, "2"), "line 33: .* is not the number of joints"),
    "too few bodies": (line(4, "0"), "line 5: .* is not the number of bodies"),
    "joints": (line(6, "24"), "line 6: a body has 24 joints, not 25"),
    "no joints": (line(6, "0"), "line 6: a body has 0 joints, not 25"),
    "no metadata": (line(5, ""), "line 5: a body has no id"),
    "nan": (line(9, JOINT.replace("0.2", "nan")), "line 9: 'nan' is not a coordinate"),
    "inf": (line(9, JOINT.replace("0.2", "-inf")), "line 9: '-inf' is not a coordinate"),
    "overflow": (line(9, JOINT.replace("0.2", "1e39")), "line 9: '1e39' is not a coordinate"),
    "nearly": (line(9, JOINT.replace("0.2", "3e38")), "line 9: '3e38' is not a coordinate"),
    "word": (line(9, JOINT.replace("0.3", "0,3")), "line 9: '0,3' is not a coordinate"),
    "two dots": (line(9, JOINT.replace("0.3", "0.3.1")), "line 9: '0.3.1' is not a coordinate"),
    "two signs": (line(9, JOINT.replace("0.3", "--3")), "line 9: '--3' is not a coordinate"),
    "sign within": (line(9, JOINT.replace("0.3", "3-3")), "line 9: '3-3' is not a coordinate"),
    "only a dot": (line(9, JOINT.replace("0.3", ".")), "line 9: '.' is not a coordinate"),
    "only a sign": (line(9, JOINT.replace("0.3", "-")), "line 9: '-' is not a coordinate"),
    "few numbers": (line(9, JOINT[:-2]), "line 9: has 11 numbers, not 12"),
    "many numbers": (line(9, JOINT + " 7"), "line 9: has 13 numbers, not 12"),
    "few, then many": (
        line(9, JOINT[:-2]).replace(b" 2\n", b" 2 2\n", 1),
        "line [79]: has 1[13] numbers, not 12",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file(case: str) -> None:
    content, message = BAD_FILES[case]
    with pytest.raises(DataError, match=message) as caught:
        parse(content, "a/file.skeleton")
    assert str(caught.value).startswith("a/file.skeleton: line ")
    assert str(caught.value).endswith("; extract or download it again")
    assert "\n" not in str(caught.value)


def test_the_same_id_twice_in_a_frame() -> None:
    text = ntu_text([{0: person(1)[0], 1: person(1)[0]}])
    text = text.replace("72057594037944739", "72057594037944738")
    with pytest.raises(DataError, match="line 30: a body has the id of another of its frame"):
        parse(text.encode(), "file")


def test_every_truncation_is_refused() -> None:
    """Nothing but the white space at its end can be cut from a file."""
    content = ntu_text(footage(2, {0: (0, person(2))})).encode()
    for stop in range(len(content) - 1):
        with pytest.raises(DataError):
            parse(content[:stop], "file")


def test_damage_never_raises_anything_else() -> None:
    """Files with some altered, missing or repeated bytes are read or refused."""
    rng, content = np.random.default_rng(0), ntu_text(SCENE[:5]).encode()
    refused, trials = 0, 1000
    for _ in range(trials):
        changed = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(len(changed)))
            changed[place : place + rng.integers(3)] = rng.choice(
                [b"-", b"9", b" ", b"\n", b".", b"nan", b"\x00", b"e", b"99999999", b"\xef"]
            )
        try:
            parse(bytes(changed), "file")
        except DataError:
            refused += 1
    assert trials / 5 < refused < trials


def test_huge_counts_take_no_memory() -> None:
    tracemalloc.start()
    for case in ("huge frames", "too many bodies", "huger frames"):
        with pytest.raises(DataError):
            parse(BAD_FILES[case][0], "file")
    assert tracemalloc.get_traced_memory()[1] < 20 * len(TEXT)
    tracemalloc.stop()


def test_names() -> None:
    assert parsed_name("S017C003P020R002A060", "file") == SampleName(17, 3, 20, 2, 60)
    for bad in ("S017C003P020R002A60", "S017C003P020R002A000", "S017C003P020R002A060x", "x"):
        with pytest.raises(DataError, match=r"file: is not named SsssCcccPpppRrrrAaaa.skeleton"):
            parsed_name(bad, "file")
