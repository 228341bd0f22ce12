"""Many decimal numbers of a text at once, exactly as `float` reads them.

A number of at most three digits before its point and twelve after it is an integer below 10^15,
which float64 holds exactly, over 10^12, which it holds, too: so one division, which IEEE 754 rounds
correctly, gives what `float` gives. Other numbers are left to `float`, one by one.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

_BEFORE, _AFTER = 3, 12
_WIDTH = _BEFORE + 1 + _AFTER
# A digit's worth by its place in a window in which the point is at _BEFORE.
_WORTH = np.array([*(10.0 ** np.arange(14, 11, -1)), 0.0, *(10.0 ** np.arange(11, -1, -1))])
_PLACE = np.arange(-_BEFORE, _AFTER + 1, dtype=np.int8)
_MINUS, _PLUS, _POINT, _ZERO = b"-+.0"

# Numbers that are read at once: what they need fits the processor's cache.
_BATCH = 8192


def decimals(
    text: UInt8[np.ndarray, " f"], start: Int64[np.ndarray, " n"], stop: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return the numbers at the places `start` to `stop` of a text, nan where there is none."""
    padded = np.pad(text, (_BEFORE + 1, _WIDTH))
    values = np.empty(len(start))
    for first in range(0, len(start), _BATCH):
        rows = slice(first, first + _BATCH)
        known, values[rows] = _plain(padded, start[rows] + _BEFORE + 1, stop[rows] + _BEFORE + 1)
        for row in first + np.flatnonzero(~known):
            values[row] = number(text[start[row] : stop[row]].tobytes())
    return values


def number(text: bytes) -> float:
    """Return the number that a text is, nan where it is none."""
    try:
        return float(text)
    except ValueError:
        return np.nan


def _plain(
    text: UInt8[np.ndarray, " f"], start: Int64[np.ndarray, " n"], stop: Int64[np.ndarray, " n"]
) -> tuple[Bool[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Return which numbers are of the plain form (sign, digits, point, digits), and their values.

    Before and after the places there must be _BEFORE + 1 and _WIDTH further ones.
    """
    windows = np.lib.stride_tricks.sliding_window_view(text, _WIDTH)
    sign = text[start]
    start = start + ((sign == _MINUS) | (sign == _PLUS))
    point = start + 1
    # Most numbers of skeletons have one digit before the point.
    others = np.flatnonzero(text[point] != _POINT)
    point[others] = start[others] + (windows[start[others], : _BEFORE + 1] == _POINT).argmax(1)
    digits = windows[point - _BEFORE] - np.uint8(_ZERO)
    before, after = (point - start).astype(np.int8), np.minimum(stop - point, 99).astype(np.int8)
    digits *= (-before[:, None] <= _PLACE) & (after[:, None] > _PLACE)
    digits[:, _BEFORE] = 0
    # A number's 16 places are two machine words.
    strange = (digits > 9).view(np.uint64)
    known = (strange[:, 0] | strange[:, 1] == 0) & (text[point] == _POINT)
    known &= (after > 0) & (after <= _AFTER + 1) & (stop - start > 1)
    values = digits.astype(np.float64) @ _WORTH / 1e12
    return known, np.where(sign == _MINUS, -values, values)
