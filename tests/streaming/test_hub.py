"""The hub without sockets: what is told of frames that are gone, of failures, and of whom."""

import asyncio
import json
import logging
import math
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from gapjax.streaming import stream as stream_module
from gapjax.streaming.hub import Hub
from gapjax.streaming.recognizer import Recognizer
from gapjax.streaming.stream import Stream
from support import live_server
from support.live_server import SHAPE


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Recognizer:
    monkeypatch.setattr(stream_module, "LONGEST_WAIT", math.inf)
    return live_server.recognizer(monkeypatch)


def play(toy: Recognizer, script: Callable[[Hub], Awaitable[None]]) -> None:
    """Run a script beside a hub whose windows are recognized after 4 frames."""

    async def both() -> None:
        hub = Hub(toy, toy.classes(None), {}, window=8, every=4)
        running = asyncio.create_task(hub.run())
        try:
            await asyncio.wait_for(script(hub), 20)
        finally:
            running.cancel()

    asyncio.run(both())


def send(hub: Hub, stream: Stream, **message: Any) -> None:
    hub.receive(stream, json.dumps(message))


def frames(hub: Hub, stream: Stream, value: float, count: int = 4) -> None:
    for _ in range(count):
        send(hub, stream, frame=np.full(SHAPE[2:], value).tolist())


async def told(stream: Stream, key: str) -> Any:
    """Return what a key of the next message that has it says."""
    while key not in (message := json.loads(await stream.outbox.get())):
        pass
    return message[key]


@pytest.mark.parametrize("change", [{"clear": True}, {"classes": "jumping"}])
def test_what_is_found_too_late_is_not_told(
    toy: Recognizer, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """A result of frames that were cleared meanwhile, or of other classes."""
    begun, may, recognize = threading.Event(), threading.Event(), toy.recognize

    def slow(*given: Any) -> Any:
        begun.set()
        assert may.wait(20)
        return recognize(*given)

    monkeypatch.setattr(toy, "recognize", slow)

    async def script(hub: Hub) -> None:
        stream = hub.open()
        assert await told(stream, "classes") == live_server.LABELS
        frames(hub, stream, 4)
        await asyncio.to_thread(begun.wait, 20)
        send(hub, stream, **change)
        if "classes" in change:
            assert await told(stream, "classes") == ["jumping"]
        frames(hub, stream, 7)
        may.set()
        names = [each["name"] for each in await told(stream, "recognized")]
        assert names[0] == ("jumping" if "classes" in change else "kick it")

    play(toy, script)


def test_the_last_frames_are_recognized(toy: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No further frame comes after the fifth."""
    monkeypatch.setattr(stream_module, "LONGEST_WAIT", 0.05)

    async def script(hub: Hub) -> None:
        stream = hub.open()
        frames(hub, stream, 4)
        while await told(stream, "received") < 4:
            pass
        frames(hub, stream, 7, count=1)
        assert await told(stream, "received") == 5

    play(toy, script)


def test_a_failure_ends_nothing(
    toy: Recognizer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whose frames or classes fail is told so; the next ones are recognized."""

    def fail(*_: Any) -> Any:
        raise MemoryError("no room\nat all")

    async def script(hub: Hub) -> None:
        stream = hub.open()
        with monkeypatch.context() as patch:
            patch.setattr(toy, "recognize", fail)
            patch.setattr(toy, "classes", fail)
            frames(hub, stream, 4)
            line = await told(stream, "error")
            assert "these frames could not" in line
            assert line.endswith("MemoryError: no room at all")
            send(hub, stream, classes="jumping")
            assert "these classes could not" in await told(stream, "error")
        frames(hub, stream, 7)
        assert (await told(stream, "recognized"))[0]["name"] == "kick it"

    with caplog.at_level(logging.ERROR):
        play(toy, script)
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_scores_that_are_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON has no NaN, and browsers read none."""
    right = live_server.function

    def function(*given: Any) -> Any:
        return {key: rows * np.nan for key, rows in right(*given).items()}

    monkeypatch.setattr(live_server, "function", function)

    async def script(hub: Hub) -> None:
        stream = hub.open()
        frames(hub, stream, 4)
        assert "not finite" in await told(stream, "error")

    play(live_server.recognizer(monkeypatch), script)


def test_errors_reach_who_asked(toy: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher asks for classes while those of the stream's own client are embedded."""
    may, classes = threading.Event(), toy.classes

    async def script(hub: Hub) -> None:
        monkeypatch.setattr(toy, "classes", lambda text: may.wait(20) and classes(text))
        sender, watcher = hub.open(), hub.open()
        send(hub, watcher, watch=sender.number)
        send(hub, sender, classes="jumping")
        await asyncio.sleep(0)
        send(hub, watcher, classes="wave; wave")
        may.set()
        assert "twice" in await told(watcher, "error")
        sender.outbox.put('{"end": 1}')
        while "end" not in (message := json.loads(await sender.outbox.get())):
            assert "error" not in message

    play(toy, script)


def test_classes_of_the_start_are_not_embedded_again(
    toy: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(hub: Hub) -> None:
        stream = hub.open()
        monkeypatch.setattr(toy, "classes", None)
        await told(stream, "classes")
        send(hub, stream, classes=" ")
        assert await told(stream, "classes") == live_server.LABELS

    play(toy, script)


def test_classes_of_what_is_shown(toy: Recognizer) -> None:
    """One's own again, when another stream is left or has gone."""

    async def script(hub: Hub) -> None:
        page, sender = hub.open(), hub.open()
        send(hub, sender, classes="jumping")
        await told(sender, "classes")
        assert await told(sender, "classes") == ["jumping"]
        await told(page, "classes")
        other = (sender.number, ["jumping"])
        for number, names in (other, (0, live_server.LABELS), other):
            send(hub, page, watch=number)
            assert await told(page, "classes") == names
        hub.close(sender)
        send(hub, page, watch=sender.number)
        assert await told(page, "classes") == live_server.LABELS
        assert "no stream" in await told(page, "error")

    play(toy, script)


def test_frames_are_sent_short(toy: Recognizer) -> None:
    async def script(hub: Hub) -> None:
        page, sender = hub.open(), hub.open()
        send(hub, page, watch=sender.number)
        send(hub, sender, frame=np.full(SHAPE[2:], 1 / 3).tolist())
        assert await told(page, "frame") == np.full((1, *SHAPE[2:]), 0.3333).tolist()

    play(toy, script)
