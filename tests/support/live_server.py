"""A live server in a thread, with a bundle that needs no training: classes are as long as poses.

The toy recognizes a frame whose numbers are all 4 as a class of four letters, such as "wave".
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from data_pipelines.specs.skeletons import KINECT20
from gapjax.serving import classification
from gapjax.serving.bundle import Bundle
from gapjax.streaming import server
from gapjax.streaming.hub import Hub
from gapjax.streaming.recognizer import Recognizer
from gapjax.streaming.site import Site

LABELS = ["wave", "clap", "kick it"]
SHAPE = (2, 50, 20, 3)


def lengths(names: list[str]) -> dict[str, np.ndarray]:
    return {"name": np.array([[len(name)] for name in names], np.float32)}


def function(_: Any, frames: Any, length: Any, embeddings: Any) -> dict[str, np.ndarray]:
    """Return minus the distance between the last frame and the length of each name."""
    last = frames[np.arange(len(frames)), 0, length - 1].mean(axis=(1, 2))
    wanted = embeddings["name"] if embeddings else lengths(LABELS)["name"]
    score = -np.abs(last[:, None] - wanted[:, 0])
    return {"score": score, "part": np.stack([score, -score], axis=2)}


def recognizer(monkeypatch: pytest.MonkeyPatch, any_classes: bool = True) -> Recognizer:
    """Return the toy."""
    monkeypatch.setattr(
        classification, "class_embeddings", lambda bundle, names, texts: lengths(names)
    )
    facts = {"shape": SHAPE, "skeleton": "kinect20", "joints": list(KINECT20.joints), "space": 3}
    metadata = {
        "input": facts | {"body": json.loads(json.dumps(vars(KINECT20)))},
        "labels": LABELS,
        "trained_on": LABELS[:1],
        "text": {"recipe": {}} if any_classes else {},
        "gamma": None,
        "parts": ["head", "foot"],
        "run": {"method": "toy", "dataset": "none", "protocol": "none"},
    }
    bundle = Bundle(Path("toy"), metadata, {}, {}, function)
    return Recognizer(bundle)


@contextlib.contextmanager
def serving(
    toy: Recognizer, site: Site, window: int = 8, every: int = 4, host: str = "127.0.0.1"
) -> Iterator[int]:
    """Serve while the context lasts; the value is the port."""
    ready, ports, tasks = threading.Event(), [], []

    def started(port: int) -> None:
        ports.append(port)
        ready.set()

    async def run() -> None:
        hub = Hub(toy, toy.classes(None), site.facts, window, every)
        tasks.append((asyncio.get_running_loop(), asyncio.current_task()))
        await server.serve(hub, site, host, 0, started)

    def serve() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(run())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(30)
        yield ports[0]
    finally:
        ((loop, task),) = tasks
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


class Client:
    """A client that waits for messages by their keys."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def frames(self, value: float, count: int, first: int = 0) -> None:
        """Send frames whose numbers are all the same, at times from `first`."""
        for number in range(count):
            self.send(frame=np.full(SHAPE[2:], value).tolist(), time=first + number)

    def receive(self, key: str, seconds: float = 20) -> dict[str, Any]:
        """Return the next message that has a key; others are passed over."""
        end = time.monotonic() + seconds
        while True:
            message = json.loads(self.connection.recv(timeout=end - time.monotonic()))
            if key in message:
                return message

    def silent(self, key: str, seconds: float = 0.3) -> bool:
        """Return whether no message with a key comes for some time."""
        try:
            self.receive(key, seconds)
        except TimeoutError:
            return True
        return False


@contextlib.contextmanager
def joined(port: int, **options: Any) -> Iterator[Client]:
    """Connect a client while the context lasts."""
    with connect(f"ws://127.0.0.1:{port}/stream", **options) as connection:
        yield Client(connection)
