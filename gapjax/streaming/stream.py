"""The streams of all clients: who has frames to recognize, and who watches whom."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from jaxtyping import Float32

from gapjax.streaming.outbox import Outbox
from gapjax.streaming.recognizer import ClassList
from gapjax.streaming.window import Window

# A window waits no longer for further frames, in seconds: slow cameras have few, and clips end.
LONGEST_WAIT = 0.5


@dataclass(eq=False)
class Stream:
    """The frames of one client.

    Attributes:
        number: from 1.
        outbox: what waits to be sent to the client.
        window: the client's last frames.
        classes: what they are recognized as.
        time: what the client called the time of its last frame.
        anew: whether the same frames are to be recognized again, as other classes.
        watchers: the clients that watch this stream.
        watched: the number of the stream that the client watches; 0 for none.
        wanted: classes that were asked for and are not ready, and who asked; None for none.
        told: how many of the dropped frames the client was told of.
        taken: when the window was taken last, by `time.monotonic`.
        epoch: how often frames were cleared or classes changed; results of before are not told.
    """

    number: int
    outbox: Outbox
    window: Window
    classes: ClassList
    time: float | None = None
    anew: bool = False
    watchers: set[Outbox] = field(default_factory=set)
    watched: int = 0
    wanted: "tuple[str, Stream] | None" = None
    told: int = 0
    taken: float = field(default_factory=monotonic)
    epoch: int = 0

    def is_due(self, every: int) -> bool:
        """Return whether there is something new to recognize: frames, or classes."""
        fresh = self.window.fresh
        late = fresh > 0 and monotonic() > self.taken + LONGEST_WAIT
        return self.window.held > 0 and (fresh >= every or late or self.anew)

    def take(self) -> Float32[np.ndarray, "t m v c"]:
        """Return the window; nothing in it is new then."""
        self.taken, self.anew = monotonic(), False
        return self.window.take()

    def clear(self) -> None:
        """Forget all frames, and what is being found in them."""
        self.window.clear()
        self.taken, self.epoch = monotonic(), self.epoch + 1

    def renew(self, classes: ClassList) -> None:
        """Take other classes, also for the frames that are there."""
        self.classes, self.anew, self.epoch = classes, True, self.epoch + 1

    def newly_dropped(self) -> int:
        """Return how many frames were dropped since this was asked last."""
        count = self.window.dropped - self.told
        self.told = self.window.dropped
        return count

    def outboxes(self) -> Iterator[Outbox]:
        """Yield the outboxes of the client and of all who watch it."""
        yield self.outbox
        yield from self.watchers


class Streams:
    """All streams, in the order in which they are recognized next."""

    def __init__(self) -> None:
        """Have none."""
        self._by_number: dict[int, Stream] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._by_number.values())

    def add(self, window: Window, classes: ClassList) -> Stream:
        """Return a new stream."""
        self._count += 1
        stream = Stream(self._count, Outbox(), window, classes)
        self._by_number[stream.number] = stream
        return stream

    def get(self, number: int) -> Stream | None:
        """Return the stream of a number, if there is one."""
        return self._by_number.get(number)

    def remove(self, stream: Stream) -> None:
        """Forget a stream."""
        del self._by_number[stream.number]
        self.watch(stream, 0)

    def watch(self, stream: Stream, number: int) -> None:
        """Let a stream's client watch another one; 0 for none."""
        before, after = self.get(stream.watched), self.get(number)
        if before is not None:
            before.watchers.discard(stream.outbox)
        if after is not None and after is not stream:
            after.watchers.add(stream.outbox)
        stream.watched = number if after is not None else 0

    def next(self, every: int, most: int) -> list[Stream]:
        """Return streams that are due, those that have waited longest first.

        All have the classes of the first, so that they are recognized together.

        Args:
            every: how many new frames are enough.
            most: how many streams are returned at most.
        """
        due = [stream for stream in self if stream.is_due(every)]
        chosen = [stream for stream in due if stream.classes is due[0].classes][:most]
        for stream in chosen:
            # To the end of the line.
            self._by_number[stream.number] = self._by_number.pop(stream.number)
        return chosen
