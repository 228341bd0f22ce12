"""Lines of numbers, as the text formats of skeletons have them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

# No coordinate is as large, in meters: what is computed with the others cannot overflow.
_FARTHEST = 1e6


class LineError(ValueError):
    """A line that is not what it should be.

    Attributes:
        row: which of the lines, counted from 0.
        reason: what is wrong with it.
    """

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(f"line {row + 1}: {reason}")
        self.row, self.reason = row, reason


def table(lines: Sequence[bytes], fields: int, used: int) -> Float32[np.ndarray, "n c"]:
    """Return the first `used` of the `fields` numbers that every line has, between white space.

    The other fields of a line may be anything.

    Raises:
        LineError: a line has another number of fields, or one that is used is not a number, or is
            a thousand kilometers or more.
    """
    rows = [line.split() for line in lines]
    for row, texts in enumerate(rows):
        if len(texts) != fields:
            raise LineError(row, f"has {len(texts)} numbers, not {fields}")
    values = _floats([text for texts in rows for text in texts[:used]]).reshape(-1, used)
    near = np.abs(values) < _FARTHEST
    if not near.all():
        row, column = np.argwhere(~near)[0]
        raise LineError(int(row), f"{quoted(rows[row][column])} is not a coordinate")
    return values


def _floats(texts: Sequence[bytes]) -> Float32[np.ndarray, " n"]:
    """Return the numbers, NaN where a text is not one."""
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
    """Return a text as messages show it: short and in one line."""
    return repr(text[:20].decode("ascii", "replace"))
