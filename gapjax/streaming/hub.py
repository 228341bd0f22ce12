"""Between clients and the recognizer: what comes in, what is recognized when, what goes out.

Windows are recognized by one thread, one batch after another; a stream whose frames come faster
has its next turn with the frames it has by then. Classes are embedded and compiled by another
thread, and take effect when they are ready.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Float32

from data_pipelines.errors import CommandError
from gapjax.streaming import greeting, messages
from gapjax.streaming.recognizer import BATCH, ClassList, Recognized, Recognizer
from gapjax.streaming.stream import Stream, Streams
from gapjax.streaming.window import Window


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
                stream.window.clear()
                stream.taken = time.monotonic()
            case messages.Watch(stream=number):
                self._watch(stream, number)

    def _push(self, stream: Stream, frame: messages.Frame) -> None:
        stream.window.push(frame.joints)
        stream.time = frame.time
        if stream.window.received == 1:
            self._tell_streams()
        if stream.watchers:
            shown = _json({"frame": frame.joints.round(4).tolist(), "of": stream.number})
            for outbox in stream.watchers:
                outbox.put(shown)
        if stream.is_due(self._every):
            self._due.set()

    def _watch(self, stream: Stream, number: int) -> None:
        self.streams.watch(stream, number)
        watched = self.streams.get(number)
        if watched is not None:
            stream.outbox.put(_told_classes(watched))
        elif number:
            stream.outbox.put(_json({"error": f"there is no stream {number} any more"}))

    def _want(self, stream: Stream, names: str, asking: Stream) -> None:
        """Prepare classes for a stream; of several requests, the last one counts."""
        idle, stream.wanted = stream.wanted is None, names
        if idle:
            task = asyncio.get_running_loop().create_task(self._prepare(stream, asking))
            self._preparing.add(task)
            task.add_done_callback(self._preparing.discard)

    async def _prepare(self, stream: Stream, asking: Stream) -> None:
        loop = asyncio.get_running_loop()
        while (names := stream.wanted) is not None:
            text = names if names.strip() else None
            try:
                classes = await loop.run_in_executor(self._text, self._recognizer.classes, text)
            except CommandError as error:
                asking.outbox.put(_json({"error": str(error)}))
            else:
                stream.classes, stream.anew = classes if text else self._classes, True
                for outbox in stream.outboxes():
                    outbox.put(_told_classes(stream))
                self._due.set()
            finally:
                if stream.wanted is names:
                    stream.wanted = None

    async def run(self) -> None:
        """Recognize windows as they are due, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._due.wait()
            self._due.clear()
            while batch := self.streams.next(self._every, BATCH):
                windows = [(stream.take(), stream.time) for stream in batch]
                classes, frames = batch[0].classes, [window for window, _ in windows]
                started = time.perf_counter()
                found = await loop.run_in_executor(
                    self._recognition, self._recognize, frames, classes
                )
                milliseconds = 1000 * (time.perf_counter() - started)
                for stream, (_, moment), each in zip(batch, windows, found, strict=True):
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
        unlike = self._recognizer.unlike(clip)
        return {"recognized": best, "lowest": found.lowest, "unlike": unlike}

    def _tell(self, stream: Stream, what: Mapping[str, Any]) -> None:
        window = stream.window
        counts = {"received": window.received, "dropped": window.dropped, "of": stream.number}
        told = _json({**what, **counts})
        for outbox in stream.outboxes():
            outbox.put(told)
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


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"))
