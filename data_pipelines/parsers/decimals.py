"""Many decimal numbers of a text at once, exactly as `float` reads them.

A number of at most three digits before its point and twelve after it is an integer below 10^15,
which float64 holds exactly, over 10^12, which it holds, too: so one division, which IEEE 754 rounds
correctly, gives what `float` gives. Other numbers are left to `float`, one by one.

The digits of such a number lie in 16 bytes, two machine words: three digits, the point and four
digits; eight digits. A word's digits are added up in three steps of one multiplication each: pairs
of neighbours, pairs of pairs, halves.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8, UInt64

from data_pipelines.parsers.marks import Marks, zeros_below

_BEFORE, _AFTER = 3, 12
_BYTES = _BEFORE + 1 + _AFTER
_LONGEST = 1 + _BYTES
_MINUS, _PLUS, _POINT, _ZERO = b"-+.0"
_ONE = np.uint64(1)
# The marks of so many bytes, all of them.
_WITHIN = (_ONE << np.arange(_LONGEST + 2, dtype=np.uint64)) - _ONE
# Multiplier, places to shift and what to keep, of the first two steps.
_STEPS = (
    (np.uint64(10 << 8 | 1), np.uint64(8), np.uint64(0x00FF00FF00FF00FF)),
    (np.uint64(100 << 16 | 1), np.uint64(16), np.uint64(0x0000FFFF0000FFFF)),
)
# The third step: the point is a digit 0, so that the half before it is ten times its digits.
_HALVES = np.uint64(1000 << 32 | 1), np.uint64(10000 << 32 | 1)
_HALF = np.uint64(32)
# What positive and negative numbers are divided by.
_SCALE = np.array([1e12, -1e12])

# Numbers that are read at once: what they need fits the processor's cache.
_BATCH = 8192


def _masks() -> UInt64[np.ndarray, "2 f"]:
    """Return what to keep of the two words for 16 x the digits before the point + those after."""
    masks = np.zeros((4, 16, 16), np.uint8)
    for before in range(_BEFORE + 1):
        for after in range(_AFTER + 1):
            digits = masks[before, after]
            digits[_BEFORE - before : _BEFORE] = 15
            digits[_BEFORE + 1 : _BEFORE + 1 + after] = 15
    return np.ascontiguousarray(masks.view("<u8").reshape(-1, 2).T)


_KEPT = _masks()


def decimals(
    content: bytes, start: Int64[np.ndarray, " n"], stop: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return the numbers at the places `start` to `stop` of a text, nan where there is none."""
    content = content.ljust(_BYTES)
    others = Marks.of(np.frombuffer(content, np.uint8), _no_digit)
    values = np.empty(len(start))
    for first in range(0, len(start), _BATCH):
        rows = slice(first, first + _BATCH)
        known, values[rows] = _plain(content, others, start[rows], stop[rows])
        for row in first + np.flatnonzero(~known):
            values[row] = number(content[start[row] : stop[row]])
    return values


def _no_digit(text: UInt8[np.ndarray, " f"]) -> Bool[np.ndarray, " f"]:
    """Return which bytes are no digits."""
    return text - np.uint8(_ZERO) > 9


def number(text: bytes) -> float:
    """Return the number that a text is, nan where it is none."""
    try:
        return float(text)
    except ValueError:
        return np.nan


def _plain(
    content: bytes, others: Marks, start: Int64[np.ndarray, " n"], stop: Int64[np.ndarray, " n"]
) -> tuple[Bool[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Return which numbers are of the plain form (sign, digits, point, digits), and their values.

    Those at the very beginning and end of the text do not count. Other values mean nothing.

    Args:
        content: the text.
        others: marks on what is no digit in it.
        start: where each number begins.
        stop: where each number ends.
    """
    text = np.frombuffer(content, np.uint8)
    length = np.minimum(stop - start, _LONGEST + 1).astype(np.uint8)
    sign = text.take(start, mode="clip")
    negative = sign == _MINUS
    signed = negative | (sign == _PLUS)
    # What is no digit must be the sign and the point.
    marks = others.windows(start) & _WITHIN.take(length)
    marks &= ~signed.astype(np.uint64)
    point = zeros_below(marks)
    before, after = point - signed, length - point - np.uint8(1)
    place = start + point
    known = (marks != 0) & (marks & (marks - _ONE) == 0)
    known &= text.take(place, mode="clip") == _POINT
    known &= (before <= _BEFORE) & (after <= _AFTER) & (length > signed + np.uint8(1))
    place -= _BEFORE
    known &= (place >= 0) & (place <= len(text) - _BYTES)
    place[~known] = 0
    values = _total(_windows(content, place), (before << 4 | after) * known)
    return known, values / _SCALE.take(negative.view(np.uint8))


def _windows(content: bytes, place: Int64[np.ndarray, " n"]) -> UInt64[np.ndarray, "n 2"]:
    """Return the words that begin at each place of a text, which is long enough for one."""
    every = np.ndarray(len(content) - _BYTES + 1, f"V{_BYTES}", content, strides=(1,))
    return every[place].view("<u8").reshape(-1, 2)


def _total(
    words: UInt64[np.ndarray, "n 2"], form: UInt8[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return 10^12 x the numbers whose digits are in words; `form` tells which bytes are digits."""
    sums = []
    for word, kept, halves in zip(words.T, _KEPT, _HALVES, strict=True):
        digits = word & kept.take(form)
        for times, places, keep in _STEPS:
            digits *= times
            digits >>= places
            digits &= keep
        digits *= halves
        digits >>= _HALF
        sums.append(digits.view(np.int64))
    return sums[0] * 1e8 + sums[1]
