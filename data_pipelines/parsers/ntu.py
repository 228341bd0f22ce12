"""NTU RGB+D's raw text: one `.skeleton` file a sequence (facts C.1).

A file has the number of frames; each frame the number of its bodies; each body a line of facts that
starts with the body's id, the number of its joints, and for each joint a line of twelve numbers, of
which the first three are x y z in metres.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from data_pipelines.errors import FileError
from data_pipelines.parsers.table import LineError, beginnings, shown, table

JOINTS = 25
_FIELDS = 12
_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")


@dataclass(frozen=True, eq=False)
class Recording:
    """The n bodies that a file holds, over all of its frames, in the order of the file.

    Attributes:
        frame: in which frame of the file a body is.
        body: whose body it is, counted from 0 in the order of first appearance.
        joints: coordinates in metres.
    """

    frame: Int64[np.ndarray, " n"]
    body: Int64[np.ndarray, " n"]
    joints: Float32[np.ndarray, "n v 3"]


@dataclass(frozen=True)
class Facts:
    """What a file's name says; all numbers count from 1."""

    setup: int
    camera: int
    subject: int
    repetition: int
    action: int


def named(name: str, where: str) -> Facts:
    """Return the facts in a sample's name.

    Raises:
        FileError: the name is of another form.
    """
    match = _NAME.fullmatch(name)
    facts = tuple(map(int, match.groups())) if match else (0,)
    if 0 in facts:
        raise FileError(where, "is not named SsssCcccPpppRrrrAaaa.skeleton; remove it")
    return Facts(*facts)


def parse(content: bytes, where: str) -> Recording:
    """Return what the text of a `.skeleton` file holds; there may be no body in it.

    Args:
        content: the file's content.
        where: the file's name, for messages.

    Raises:
        FileError: the text is cut or is of another form; the message names the line.
    """
    content = content.removeprefix(codecs.BOM_UTF8).rstrip()
    begins = beginnings(content)
    heads, frame, ids = _walked(content, begins.data, where)
    joints = (np.array(heads, np.int64)[:, None] + np.arange(2, 2 + JOINTS)).ravel()
    try:
        coordinates = table(content, begins[joints], begins[joints + 1] - 1, _FIELDS, 3)
    except LineError as error:
        raise _fault(where, int(joints[error.row]), error.what) from None
    numbers = {body: number for number, body in enumerate(dict.fromkeys(ids))}
    body = np.array([numbers[body] for body in ids], np.int64)
    return Recording(np.array(frame, np.int64), body, coordinates.reshape(-1, JOINTS, 3))


def _walked(
    content: bytes, begins: Sequence[int], where: str
) -> tuple[list[int], list[int], list[bytes]]:
    """Return for every body the place of its line of facts, its frame and its id.

    Args:
        content: the text.
        begins: where its lines begin, and where one after its end would.
        where: the file's name, for messages.
    """
    heads, frames, ids, place, lines = [], [], [], 1, len(begins) - 1
    for frame in range(_count(content, begins, 0, "the number of frames", where)):
        bodies = _count(content, begins, place, "the number of bodies", where)
        place += 1
        seen = set()
        for _ in range(bodies):
            joints = _count(content, begins, place + 1, "the number of joints", where)
            if joints != JOINTS:
                raise _fault(where, place + 1, f"a body has {joints} joints, not {JOINTS}")
            facts = content[begins[place] : begins[place + 1]].split(None, 1)
            if not facts or facts[0] in seen:
                raise _fault(where, place, "a body has no id, or the id of another of the frame")
            seen.add(facts[0])
            heads.append(place)
            frames.append(frame)
            ids.append(facts[0])
            place += 2 + JOINTS
    if place != lines:
        what = "the file ends within a frame" if place > lines else "follows the last frame"
        raise _fault(where, min(place, lines - 1), what)
    return heads, frames, ids


def _count(content: bytes, begins: Sequence[int], place: int, what: str, where: str) -> int:
    """Return the number that a line holds."""
    if place >= len(begins) - 1:
        raise _fault(where, len(begins) - 2, "the file ends within a frame")
    text = content[begins[place] : begins[place + 1]].strip()
    if not text.isdigit() or len(text) > 9:
        raise _fault(where, place, f"{shown(text)} is not {what}")
    return int(text)


def _fault(where: str, place: int, what: str) -> FileError:
    """Return the error that says what is wrong at a place, counted from 0."""
    return FileError(where, f"{what}; extract or download it again", place + 1)
