"""Lines of numbers, as the text formats of skeletons have them."""

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from data_pipelines.parsers.decimals import decimals, number
from data_pipelines.parsers.marks import Marks, zeros_below

_TAB, _NEWLINE, _RETURN, _SPACE = b"\t\n\r "
# No coordinate is as large, in metres: what is computed with others cannot overflow.
_FARTHEST = 1e6
# What a word of marks can tell.
_WINDOW = 64
_ONE = np.uint64(1)


class LineError(ValueError):
    """A line that is not what it should be.

    Attributes:
        row: which of the lines, counted from 0.
        what: what is wrong with it.
    """

    def __init__(self, row: int, what: str) -> None:
        super().__init__(f"line {row + 1}: {what}")
        self.row, self.what = row, what


def beginnings(content: bytes) -> Int64[np.ndarray, " n"]:
    """Return where the lines of a text begin, and last where a line after its end would."""
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == _NEWLINE)
    return np.concatenate([[-1], ends, [len(content)]]) + 1


def table(
    content: bytes,
    start: Int64[np.ndarray, " n"],
    stop: Int64[np.ndarray, " n"],
    fields: int,
    used: int,
) -> Float32[np.ndarray, "n c"]:
    """Return the first `used` of the `fields` numbers that lines have, between white space.

    Args:
        content: the text that the lines are in.
        start: where each line begins.
        stop: where each line ends: at a newline or at the end of the text.
        fields: how many numbers a line has.
        used: how many of them are read; the others may be anything.

    Raises:
        LineError: a line has another number of fields, or what is used is not a number, or one of
            a thousand kilometres.
    """
    blank = Marks.of(np.frombuffer(content, np.uint8), _blank)
    counts = blank.beginnings().between(start, stop)
    wrong = np.flatnonzero(counts != fields)
    if wrong.size:
        raise LineError(int(wrong[0]), f"has {counts[wrong[0]]} numbers, not {fields}")
    first, last = _places(blank, start, used)
    length = last - first
    if length.min(initial=1) > 0 and length.max(initial=1) < _WINDOW:
        values = decimals(content, first.ravel(), last.ravel())
    else:
        # More than one blank between two numbers, or a very long number.
        lines = [content[i:j].split()[:used] for i, j in zip(start, stop, strict=True)]
        values = np.array([number(field) for line in lines for field in line])
    with np.errstate(over="ignore"):
        found = values.astype(np.float32).reshape(-1, used)
    near = np.abs(found) < _FARTHEST
    if not near.all():
        row, column = np.argwhere(~near)[0]
        field = content[start[row] : stop[row]].split()[column]
        raise LineError(int(row), f"{shown(field)} is not a coordinate")
    return found


def _blank(text: UInt8[np.ndarray, " f"]) -> Bool[np.ndarray, " f"]:
    """Return which bytes are white space, as `bytes.split` has it."""
    return (text == _SPACE) | (text - np.uint8(_TAB) <= _RETURN - _TAB)


def _places(
    blank: Marks, start: Int64[np.ndarray, " n"], used: int
) -> tuple[Int64[np.ndarray, "n c"], Int64[np.ndarray, "n c"]]:
    """Return where the first numbers of lines begin and end, if one blank follows each of them.

    Otherwise one of them has no length, or that of a whole window.
    """
    first, last = np.empty((2, len(start), used), np.int64)
    base, place, left = start, start, blank.windows(start)
    for column in range(used):
        if not left.all():
            base, left = place, blank.windows(place)
        end = base + zeros_below(left)
        first[:, column], last[:, column] = place, end
        left &= left - _ONE
        place = end + 1
    return first, last


def shown(text: bytes) -> str:
    """Return a text as messages show it: short and in one line."""
    return repr(text[:20].decode("ascii", "replace"))
