"""PKU-MMD's raw text: long videos, the actions in them, and lists of videos (facts C.7).

A folder has, extracted from the official archives of Part I,
    skeleton*/0002-L.txt        one line per frame: 25 joints of two persons, x y z in meters
    label*/0002-L.txt           one line per action: class, first and last frame, confidence
    cross-subject.txt, cross-view.txt
where numbers count from 1 and the letter is the view: left, middle or right. Part II has a separate
folder with videos such as A01N02-L, where the second number is the subject, and the lists
cross_subject_v2.txt and cross_view_v2.txt.
"""

import pathlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from data_pipelines.errors import DataError, FileError
from data_pipelines.parsers.sources import Source, sources
from data_pipelines.parsers.table import LineError, quoted, table
from data_pipelines.specs.record import LeftOut, Record

_PERSONS, _JOINTS = 2, 25
_NUMBERS = _PERSONS * _JOINTS * 3


@dataclass(frozen=True)
class Part:
    """How a part of PKU-MMD names its files.

    Attributes:
        video: the names of videos: numbers, the last of which is the subject, and the view.
        example: the name of a video, for messages.
        prefixes: the letters before the numbers in a sample's name.
        ending: the suffix of the names of the official lists.
    """

    video: re.Pattern
    example: str
    prefixes: str
    ending: str

    @property
    def wanted(self) -> str:
        """Return what `--raw` takes."""
        lists = " and ".join(f"cross-{what}{self.ending}.txt" for what in ("subject", "view"))
        return f"a folder with skeleton/, label/, {lists}"


PARTS = {
    1: Part(re.compile(r"(\d{4})-([LMR])"), "0002-L", "F", ""),
    2: Part(re.compile(r"A(\d{2})N(\d{2})-([LMR])"), "A01N02-L", "AN", "_v2"),
}


@dataclass(frozen=True)
class Video:
    """One video.

    Attributes:
        part: the part of the dataset.
        labels: the file of its actions.
        skeleton: the file of its frames; None if missing.
        setup: the lists of training videos that have it: 1 cross-view, 2 cross-subject, 3 both, 0
            none.
    """

    part: int
    labels: Source
    skeleton: Source | None
    setup: int

    def __str__(self) -> str:
        return self.labels.where


@dataclass(frozen=True)
class Action:
    """An action in a video.

    Attributes:
        line: its line in the file of labels, from 1.
        label: the class, 0-based.
        start: the first frame, 0-based.
        stop: the frame after the last.
    """

    line: int
    label: int
    start: int
    stop: int


def videos(raw: pathlib.Path, part: int) -> list[Video]:
    """Return the videos of a folder of Part 1 or 2, sorted by name; DataError if there are none."""
    wanted = PARTS[part].wanted
    if not raw.is_dir():
        raise DataError(f"{raw}: no such folder; --raw takes {wanted}")
    by_subject, by_view = (
        training_videos(raw, f"cross-{what}", part) for what in ("subject", "view")
    )
    labels_in, skeletons_in = (_folder(raw, kind, wanted) for kind in ("label", "skeleton"))
    skeletons = {source.name: source for source in sources(skeletons_in, ".txt", wanted)}
    return [
        Video(
            part,
            labels,
            skeletons.get(labels.name),
            2 * (labels.name in by_subject) + (labels.name in by_view),
        )
        for labels in sources(labels_in, ".txt", wanted)
    ]


