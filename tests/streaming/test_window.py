"""The ring buffer against a list of all frames, what is dropped, and whose turn it is."""

import asyncio
import math

import numpy as np
import pytest

from gapjax.streaming import stream as stream_module
from gapjax.streaming.outbox import Outbox
from gapjax.streaming.recognizer import ClassList
from gapjax.streaming.stream import Stream, Streams
from gapjax.streaming.window import Window

SHAPE = (2, 3, 4)
CLASSES = ClassList(("wave", "bow"), {})


def frame(number: int, persons: int = 2) -> np.ndarray:
    return np.full((persons, *SHAPE[1:]), number, np.float32)


def test_a_window_has_the_last_frames() -> None:
    window, sent = Window(5, SHAPE), []
    draw = np.random.default_rng(0)
    for number in range(1, 40):
        persons = int(draw.integers(0, 3))
        window.push(frame(number, persons))
        sent.append(np.concatenate([frame(number, persons), frame(0, 2 - persons)]))
        assert (window.held, window.received) == (min(number, 5), number)
        if draw.random() < 0.3:
            np.testing.assert_array_equal(window.take(), np.stack(sent[-5:]))
            assert window.fresh == 0


def test_what_was_taken_does_not_change() -> None:
    window = Window(3, SHAPE)
    window.push(frame(1))
    taken = window.take()
    window.push(frame(2))
    assert taken.tolist() == frame(1)[None].tolist()


def test_frames_that_nobody_took_are_dropped() -> None:
    window = Window(5, SHAPE)
    for number in range(12):
        window.push(frame(number))
    assert (window.dropped, window.fresh) == (7, 12)
    window.take()
    for number in range(5):
        window.push(frame(number))
    assert window.dropped == 7
    window.clear()
    assert (window.held, window.fresh, window.received) == (0, 0, 17)
    window.push(frame(9))
    assert window.take().tolist() == frame(9)[None].tolist()


def added(streams: Streams, frames: int, classes: ClassList = CLASSES) -> Stream:
    """Return a new stream with some frames."""
    stream = streams.add(Window(5, SHAPE), classes)
    for number in range(frames):
        stream.window.push(frame(number))
    return stream


def test_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits longest comes first; those of the same classes come along."""
    monkeypatch.setattr(stream_module, "LONGEST_WAIT", math.inf)
    streams, other = Streams(), ClassList(("kick",), {})
    first, few, second, third = (
        added(streams, 3),
        added(streams, 1),
        added(streams, 3, other),
        None,
    )
    third = added(streams, 4)
    assert streams.next(every=3, most=8) == [first, third]
    assert streams.next(every=3, most=1) == [second]
    # Nothing was taken: they are due again, behind the others.
    few.anew = True
    assert streams.next(every=3, most=1) == [few]
    assert streams.next(every=3, most=1) == [first]
    for stream in streams:
        stream.take()
    assert streams.next(every=3, most=8) == []
    # Nothing is recognized again without anything new, but for other classes.
    first.anew = True
    assert streams.next(every=3, most=8) == [first]
    first.window.clear()
    assert streams.next(every=3, most=8) == []


def test_slow_frames_do_not_wait() -> None:
    stream = added(Streams(), 0)
    stream.taken -= 1
    assert not stream.is_due(every=3)
    stream.window.push(frame(1))
    assert stream.is_due(every=3)
    assert len(stream.take()) == 1
    stream.window.push(frame(2))
    assert not stream.is_due(every=3)


def test_watching() -> None:
    streams = Streams()
    watcher, watched = added(streams, 0), added(streams, 3)
    streams.watch(watcher, watched.number)
    assert [*watched.outboxes()] == [watched.outbox, watcher.outbox]
    streams.watch(watcher, watcher.number)
    assert [*watched.outboxes()] == [watched.outbox]
    assert [*watcher.outboxes()] == [watcher.outbox]
    streams.watch(watcher, watched.number)
    streams.remove(watcher)
    assert (not watched.watchers, len(streams), streams.get(watcher.number)) == (True, 1, None)


def test_dropped_frames_are_told_once() -> None:
    stream = added(Streams(), 12)
    assert (stream.newly_dropped(), stream.newly_dropped()) == (7, 0)


@pytest.mark.parametrize("count", [2, 7])
def test_an_outbox_drops_its_oldest(count: int) -> None:
    async def read() -> list[str]:
        outbox = Outbox(most=3)
        for number in range(count):
            outbox.put(str(number))
        kept = [await outbox.get() for _ in range(min(count, 3))]
        late = asyncio.create_task(outbox.get())
        await asyncio.sleep(0)
        outbox.put("late")
        return [*kept, await late]

    assert asyncio.run(read()) == [*map(str, range(max(0, count - 3), count)), "late"]


def test_an_outbox_drops_what_passes_first() -> None:
    async def read() -> list[str]:
        outbox = Outbox(most=3)
        for text in ("hello", "frame 1", "classes", "frame 2", "frame 3", "streams", "error"):
            outbox.put(text, passes=text.startswith("frame"))
        return [await outbox.get() for _ in range(3)]

    assert asyncio.run(read()) == ["classes", "streams", "error"]


def test_who_is_gone_is_not_watched() -> None:
    streams = Streams()
    watcher = added(streams, 0)
    streams.watch(watcher, 2)
    assert watcher.watched == 0
