"""Marked bytes of a text, one bit each, to be counted and looked up 64 at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64

_ONE, _LAST = np.uint64(1), np.uint64(63)
# Bytes that are looked at at once: what is calculated of them stays in the processor's cache.
_BATCH = 1 << 16


@dataclass(frozen=True, eq=False)
class Marks:
    """Which bytes of a text are marked.

    Attributes:
        words: the marks of 64 bytes each, the first of them in the lowest bit; at least one word
            more than the text needs.
    """

    words: UInt64[np.ndarray, " n"]

    @classmethod
    def of(
        cls,
        text: UInt8[np.ndarray, " f"],
        marked: Callable[[UInt8[np.ndarray, " n"]], Bool[np.ndarray, " n"]],
    ) -> "Marks":
        """Return the marks of a text; a function tells which of some bytes are marked.

        What follows the text is marked.
        """
        words = np.full(len(text) // 64 + 2, ~np.uint64(0), "<u8")
        packed = words.view(np.uint8)
        for first in range(0, len(text), _BATCH):
            bits = np.packbits(marked(text[first : first + _BATCH]), bitorder="little")
            packed[first // 8 : first // 8 + len(bits)] = bits
        packed[len(text) // 8] |= 0xFF << len(text) % 8 & 0xFF
        return cls(words)

    def beginnings(self) -> "Marks":
        """Return marks on the first byte of every run that is not marked."""
        follows = self.words << _ONE
        follows[0] |= _ONE
        follows[1:] |= self.words[:-1] >> _LAST
        return Marks(follows & ~self.words)

    def windows(self, place: Int64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
        """Return the marks of the 64 bytes from each place on, the first in the lowest bit."""
        word, bit = place >> 6, (place & 63).view(np.uint64)
        low, high = self.words.take(word), self.words.take(word + 1)
        return low >> bit | high << _ONE << (bit ^ _LAST)

    def between(
        self, start: Int64[np.ndarray, " n"], stop: Int64[np.ndarray, " n"]
    ) -> Int64[np.ndarray, " n"]:
        """Return how many marks there are from each `start` to each `stop`."""
        counts = np.bitwise_count(self.words)
        total = np.cumsum(counts, dtype=np.int64) - counts
        first, last = (
            total.take(place >> 6) + np.bitwise_count(self.words.take(place >> 6) & _below(place))
            for place in (start, stop)
        )
        return last - first


def _below(place: Int64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Return what covers the marks of a word that are before each place."""
    return (_ONE << (place & 63).view(np.uint64)) - _ONE


def zeros_below(words: UInt64[np.ndarray, " n"]) -> UInt8[np.ndarray, " n"]:
    """Return how many zeros there are below the lowest bit that is set, 64 where none is."""
    return np.bitwise_count(~words & (words - _ONE))
