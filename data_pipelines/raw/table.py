"""Lines of numbers, as the text formats of skeletons have them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from data_pipelines.raw.decimals import decimals, number

_SPACE, _NEWLINE = b" \n"


class LineError(ValueError):
    """A line that is not what it should be.

    Attributes:
        row: which of the lines, counted from 0.
        what: what is wrong with it.
    """

    def __init__(self, row: int, what: str) -> None:
        super().__init__(f"line {row + 1}: {what}")
        self.row, self.what = row, what


def table(lines: Sequence[bytes], fields: int, used: int) -> Float32[np.ndarray, "n c"]:
    """Return the first `used` of the `fields` numbers that every line has, between white space.

    Raises:
        LineError: a line has another number of fields, or what is used is not a finite number.
    """
    text = np.frombuffer(b"\n".join([*lines, b""]), np.uint8)
    blank = np.flatnonzero(text <= _SPACE)
    if not _regular(text, blank, len(lines), fields):
        return _one_by_one(lines, fields, used)
    start = np.concatenate([[0], blank[:-1] + 1]).reshape(-1, fields)[:, :used].ravel()
    values = decimals(text, start, blank.reshape(-1, fields)[:, :used].ravel())
    return _checked(lines, values.reshape(-1, used))


def _regular(
    text: UInt8[np.ndarray, " f"], blank: Int64[np.ndarray, " n"], lines: int, fields: int
) -> bool:
    """Return whether all lines have their number of fields, with one space between them."""
    controls = np.count_nonzero(text < _SPACE)
    if len(blank) != lines * fields or lines == 0 or controls != lines:
        return False
    ends = text[blank[fields - 1 :: fields]]
    return bool((ends == _NEWLINE).all() and blank[0] > 0 and np.diff(blank).min(initial=2) > 1)


def _one_by_one(lines: Sequence[bytes], fields: int, used: int) -> Float32[np.ndarray, "n c"]:
    """Return what `table` returns, for any white space."""
    split = [line.split() for line in lines]
    for row, each in enumerate(split):
        if len(each) != fields:
            raise LineError(row, f"has {len(each)} numbers, not {fields}")
    values = [number(text) for each in split for text in each[:used]]
    return _checked(lines, np.array(values).reshape(-1, used))


def _checked(
    lines: Sequence[bytes], values: Float64[np.ndarray, "n c"]
) -> Float32[np.ndarray, "n c"]:
    """Return the values; LineError for one that is no number or too large."""
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise LineError(int(row), f"{shown(lines[row].split()[column])} is not a coordinate")
    return values


def shown(text: bytes) -> str:
    """Return a text as messages show it: short and in one line."""
    return repr(text[:20].decode("ascii", "replace"))
