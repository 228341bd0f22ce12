"""The last frames of a stream: a ring buffer that knows what was looked at and what was dropped."""

import numpy as np
from jaxtyping import Float32


class Window:
    """The last frames of a stream.

    A frame is written once, into a buffer that is allocated once. Frames that leave the window
    before anybody has taken it are dropped: they came faster than they could be recognized.

    Attributes:
        received: how many frames have come in all.
        dropped: how many of them left the window before it was taken.
    """

    def __init__(self, frames: int, shape: tuple[int, int, int]) -> None:
        """Allocate a window.

        Args:
            frames: how many frames it has at most.
            shape: (persons, joints, coordinates) of a frame.
        """
        # Twice: the last frames always lie in one piece.
        self._ring = np.zeros((2 * frames, *shape), np.float32)
        self._length, self._held, self._fresh, self._last = frames, 0, 0, -1
        self.received = self.dropped = 0

    @property
    def held(self) -> int:
        """Return how many frames the window has now."""
        return self._held

    @property
    def fresh(self) -> int:
        """Return how many frames have come since the window was taken last."""
        return self._fresh

    def push(self, frame: Float32[np.ndarray, "m v c"]) -> None:
        """Add a frame; fewer persons than the window has may be in it."""
        self._last = (self._last + 1) % self._length
        for place in (self._last, self._last + self._length):
            self._ring[place, : len(frame)] = frame
            self._ring[place, len(frame) :] = 0
        if self._fresh >= self._length:
            self.dropped += 1
        self.received += 1
        self._fresh += 1
        self._held = min(self._held + 1, self._length)

    def take(self) -> Float32[np.ndarray, "t m v c"]:
        """Return a copy of the frames, the oldest first; they count as looked at."""
        self._fresh = 0
        end = self._last + self._length + 1
        return self._ring[end - self._held : end].copy()

    def clear(self) -> None:
        """Forget all frames; the counts stay."""
        self._held = self._fresh = 0
