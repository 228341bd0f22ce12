"""Marked bytes of a text, one bit each, to be counted and looked up 64 at a time."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64

_ONE, _LAST = np.uint64(1), np.uint64(63)


@dataclass(frozen=True, eq=False)
class Marks:
    """Which bytes of a text are marked.

    Attributes:
        words: the marks of 64 bytes each, the first of them in the lowest bit; two words more than
            the text needs.
    """

    words: UInt64[np.ndarray, " n"]

    @classmethod
    def of(cls, marked: Bool[np.ndarray, " f"]) -> "Marks":
        """Return the marks that a mask of a text's bytes tells."""
        packed = np.packbits(marked, bitorder="little")
        words = np.zeros(len(marked) // 64 + 2, "<u8")
        words.view(np.uint8)[: len(packed)] = packed
        return cls(words)

    def starts(self) -> "Marks":
        """Return marks on the first byte of every run that is not marked."""
        follows = self.words << _ONE
        follows[0] |= _ONE
        follows[1:] |= self.words[:-1] >> _LAST
        return Marks(follows & ~self.words)

    def windows(self, place: Int64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
        """Return the marks of the 64 bytes from each place on, the first in the lowest bit."""
        word, bit = place >> 6, (place & 63).view(np.uint64)
        return self.words[word] >> bit | self.words[word + 1] << _ONE << (bit ^ _LAST)

    def before(self, place: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """Return how many marks there are before each place."""
        word, bit = place >> 6, (place & 63).view(np.uint64)
        total = np.zeros(len(self.words) + 1, np.int64)
        np.cumsum(np.bitwise_count(self.words), out=total[1:])
        return total[word] + np.bitwise_count(self.words[word] & ((_ONE << bit) - _ONE))


def zeros_below(words: UInt64[np.ndarray, " n"]) -> UInt8[np.ndarray, " n"]:
    """Return how many zeros there are below the lowest bit that is set, 64 where none is."""
    return np.bitwise_count(~words & (words - _ONE))
