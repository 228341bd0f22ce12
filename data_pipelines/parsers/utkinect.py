"""UTKinect-Action3D's raw text: long recordings and the list of the actions in them.

A folder has
    joints_s01_e02.txt      one line per frame: its number, then 20 joints x y z, in meters
    actionLabel.txt         the name of a recording (s01_e02), then its actions: `walk: 252 390`
Frame numbers ascend with gaps; the two of an action are its first and last. Some frames share a
number although somebody moves between them: all are kept.
"""

import itertools
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from data_pipelines.errors import DataError, FileError
from data_pipelines.parsers.sources import Source, sources
from data_pipelines.parsers.table import LineError, quoted, table
from data_pipelines.specs.record import LeftOut, Record

LABELS = "actionLabel"
_WANTED = f"a folder with {LABELS}.txt and joints_s01_e01.txt, ... (or joints.zip)"
_RECORDING = re.compile(r"s(\d\d)_e(\d\d)")
_ACTION = re.compile(r"(\w+):\s+(?:(\d{1,6})\s+(\d{1,6})|NaN\s+NaN)")

# The first and the last frame; a recording, its word and its frames in the list.
Frames = tuple[int, int]
Listed = tuple[str, str, Frames]


@dataclass(frozen=True)
class Action:
    """An action of a recording.

    Attributes:
        line: its line in the list of actions, from 1.
        label: the class.
        frames: the numbers of its first and last frame; None if the list has none.
    """

    line: int
    label: int
    frames: Frames | None


@dataclass(frozen=True)
class Recording:
    """One recording.

    Attributes:
        name: its name, as s01_e02.
        list: the file that lists its actions.
        skeleton: the file of its frames; None if missing.
        actions: its actions, in the order of the list.
    """

    name: str
    list: Source
    skeleton: Source | None
    actions: Sequence[Action]

    def __str__(self) -> str:
        return self.skeleton.where if self.skeleton else self.list.where


def recordings(
    raw: pathlib.Path, words: Sequence[str], corrected: Mapping[Listed, Frames]
) -> list[Recording]:
    """Return the recordings of a folder or archive, in the order of the list of actions.

    Args:
        raw: the folder or archive.
        words: the list's word for each class.
        corrected: recording, word and frames of the list → the frames to take instead.

    Raises:
        DataError: the list is missing, or a line of it has another form.
    """
    files = {source.name: source for source in sources(raw, ".txt", _WANTED)}
    if LABELS not in files:
        raise DataError(f"{raw}: has no {LABELS}.txt; --raw takes {_WANTED}")
    return [
        Recording(name, files[LABELS], files.get(f"joints_{name}"), tuple(found))
        for name, found in actions(files[LABELS], words, corrected).items()
    ]


def actions(
    source: Source, words: Sequence[str], corrected: Mapping[Listed, Frames]
) -> dict[str, list[Action]]:
    """Return the actions of each recording in a list; the arguments are those of `recordings`.

    Raises:
        FileError: a line has another form.
    """
    found: dict[str, list[Action]] = {}
    name = ""
    for number, line in enumerate(source.read().split(b"\n"), 1):
        text = line.decode("ascii", "replace").strip()
        match = _ACTION.fullmatch(text)
        if _RECORDING.fullmatch(text) and text not in found:
            name = text
            found[name] = []
        elif match and match[1] in words and name:
            frames = (int(match[2]), int(match[3])) if match[2] else None
            frames = corrected.get((name, match[1], frames), frames) if frames else None
            found[name].append(Action(number, words.index(match[1]), frames))
        elif text:
            form = f"neither a new recording (s01_e02) nor `{words[0]}: 252 390`"
            raise FileError(source.where, f"{quoted(line)} is {form}; repair it", number)
    return found


def records(recording: Recording, joints: int) -> Iterator[Record | LeftOut]:
    """Yield the actions of a recording, in meters and camera coordinates.

    `setup` is the number of the recording among those of its subject. An action without frames is
    left out.

    Args:
        recording: the recording.
        joints: the number of joints.

    Raises:
        FileError: the recording's file is missing or cannot be used.
    """
    match = _RECORDING.fullmatch(recording.name)
    if recording.skeleton is None or match is None:
        reason = f"there is no joints_{recording.name}.txt; extract or download it again"
        raise FileError(recording.list.where, reason)
    values = _values(recording.skeleton, joints)
    subject, setup = map(int, match.groups())
    for action in recording.actions:
        within = _within(values[:, 0], action.frames)
        if not within.any():
            reason = f"{recording.name} has no frame of this action"
            yield LeftOut(recording.list.where, reason, action.line)
            continue
        clip = values[within, 1:].reshape(-1, 1, joints, 3)
        name = f"a{action.label + 1:02}_{recording.name}"
        yield Record(clip, action.label, subject, 1, setup, name)


def _values(source: Source, joints: int) -> Float32[np.ndarray, "t c"]:
    """Return the lines of a file; FileError if one has another form, or a frame is out of order."""
    numbers = 1 + 3 * joints
    try:
        values = table(source.read().rstrip().split(b"\n"), numbers, numbers)
    except LineError as error:
        reason = f"{error.reason}; extract or download it again"
        raise FileError(source.where, reason, error.row + 1) from None
    for row, (before, after) in enumerate(itertools.pairwise(values[:, 0].tolist()), 2):
        if after < before:
            reason = f"frame {after:g} comes after frame {before:g}; download it again"
            raise FileError(source.where, reason, row)
    return values


def _within(numbers: Float32[np.ndarray, " t"], frames: Frames | None) -> Bool[np.ndarray, " t"]:
    first, last = frames or (1, 0)
    return (numbers >= first) & (numbers <= last)
