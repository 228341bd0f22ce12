"""Many decimal numbers of a text at once, exactly as `float` reads them.

A number of at most three digits before its point and twelve after it is an integer below 10^15,
which float64 holds exactly, over 10^12, which it holds, too: so one division, which IEEE 754 rounds
correctly, gives what `float` gives. Other numbers are left to `float`, one by one.

The digits of such a number lie in 16 bytes, two machine words: three digits, the point and four
digits; eight digits. A word's digits are added up in three steps of one multiplication each: pairs
of neighbours, pairs of pairs, halves.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8, UInt64

from data_pipelines.raw.marks import Marks, zeros_below

_BEFORE, _AFTER = 3, 12
_LONGEST = 1 + _BEFORE + 1 + _AFTER
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


@dataclass(frozen=True, eq=False)
class _Text:
    """A text as what its numbers are read from.

    Attributes:
        text: its bytes.
        words: the same in words of eight bytes, one word after its beginning.
        others: marks on what is no digit.
    """

    text: UInt8[np.ndarray, " f"]
    words: UInt64[np.ndarray, " n"]
    others: Marks


def decimals(
    text: UInt8[np.ndarray, " f"], start: Int64[np.ndarray, " n"], stop: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return the numbers at the places `start` to `stop` of a text, nan where there is none."""
    words = np.zeros(len(text) // 8 + 6, "<u8")
    words.view(np.uint8)[8 : 8 + len(text)] = text
    source = _Text(words.view(np.uint8)[8:], words, Marks.of(text - np.uint8(_ZERO) > 9))
    values = np.empty(len(start))
    for first in range(0, len(start), _BATCH):
        rows = slice(first, first + _BATCH)
        known, values[rows] = _plain(source, start[rows], stop[rows])
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
    source: _Text, start: Int64[np.ndarray, " n"], stop: Int64[np.ndarray, " n"]
) -> tuple[Bool[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Return which numbers are of the plain form (sign, digits, point, digits), and their values.

    Of the others, the values mean nothing.
    """
    length = np.minimum(stop - start, _LONGEST + 1).astype(np.uint8)
    sign = source.text[start]
    negative = sign == _MINUS
    signed = negative | (sign == _PLUS)
    # What is no digit must be the sign and the point.
    others = source.others.windows(start) & _WITHIN[length]
    others &= ~signed.astype(np.uint64)
    point = zeros_below(others)
    before, after = point - signed, length - point - np.uint8(1)
    place = start + np.minimum(point, _LONGEST)
    known = (others != 0) & (others & (others - _ONE) == 0) & (source.text[place] == _POINT)
    known &= (before <= _BEFORE) & (after <= _AFTER) & (length > signed + np.uint8(1))
    form = (before << 4 | after) * known
    values = _total(*_words(source.words, place + (8 - _BEFORE)), form)
    return known, np.where(negative, -values, values)


def _words(
    words: UInt64[np.ndarray, " f"], place: Int64[np.ndarray, " n"]
) -> tuple[UInt64[np.ndarray, " n"], UInt64[np.ndarray, " n"]]:
    """Return the two words that begin at each place, in bytes."""
    word, bit = place >> 3, ((place & 7) << 3).view(np.uint64)
    first, second, third = words[word], words[word + 1], words[word + 2]
    rest, eight = np.uint64(56) - bit, np.uint64(8)
    return first >> bit | second << eight << rest, second >> bit | third << eight << rest


def _total(
    first: UInt64[np.ndarray, " n"], second: UInt64[np.ndarray, " n"], form: UInt8[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return the numbers whose digits are in two words; the form tells which bytes are digits."""
    halves = []
    for words, kept, half in zip((first, second), _KEPT, _HALVES, strict=True):
        words &= kept[form]
        for times, places, keep in _STEPS:
            words *= times
            words >>= places
            words &= keep
        words *= half
        words >>= _HALF
        halves.append(words.view(np.int64))
    return (halves[0] * 1e8 + halves[1]) / 1e12
