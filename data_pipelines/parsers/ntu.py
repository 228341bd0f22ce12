"""NTU RGB+D's raw text: one `.skeleton` file a sequence (facts C.1).

A file has the number of frames; each frame the number of its bodies; each body a line of metadata
that starts with the body's id, the number of its joints, and for each joint a line of twelve
numbers, of which the first three are x y z in meters.
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
    """The n bodies that a file holds, over all of its frames, in the order of the file.

    Attributes:
        frame: in which frame of the file a body is.
        body: whose body it is, counted from 0 in the order of first appearance.
        joints: coordinates in meters.
    """

    frame: Int64[np.ndarray, " n"]
    body: Int64[np.ndarray, " n"]
    joints: Float32[np.ndarray, "n v 3"]


@dataclass(frozen=True)
class SampleName:
    """The numbers in a file's name, which all count from 1."""

    setup: int
    camera: int
    subject: int
    repetition: int
    action: int


def parsed_name(name: str, where: str) -> SampleName:
    """Return the numbers in a sample's name.

    Raises:
        FileError: the name is of another form.
    """
    match = _NAME.fullmatch(name)
    numbers = tuple(map(int, match.groups())) if match else (0,)
    if 0 in numbers:
        raise FileError(where, "is not named SsssCcccPpppRrrrAaaa.skeleton; remove it")
    return SampleName(*numbers)


def parse(content: bytes, where: str) -> Recording:
    """Return what the text of a `.skeleton` file holds; there may be no body in it.

    Args:
        content: the file's content.
        where: the file's name, for messages.

    Raises:
        FileError: the text is cut or is of another form; the message names the line.
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
    """Return for every body the number of its line of metadata, its frame and its id."""
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
    """Return the id of the body whose line of metadata is `head`."""
    joints = _count(lines, head + 1, "the number of joints", where)
    if joints != JOINTS:
        raise _error(where, head + 1, f"a body has {joints} joints, not {JOINTS}")
    fields = lines[head].split(None, 1)
    if not fields:
        raise _error(where, head, "a body has no id")
    return fields[0]


def _count(lines: Sequence[bytes], line: int, meaning: str, where: str) -> int:
    """Return the number that a line, counted from 0, holds."""
    if line >= len(lines):
        raise _error(where, len(lines) - 1, "the file ends within a frame")
    text = lines[line].strip()
    if not text.isdigit() or len(text) > 9:
        raise _error(where, line, f"{quoted(text)} is not {meaning}")
    return int(text)


def _error(where: str, line: int, reason: str) -> FileError:
    """Return the error that says what is wrong with a line, counted from 0."""
    return FileError(where, f"{reason}; extract or download it again", line + 1)
