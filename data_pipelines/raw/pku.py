"""PKU-MMD's raw text: long videos, where actions are in them, and lists of videos (facts C.7).

A folder has, extracted from the official archives,
    skeleton*/0002-L.txt        a line a frame: 25 joints of two persons, x y z in metres
    label*/0002-L.txt           a line an action: class, first and last frame, confidence
    cross-subject.txt, cross-view.txt
where numbers count from 1 and the letter is the view: left, middle or right.
"""

import pathlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from data_pipelines.raw.record import DataError, FileError, Record
from data_pipelines.raw.sources import Source, sources
from data_pipelines.raw.table import LineError, beginnings, shown, table

_PERSONS, _JOINTS = 2, 25
_NUMBERS = _PERSONS * _JOINTS * 3
_VIDEO = re.compile(r"(\d{4})-([LMR])")
_WANTED = "a folder with skeleton/, label/, cross-subject.txt and cross-view.txt"


@dataclass(frozen=True)
class Video:
    """One video.

    Attributes:
        labels: where actions are in it.
        skeleton: its frames; None where they are missing.
        setup: the lists of training videos that it is on: 1 is the cross-view one, 2 the
            cross-subject one, 3 both, 0 none.
    """

    labels: Source
    skeleton: Source | None
    setup: int

    def __str__(self) -> str:
        return self.labels.where


@dataclass(frozen=True)
class Action:
    """Where an action is in a video.

    Attributes:
        label: the class, 0-based.
        start: its first frame, 0-based.
        stop: the frame after its last.
    """

    label: int
    start: int
    stop: int


def videos(raw: pathlib.Path) -> list[Video]:
    """Return the videos of a folder, sorted by name.

    Args:
        raw: the folder that the module describes.

    Raises:
        DataError: a folder or a list is missing or cannot be used; the message names it.
    """
    if not raw.is_dir():
        raise DataError(f"{raw}: no such folder; --raw takes {_WANTED}")
    by_subject, by_view = (training_videos(raw, f"cross-{what}") for what in ("subject", "view"))
    skeletons = {found.name: found for found in sources(_folder(raw, "skeleton"), ".txt", _WANTED)}
    return [
        Video(
            labels,
            skeletons.get(labels.name),
            2 * (labels.name in by_subject) + (labels.name in by_view),
        )
        for labels in sources(_folder(raw, "label"), ".txt", _WANTED)
    ]


def records(video: Video, classes: int, ignored: Collection[str]) -> Iterator[Record]:
    """Yield the actions of a video in the order of its labels, in camera coordinates.

    `camera` is 1 for the left view, 2 for the middle, 3 for the right. `subject` is the recording's
    number, for the files do not tell who moves. `setup` is the video's.

    Args:
        video: the video.
        classes: how many classes there are.
        ignored: names of samples to leave out.

    Raises:
        FileError: a file is missing or cannot be used.
    """
    where = video.labels.where
    match = _VIDEO.fullmatch(video.labels.name)
    if not match or video.skeleton is None:
        raise FileError(where, "there is no skeleton of this name; remove it")
    camera = 1 + "LMR".index(match[2])
    frames = skeleton(video.skeleton)
    for number, action in enumerate(actions(video.labels, classes, len(frames)), 1):
        name = f"F{match[1][1:]}V{camera:03}C{action.label + 1:03}L{number:03}"
        if name not in ignored:
            clip = frames[action.start : action.stop]
            if not clip.any():
                reason = "there is nobody in the frames of this action; remove it"
                raise FileError(where, reason, number)
            # A second person who is never there is left out.
            clip = clip[:, : 1 + clip[:, 1].any()]
            yield Record(clip, action.label, int(match[1]), camera, video.setup, name)


def training_videos(raw: pathlib.Path, name: str) -> frozenset[str]:
    """Return the training videos of an official list, all others being for testing.

    A list has a title, the training videos with commas between them, and the same for the others.
    """
    spellings = [raw / f"{name}.txt", raw / f"{name.replace('-', '_')}.txt"]
    path = next((path for path in spellings if path.is_file()), None)
    if path is None:
        raise DataError(f"{spellings[0]}: is missing; --raw takes {_WANTED}")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    videos = [video.strip() for video in [*lines, "", ""][1].split(",") if video.strip()]
    if not videos or not all(map(_VIDEO.fullmatch, videos)):
        raise DataError(f"{path}: line 2 is not a list of videos 0002-L, ...; download it again")
    return frozenset(videos)


def _folder(raw: pathlib.Path, kind: str) -> pathlib.Path:
    """Return the folder in `raw` whose name begins with `kind`."""
    found = [path for path in raw.iterdir() if path.is_dir() and path.name.lower().startswith(kind)]
    if len(found) != 1:
        raise DataError(f"{raw}: has {len(found)} folders {kind}*, not one; --raw takes {_WANTED}")
    return found[0]


def skeleton(source: Source) -> Float32[np.ndarray, "t 2 v 3"]:
    """Return the two persons in all frames of a video; one who is absent is all zeros.

    Raises:
        FileError: the text is cut or of another form; the message names the line.
    """
    content = source.read().rstrip()
    begins = beginnings(content)
    try:
        values = table(content, begins[:-1], begins[1:] - 1, _NUMBERS, _NUMBERS)
    except LineError as error:
        reason = f"{error.what}; extract or download it again"
        raise FileError(source.where, reason, error.row + 1) from None
    return values.reshape(-1, _PERSONS, _JOINTS, 3)


def actions(source: Source, classes: int, frames: int) -> Iterator[Action]:
    """Yield the actions that a file of labels lists, for a video of so many frames.

    Raises:
        FileError: a line is no action within the video; the message names it.
    """
    for number, line in enumerate(source.read().rstrip().split(b"\n"), 1):
        texts = [text.strip() for text in line.split(b",")]
        numbers = [int(text) for text in texts[:3] if text.isdigit() and len(text) < 9]
        if len(texts) != 4 or len(numbers) != 3:
            form = "class,first,last,confidence"
            raise FileError(source.where, f"{shown(line)} is not {form}; repair it", number)
        label, first, last = numbers
        if not (1 <= label <= classes and 1 <= first <= last <= frames):
            reason = (
                f"class {label}, frames {first} to {last}, of {classes} classes and a video of "
                f"{frames} frames; repair or remove it"
            )
            raise FileError(source.where, reason, number)
        yield Action(label - 1, first - 1, last)