def records(video: Video, classes: int, ignored: Collection[str]) -> Iterator[Record | LeftOut]:
    """Yield the actions of a video in the order of its labels, in camera coordinates.

    `camera` is 1 for the left view, 2 for the middle, 3 for the right. `subject` is the recording's
    number in Part I, whose files have no subjects. Actions without a body are left out.

    Args:
        video: the video.
        classes: the number of classes.
        ignored: names of samples to leave out.

    Raises:
        FileError: a file is missing or cannot be used.
    """
    numbers, camera = _parsed_name(video)
    if video.skeleton is None:
        raise FileError(video.labels.where, "there is no skeleton of this name; remove it")
    prefixes = PARTS[video.part].prefixes
    who = "".join(f"{a}{n:03}" for a, n in zip(prefixes, numbers, strict=True))
    frames = skeleton(video.skeleton)
    for action in actions(video.labels):
        name = f"{who}V{camera:03}C{action.label + 1:03}L{action.line:03}"
        if name in ignored:
            # Before its frames are checked: an error in an unused action must not reject the video.
            yield LeftOut(video.labels.where, "all papers leave this action out", action.line)
            continue
        check(action, video.labels, classes, len(frames))
        clip = frames[action.start : action.stop]
        if not clip.any():
            reason = "nobody is in the frames of this action"
            yield LeftOut(video.labels.where, reason, action.line)
            continue
        metadata = action.label, numbers[-1], camera, video.setup
        yield Record(clip, *metadata, name)


def _parsed_name(video: Video) -> tuple[list[int], int]:
    """Return the numbers in a video's name, and its camera: 1 left, 2 middle, 3 right."""
    part = PARTS[video.part]
    match = part.video.fullmatch(video.labels.name)
    if not match:
        reason = f"is not named like {part.example}.txt; rename or remove it"
        raise FileError(video.labels.where, reason)
    *numbers, view = match.groups()
    return list(map(int, numbers)), 1 + "LMR".index(view)


def training_videos(raw: pathlib.Path, name: str, part: int = 1) -> frozenset[str]:
    """Return the training videos of an official list: the second line, separated by commas."""
    named = PARTS[part]
    spellings = [
        raw / f"{spelling}{named.ending}.txt" for spelling in (name, name.replace("-", "_"))
    ]
    path = next((path for path in spellings if path.is_file()), None)
    if path is None:
        raise DataError(f"{spellings[0]}: is missing; --raw takes {named.wanted}")
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    listed = lines[1] if len(lines) > 1 else ""
    videos = [video.strip() for video in listed.split(",") if video.strip()]
    if not videos or not all(map(named.video.fullmatch, videos)):
        expected = f"a list of videos {named.example}, ..."
        raise DataError(f"{path}: line 2 is not {expected}; download it again")
    return frozenset(videos)


def _folder(raw: pathlib.Path, kind: str, wanted: str) -> pathlib.Path:
    """Return the folder in `raw` whose name starts with `kind`."""
    folders = [path for path in raw.iterdir() if path.is_dir()]
    folders = [path for path in folders if path.name.lower().startswith(kind)]
    if len(folders) != 1:
        raise DataError(f"{raw}: has {len(folders)} folders {kind}*, not one; --raw takes {wanted}")
    return folders[0]


def skeleton(source: Source) -> Float32[np.ndarray, "t 2 v 3"]:
    """Return the two persons of a video, zero where they are absent.

    Raises:
        FileError: the text is truncated or has another form; the message names the line.
    """
    try:
        values = table(source.read().rstrip().split(b"\n"), _NUMBERS, _NUMBERS)
    except LineError as error:
        reason = f"{error.reason}; extract or download it again"
        raise FileError(source.where, reason, error.row + 1) from None
    return values.reshape(-1, _PERSONS, _JOINTS, 3)


def actions(source: Source) -> Iterator[Action]:
    """Yield the actions in a file of labels; FileError if a line has another form."""
    for number, line in enumerate(source.read().rstrip().split(b"\n"), 1):
        texts = [text.strip() for text in line.split(b",")]
        numbers = [int(text) for text in texts[:3] if text.isdigit() and len(text) < 9]
        if len(texts) != 4 or len(numbers) != 3:
            reason = f"{quoted(line)} is not class,first,last,confidence; repair it"
            raise FileError(source.where, reason, number)
        label, first, last = numbers
        yield Action(number, label - 1, first - 1, last)


def check(action: Action, source: Source, classes: int, frames: int) -> None:
    """Raise FileError if an action has an unknown class or is not within its video."""
    if 0 <= action.label < classes and 0 <= action.start < action.stop <= frames:
        return
    reason = (
        f"class {action.label + 1}, frames {action.start + 1} to {action.stop}, of {classes} "
        f"classes and a video of {frames} frames; repair or remove it"
    )
    raise FileError(source.where, reason, action.line)
