"""MSRC-12's raw text: recordings of one gesture, done again and again, and when it is done.

A folder has
    P1_2_10A_p06.csv           one line per frame: microseconds, then 20 joints x y z w, in meters
    P1_2_10A_p06.tagstream     a header, then a line per gesture: a tick of another clock, its tag
A name has the way in which the subject was told the gesture (P1_2), the gesture, and the subject.

A tag is a point in time, at which the gesture can be recognized, and no interval. Its clip reaches
from the middle between it and the tag before to the middle between it and the next, and at most
`REACH` to either side: a choice of this project.
"""

import itertools
import math
import pathlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from data_pipelines.errors import FileError
from data_pipelines.parsers.sources import Source, sources
from data_pipelines.parsers.table import LineError, quoted, table
from data_pipelines.specs.record import LeftOut, Record

# Microseconds before and after a tag.
REACH = 1_500_000
_NAME = re.compile(r"P(\d)_(\d)_(\d{1,2})(A?)_p(\d\d)", re.IGNORECASE)
_HEADER = b"XQPCTick;Tag"
_TAG = re.compile(rb"(\d{1,15});G(\d{1,2}) .*")
_WANTED = "a folder with P1_1_10_p06.csv and P1_1_10_p06.tagstream, ..."


@dataclass(frozen=True)
class Recording:
    """One recording, of which a file may be missing.

    Attributes:
        skeleton: the file of its frames.
        tags: the file of its tags.
    """

    skeleton: Source | None
    tags: Source | None

    def __str__(self) -> str:
        return next(file.where for file in (self.skeleton, self.tags) if file)


@dataclass(frozen=True)
class Tag:
    """A line of a file of tags.

    Attributes:
        line: its number, from 1.
        time: microseconds of the clock of the frames.
        gesture: the number of the gesture, from 1.
    """

    line: int
    time: int
    gesture: int


def recordings(raw: pathlib.Path) -> list[Recording]:
    """Return the recordings of a folder, sorted by name; DataError if there are none.

    Names go together in any case: one file of tags is called p2_1_2A_p12.
    """
    frames, tagged = (
        {source.name.lower(): source for source in sources(raw, ending, _WANTED)}
        for ending in (".csv", ".tagstream")
    )
    names = sorted(frames.keys() | tagged.keys())
    return [Recording(frames.get(name), tagged.get(name)) for name in names]


def records(recording: Recording, classes: int, joints: int) -> Iterator[Record | LeftOut]:
    """Yield the gestures of a recording, in meters and camera coordinates.

    `setup` is 10 i + j for Pi_j, the way in which the subject was told the gesture. A gesture
    during which nobody is seen is left out.

    Args:
        recording: the recording.
        classes: the number of classes.
        joints: the number of joints.

    Raises:
        FileError: a file is missing or cannot be used.
    """
    source, tagged = recording.skeleton, recording.tags
    if source is None or tagged is None:
        ending = ".tagstream" if tagged is None else ".csv"
        raise FileError(str(recording), f"there is no {ending} of this name; download it again")
    match = _NAME.fullmatch(source.name)
    if not match:
        raise FileError(source.where, "is not named P1_1_10_p06.csv or P1_1_10A_p06.csv; remove it")
    subject, setup = int(match[5]), 10 * int(match[1]) + int(match[2])
    times, bodies = _frames(source, joints)
    listed = tags(tagged, classes)
    for tag, (start, stop) in zip(listed, clips([tag.time for tag in listed]), strict=True):
        first, last = np.searchsorted(times, (start, stop))
        clip = bodies[first:last]
        if not clip.any():
            yield LeftOut(tagged.where, "nobody is seen during this gesture", tag.line)
            continue
        name = f"{source.name}_t{tag.line - 1:02}"
        yield Record(clip, tag.gesture - 1, subject, 1, setup, name)


def clips(times: Sequence[int]) -> list[tuple[float, float]]:
    """Return where the clip of each tag begins and ends, in the unit of the tags' times.

    >>> clips([4_000_000, 6_000_000, 11_000_000])
    [(2500000.0, 5000000.0), (5000000.0, 7500000.0), (9500000.0, 12500000.0)]
    """
    middles = [(before + after) / 2 for before, after in itertools.pairwise(times)]
    bounds = itertools.pairwise([-math.inf, *middles, math.inf])
    return [
        (max(time - REACH, low), min(time + REACH, high))
        for time, (low, high) in zip(map(float, times), bounds, strict=False)
    ]


def _frames(
    source: Source, joints: int
) -> tuple[Int64[np.ndarray, " t"], Float32[np.ndarray, "t 1 v 3"]]:
    """Return the microseconds and coordinates of a file; FileError if a line has another form."""
    lines = source.read().rstrip().split(b"\n")
    stamps, fields = zip(*(line.partition(b" ")[::2] for line in lines), strict=True)
    for row, stamp in enumerate(stamps):
        if not re.fullmatch(rb"\d{1,18}", stamp) or (row and int(stamp) <= int(stamps[row - 1])):
            reason = f"{quoted(stamp)} is no time after that of the line before; download it again"
            raise FileError(source.where, reason, row + 1)
    try:
        values = table(fields, 4 * joints, 4 * joints)
    except LineError as error:
        reason = f"{error.reason} (without the time); download it again"
        raise FileError(source.where, reason, error.row + 1) from None
    bodies = values.reshape(-1, 1, joints, 4)[..., :3]
    return np.array(stamps).astype(np.int64), np.ascontiguousarray(bodies)


def tags(source: Source, classes: int) -> list[Tag]:
    """Return the tags of a file, in their order; FileError if a line has another form."""
    header, *lines = source.read().rstrip().split(b"\n")
    if header.strip() != _HEADER:
        reason = f"begins with {quoted(header)}, not {_HEADER.decode()}; download it again"
        raise FileError(source.where, reason, 1)
    found: list[Tag] = []
    for line, text in enumerate(lines, 2):
        match = _TAG.fullmatch(text.strip())
        tag = Tag(line, microseconds(int(match[1])), int(match[2])) if match else None
        if tag is None or not 1 <= tag.gesture <= classes:
            form = f"is not a tick and a tag of G1 to G{classes}, as 139167732109;G10 Change weapon"
            raise FileError(source.where, f"{quoted(text)} {form}; repair it", line)
        if found and tag.time <= found[-1].time:
            raise FileError(source.where, "is not after the tag before; sort the tags", line)
        found.append(tag)
    return found


def microseconds(tick: int) -> int:
    """Return the time of a tick, as the dataset's own code computes it.

    >>> microseconds(139167732109)
    2790330468
    """
    return (tick * 1000 + 24937) // 49875
