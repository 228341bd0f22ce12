"""Between clients and the recognizer: what comes in, what is recognized when, what goes out.

Windows are recognized by one thread, one batch after another; a stream whose frames come faster
has its next turn with the frames it has by then. Classes are embedded and compiled by another
thread, and take effect when they are ready.
"""

import asyncio
import itertools
import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Float32

from data_pipelines.errors import CommandError
from gapjax.streaming import greeting, messages
from gapjax.streaming import stream as waiting
from gapjax.streaming.recognizer import BATCH, ClassList, Recognized, Recognizer
from gapjax.streaming.stream import Stream, Streams
from gapjax.streaming.window import Window

# Seconds after the longest wait at which a window is late by every clock.
MARGIN = 0.01


class Hub:
    """All clients of one recognizer. Its methods run in the event loop.

    Attributes:
        limits: the shape of a frame.
        streams: the clients' streams.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        classes: ClassList,
        site: Mapping[str, Any],
        window: int,
        every: int,
    ) -> None:
        """Take a recognizer.

        Args:
            recognizer: what recognizes windows.
            classes: what new streams are recognized as.
            site: what clients are told of the page's site.
            window: the frames of a window.
            every: how many new frames a window has when it is recognized again.
        """
        self.limits, self.streams = greeting.limits(recognizer.bundle), Streams()
        self._recognizer, self._classes = recognizer, classes
        self._window, self._every = window, every
        self._greeting = {**greeting.greeting(recognizer, window, every), **site}
        self._due = asyncio.Event()
        self._recognition, self._text = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._preparing: set[asyncio.Task[None]] = set()

    def open(self) -> Stream:
        """Return the stream of a new client, which is greeted."""
        window = Window(self._window, self.limits.shape)
        stream = self.streams.add(window, self._classes)
        stream.outbox.put(_json({"hello": {"stream": stream.number, **self._greeting}}))
        stream.outbox.put(_told_classes(stream))
        self._tell_streams()
        return stream

    def close(self, stream: Stream) -> None:
        """Forget the stream of a client that has gone."""
        self.streams.remove(stream)
        self._tell_streams()

    def receive(self, stream: Stream, text: str | bytes) -> None:
        """Take a message of a client; a bad one is answered with one line."""
        try:
            message = messages.parse(text, self.limits)
        except CommandError as error:
            stream.outbox.put(_json({"error": str(error)}))
            return
        match message:
            case messages.Frame():
                self._push(stream, message)
            case messages.Classes(text=names):
                self._want(self.streams.get(stream.watched) or stream, names, stream)
            case messages.Clear():
                stream.clear()
            case messages.Watch(stream=number):
                self._watch(stream, number)

    def _push(self, stream: Stream, frame: messages.Frame) -> None:
        stream.window.push(frame.joints)
        stream.time = frame.time
        if stream.window.fresh == 1:
            # Frames may end here: then these few are recognized, too.
            wait = waiting.LONGEST_WAIT + MARGIN
            asyncio.get_running_loop().call_later(wait, self._due.set)
        if stream.window.received == 1:
            self._tell_streams()
        if stream.watchers:
            # Rounded float32 has 17 digits.
            joints = frame.joints.astype(float).round(4).tolist()
            shown = _json({"frame": joints, "of": stream.number})
            for outbox in stream.watchers:
                outbox.put(shown, passes=True)
        if stream.is_due(self._every):
            self._due.set()

    def _watch(self, stream: Stream, number: int) -> None:
        self.streams.watch(stream, number)
        watched = self.streams.get(number)
        stream.outbox.put(_told_classes(watched or stream))
        if watched is None and number:
            stream.outbox.put(_json({"error": f"there is no stream {number} any more"}))

    def _want(self, stream: Stream, names: str, asking: Stream) -> None:
        """Prepare classes for a stream; of several requests, the last one counts."""
        idle, stream.wanted = stream.wanted is None, (names, asking)
        if idle:
            task = asyncio.get_running_loop().create_task(self._prepare(stream))
            self._preparing.add(task)
            task.add_done_callback(self._preparing.discard)

    async def _prepare(self, stream: Stream) -> None:
        while (wanted := stream.wanted) is not None:
            names, asking = wanted
            try:
                classes = await self._classes_of(names)
            except CommandError as error:
                asking.outbox.put(_json({"error": str(error)}))
            except Exception as error:  # one client's classes are nobody else's trouble
                asking.outbox.put(_json({"error": _failed("these classes", error)}))
            else:
                stream.renew(classes)
                for outbox in stream.outboxes():
                    outbox.put(_told_classes(stream))
                self._due.set()
            finally:
                if stream.wanted is wanted:
                    stream.wanted = None

    async def _classes_of(self, names: str) -> ClassList:
        """Return the classes of a text; of an empty one, those of the start."""
        if not names.strip():
            return self._classes
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._text, self._recognizer.classes, names)

    async def run(self) -> None:
        """Recognize windows as they are due, until cancelled."""
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                while batch := self.streams.next(self._every, BATCH):
                    await self._turn(batch)
        finally:
            for executor in (self._recognition, self._text):
                executor.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, batch: Sequence[Stream]) -> None:
        """Recognize the windows of streams, and tell those that have not begun anew since."""
        turns = [(stream.take(), stream.epoch, stream.time) for stream in batch]
        frames, classes = [window for window, _, _ in turns], batch[0].classes
        started, loop = time.perf_counter(), asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._recognition, self._recognize, frames, classes)
        except Exception as error:  # one batch that fails ends nothing
            found = [{"error": _failed("these frames", error)}] * len(batch)
        milliseconds = 1000 * (time.perf_counter() - started)
        for stream, (_, epoch, moment), each in zip(batch, turns, found, strict=True):
            if stream.epoch == epoch:
                self._tell(stream, each | {"time": moment, "milliseconds": milliseconds})

    def _recognize(
        self, windows: Sequence[Float32[np.ndarray, "_ m v c"]], classes: ClassList
    ) -> list[dict[str, Any]]:
        """Return what is told of windows, by the thread of recognition."""
        clips = [self._recognizer.clip(window) for window in windows]
        seen = [clip for clip in clips if clip is not None]
        found = iter(self._recognizer.recognize(seen, classes) if seen else ())
        return [
            {"frames": len(window)}
            | (_nobody() if clip is None else self._found(next(found), clip))
            for window, clip in zip(windows, clips, strict=True)
        ]

    def _found(self, found: Recognized, clip: Float32[np.ndarray, "m t v c"]) -> dict[str, Any]:
        best = [
            {"name": name, "score": score} | ({"parts": found.parts[row]} if found.parts else {})
            for row, (name, score) in enumerate(zip(found.names, found.scores, strict=True))
        ]
        numbers = [found.lowest, *found.scores, *itertools.chain(*found.parts)]
        if not all(map(math.isfinite, numbers)):
            return {"error": "the scores of these frames are not finite"}
        unlike = self._recognizer.unlike(clip)
        return {"recognized": best, "lowest": found.lowest, "unlike": unlike}

    def _tell(self, stream: Stream, what: Mapping[str, Any]) -> None:
        window = stream.window
        counts = {"received": window.received, "dropped": window.dropped, "of": stream.number}
        told = _json({**what, **counts})
        for outbox in stream.outboxes():
            outbox.put(told, passes=True)
        dropped = stream.newly_dropped()
        if dropped:
            line = f"{dropped} frames came faster than they could be recognized, and were dropped"
            stream.outbox.put(_json({"warning": line}))

    def _tell_streams(self) -> None:
        numbers = [stream.number for stream in self.streams if stream.window.received]
        for stream in self.streams:
            stream.outbox.put(_json({"streams": sorted(numbers)}))


def _told_classes(stream: Stream) -> str:
    classes = stream.classes
    return _json({"classes": classes.names, "notes": classes.notes, "of": stream.number})


def _nobody() -> dict[str, Any]:
    return {"recognized": [], "lowest": 0.0, "unlike": []}


def _failed(what: str, error: Exception) -> str:
    """Return the line of a failure that nobody foresaw, and log where it was."""
    logging.getLogger(__name__).error("%s could not be recognized", what, exc_info=error)
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{what} could not be recognized; the server's log has more: {reason}"


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"), allow_nan=False)
