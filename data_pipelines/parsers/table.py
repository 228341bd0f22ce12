"""Parsing lines of numbers in text formats of skeletons."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

# Coordinates must be smaller, in meters, so that computations do not overflow.
_LIMIT = 1e6


class LineError(ValueError):
    """An invalid line.

    Attributes:
        row: its number, from 0.
        reason: what is wrong with it.
    """

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(f"line {row + 1}: {reason}")
        self.row, self.reason = row, reason


def table(lines: Sequence[bytes], fields: int, used: int) -> Float32[np.ndarray, "n c"]:
    """Return the first `used` of the `fields` whitespace-separated fields of every line.

    Raises:
        LineError: a line has another number of fields, or a used field is not a coordinate.
    """
    rows = [line.split() for line in lines]
    for row, texts in enumerate(rows):
        if len(texts) != fields:
            raise LineError(row, f"has {len(texts)} numbers, not {fields}")
    values = _floats([text for texts in rows for text in texts[:used]]).reshape(-1, used)
    valid = np.abs(values) < _LIMIT
    if not valid.all():
        row, column = np.argwhere(~valid)[0]
        raise LineError(int(row), f"{quoted(rows[row][column])} is not a coordinate")
    return values


def _floats(texts: Sequence[bytes]) -> Float32[np.ndarray, " n"]:
    """Return the numbers, NaN for a text that is not a number."""
    try:
        values = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        values = np.array([_float_or_nan(text) for text in texts])
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _float_or_nan(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def quoted(text: bytes) -> str:
    """Return a text for messages, short and on one line."""
    return repr(text[:20].decode("ascii", "replace"))
