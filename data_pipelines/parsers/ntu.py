"""NTU RGB+D's raw text, one `.skeleton` file for each sequence (facts C.1).

A file has the number of frames; each frame has the number of bodies; each body has a line of
metadata that starts with its id, the number of joints, and for each joint a line of twelve numbers,
which start with x y z in meters.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from data_pipelines.errors import FileError
from data_pipelines.parsers.table import LineError, quoted, table

JOINTS = 25
_FIELDS = 12
_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")


@dataclass(frozen=True, eq=False)
class Recording:
    """The n bodies in all frames of a file, in the order of the file.

    Attributes:
        frame: the body's frame, from 0.
        body: the number of the body's id, from 0 in the order of first appearance.
        joints: coordinates in meters.
    """

    frame: Int64[np.ndarray, " n"]
    body: Int64[np.ndarray, " n"]
    joints: Float32[np.ndarray, "n v 3"]


@dataclass(frozen=True)
class SampleName:
    """The numbers in a file's name, all from 1."""

    setup: int
    camera: int
    subject: int
    repetition: int
    action: int


def parsed_name(name: str, where: str) -> SampleName:
    """Return the numbers in a sample's name; FileError if it has another form."""
    match = _NAME.fullmatch(name)
    numbers = tuple(map(int, match.groups())) if match else (0,)
    if 0 in numbers:
        raise FileError(where, "is not named SsssCcccPpppRrrrAaaa.skeleton; remove it")
    return SampleName(*numbers)


def parse(content: bytes, where: str) -> Recording:
    """Return the bodies, if any, in the text of a `.skeleton` file called `where`.

    Raises:
        FileError: the text is truncated or has another form; the message names the line.
    """
    lines = content.removeprefix(codecs.BOM_UTF8).rstrip().split(b"\n")
    heads, frame, ids = _bodies(lines, where)
    joint_lines = [head + line for head in heads for line in range(2, 2 + JOINTS)]
    try:
        coordinates = table([lines[line] for line in joint_lines], _FIELDS, 3)
    except LineError as error:
        raise _error(where, joint_lines[error.row], error.reason) from None
    numbers = {name: number for number, name in enumerate(dict.fromkeys(ids))}
    body = np.array([numbers[name] for name in ids], np.int64)
    return Recording(np.array(frame, np.int64), body, coordinates.reshape(-1, JOINTS, 3))


def _bodies(lines: Sequence[bytes], where: str) -> tuple[list[int], list[int], list[bytes]]:
    """Return each body's line of metadata, frame and id."""
    heads, frames, ids, line = [], [], [], 1
    for frame in range(_count(lines, 0, "the number of frames", where)):
        ids_of_frame = set()
        bodies = _count(lines, line, "the number of bodies", where)
        for head in range(line + 1, line + 1 + bodies * (2 + JOINTS), 2 + JOINTS):
            identifier = _identifier(lines, head, where)
            if identifier in ids_of_frame:
                raise _error(where, head, "a body has the id of another of its frame")
            ids_of_frame.add(identifier)
            heads.append(head)
            frames.append(frame)
            ids.append(identifier)
        line += 1 + bodies * (2 + JOINTS)
    if line > len(lines):
        raise _error(where, len(lines) - 1, "the file ends within a frame")
    if line < len(lines):
        raise _error(where, line, "follows the last frame")
    return heads, frames, ids


def _identifier(lines: Sequence[bytes], head: int, where: str) -> bytes:
    """Return the id of the body with the line of metadata `head`."""
    joints = _count(lines, head + 1, "the number of joints", where)
    if joints != JOINTS:
        raise _error(where, head + 1, f"a body has {joints} joints, not {JOINTS}")
    fields = lines[head].split(None, 1)
    if not fields:
        raise _error(where, head, "a body has no id")
    return fields[0]


def _count(lines: Sequence[bytes], line: int, meaning: str, where: str) -> int:
    """Return the number in a line, counted from 0."""
    if line >= len(lines):
        raise _error(where, len(lines) - 1, "the file ends within a frame")
    text = lines[line].strip()
    if not text.isdigit() or len(text) > 9:
        raise _error(where, line, f"{quoted(text)} is not {meaning}")
    return int(text)


def _error(where: str, line: int, reason: str) -> FileError:
    return FileError(where, f"{reason}; extract or download it again", line + 1)
