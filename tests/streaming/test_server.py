"""The server with clients: frames and classes in, what is recognized out, bad clients answered."""

import argparse
import asyncio
import http.client
import json
import math
import os
import re
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from data_pipelines.errors import UserError
from gapjax.streaming import server, stream
from gapjax.streaming.greeting import PERSONS
from gapjax.streaming.replays import Replay
from gapjax.streaming.site import FILES, Site
from stress import live_clients
from support import live_server
from support.live_server import SHAPE, joined
from support.source_tree import ROOT

CLIP = np.random.default_rng(0).normal(size=(7, 1, *SHAPE[2:])).astype(np.float32)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of a server with one clip and a folder of a pose model."""
    pose = tmp_path_factory.mktemp("pose")
    (pose / "pose.js").write_text("var Pose;")
    (pose / "deeper").mkdir()
    site = Site([Replay("a.npy", "wave", lambda: CLIP)], str(pose))
    with pytest.MonkeyPatch.context() as patch:
        # However slow this machine is, windows wait for their frames.
        patch.setattr(stream, "LONGEST_WAIT", math.inf)
        toy = live_server.recognizer(patch)
        with live_server.serving(toy, site) as port:
            yield port


def best(message: dict) -> list[str]:
    return [each["name"] for each in message["recognized"]]


def test_frames_are_recognized(port: int) -> None:
    with joined(port) as client:
        hello = client.receive("hello")["hello"]
        assert (hello["window"], hello["every"], hello["persons"]) == (8, 4, PERSONS)
        assert len(hello["body"]["joints"]) == len(hello["body"]["matrix"]) == SHAPE[2]
        assert client.receive("classes")["classes"] == live_server.LABELS
        client.frames(7, 4)
        found = client.receive("recognized")
        assert (best(found)[0], found["time"], found["frames"]) == ("kick it", 3, 4)
        assert found["recognized"][0]["parts"] == [0, 0]
        # Three frames are too few for another turn; nothing is computed without frames.
        client.frames(4, 3, first=4)
        assert client.silent("recognized")
        client.frames(4, 1, first=7)
        found = client.receive("recognized")
        assert (found["time"], found["frames"], found["received"]) == (7, 8, 8)
        assert client.silent("recognized")
        assert {*best(found)[:2]} == {"wave", "clap"}
        client.send(clear=True)
        for _ in range(4):
            client.send(frame=[])
        assert client.receive("recognized")["recognized"] == []


def test_classes_take_effect_at_once(port: int) -> None:
    with joined(port) as client:
        client.frames(9, 4)
        assert best(client.receive("recognized"))[0] == "kick it"
        client.send(classes="wave; fall down;; Kick_It ")
        assert client.receive("classes")["classes"] == ["wave", "fall down", "kick it"]
        # Without another frame.
        assert best(client.receive("recognized"))[0] == "fall down"
        for text, line in (("wave; wave", "twice"), ("x;" * 600, "twice")):
            client.send(classes=text)
            assert line in client.receive("error")["error"]
        names = [f"class {k}" for k in range(513)]
        client.send(classes=";".join(names))
        assert "513 classes are more than 512" in client.receive("error")["error"]
        client.send(classes=";".join(names[:17]))
        assert client.receive("classes")["classes"] == names[:17]
        assert best(client.receive("recognized"))[0] in names[10:17]
        client.send(classes=" ")
        assert client.receive("classes")["classes"] == live_server.LABELS


def test_bad_frames_are_answered_and_the_connection_is_kept(port: int) -> None:
    with joined(port) as client:
        for text in ("{", '{"frame": [[1]]}', '{"frame": [[NaN]]}', '{"x": 1}', b"\xff\xfe"):
            client.connection.send(text)
            line = client.receive("error")["error"]
            assert line
            assert "\n" not in line
        client.frames(7, 4)
        assert best(client.receive("recognized"))[0] == "kick it"


def test_a_message_that_is_too_long_ends_its_own_connection(port: int) -> None:
    with joined(port) as client, joined(port) as other:
        client.connection.send("x" * 1_000_000)
        with pytest.raises(ConnectionClosedError) as error:
            client.receive("error")
        assert error.value.rcvd.code == 1009
        other.frames(7, 4)
        assert best(other.receive("recognized"))[0] == "kick it"


def test_another_stream_is_watched(port: int) -> None:
    with joined(port) as sender, joined(port) as page:
        number = sender.receive("hello")["hello"]["stream"]
        sender.frames(7, 1)
        while number not in page.receive("streams")["streams"]:
            pass
        page.send(watch=number)
        assert page.receive("classes")["of"] == number
        sender.frames(7, 3, first=1)
        shown = page.receive("frame")
        assert (shown["of"], np.shape(shown["frame"])) == (number, (1, *SHAPE[2:]))
        assert best(page.receive("recognized"))[0] == "kick it"
        # What is typed on the page concerns what it shows.
        page.send(classes="jumping")
        assert sender.receive("classes")["classes"] == live_server.LABELS
        assert sender.receive("classes")["classes"] == ["jumping"]
        sender.connection.close()
        while number in page.receive("streams")["streams"]:
            pass
        page.send(watch=number)
        assert "no stream" in page.receive("error")["error"]


def fetched(port: int, path: str, host: str = "") -> tuple[int, dict, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"Host": host or f"localhost:{port}"})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def test_the_page_is_served_and_nothing_else(port: int) -> None:
    for path in ("/", "/?x=1", *(f"/{name}" for names in FILES.values() for name in names)):
        status, headers, body = fetched(port, path)
        assert (status, int(headers["Content-Length"])) == (200, len(body))
        assert "default-src 'self';" in headers["Content-Security-Policy"]
    folders = [ROOT / package.replace(".", "/") / "page" for package in FILES]
    served = {name for names in FILES.values() for name in names} | {"live.html"}
    assert {path.name for path in folders[1].iterdir()} <= served
    _, headers, body = fetched(port, "/clips/0")
    clip = json.loads(body)
    assert (clip["label"], clip["shape"]) == ("wave", list(CLIP.shape))
    assert fetched(port, "/pose/pose.js")[2] == b"var Pose;"
    for path in (
        *("/clips/1", "/clips/0000000001", "/clips/0000000000", "/clips/x", "/clips/-1"),
        *("/clips/", "/x/live.js", "/live.html", "//"),
        *("/pose/", "/pose/deeper", "/pose/../live.js", "/pose/%2e%2e/x", "/../server.py"),
    ):
        assert fetched(port, path)[0] == 404, path


def test_other_sites_get_nothing(port: int) -> None:
    """A page of another site, and one whose name leads to this address."""
    assert fetched(port, "/", host=f"evil.example:{port}")[0] == 403
    assert fetched(port, "/clips/0", host="localhost:1")[0] == 403
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", "http://localhost"):
        with pytest.raises(InvalidStatus) as error, joined(port, origin=origin):
            pass
        assert error.value.response.status_code == 403
    with joined(port, origin=f"http://localhost:{port}") as client:
        assert client.receive("hello")


def test_too_many_clients(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CLIENTS", 0)
    with pytest.raises(InvalidStatus) as error, joined(port):
        pass
    assert error.value.response.status_code == 503


def test_too_many_clients_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was let in before the others had come."""
    closed = []

    class Connection:
        async def close(self, code: int, reason: str) -> None:
            closed.append((code, reason))

    monkeypatch.setattr(server, "CLIENTS", 1)
    hub = types.SimpleNamespace(streams=[1])
    asyncio.run(server._talk(Connection(), hub))
    assert closed == [(1013, "1 clients are connected, which is the most")]


def test_names_have_no_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser asks for a machine's name in small letters."""
    toy = live_server.recognizer(monkeypatch)
    with live_server.serving(toy, Site([]), host="LocalHost") as own:
        assert fetched(own, "/", host=f"LocalHost:{own}")[0] == 200
        assert fetched(own, "/", host=f"localhost:{own}")[0] == 200


def test_a_backlog_drops_frames_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """While four frames are recognized, 116 come: the last 8 are recognized, the others dropped."""
    toy, begun, may = live_server.recognizer(monkeypatch), threading.Event(), threading.Event()
    recognize = toy.recognize

    def slow(*given: Any) -> Any:
        begun.set()
        assert may.wait(20)
        return recognize(*given)

    monkeypatch.setattr(toy, "recognize", slow)
    monkeypatch.setattr(stream, "LONGEST_WAIT", math.inf)
    with live_server.serving(toy, Site([])) as own, joined(own) as client:
        client.frames(4, 4)
        assert begun.wait(20)
        client.frames(7, 116, first=4)
        # Messages are taken in their order: with this answer, all frames are there.
        client.send(watch=9)
        client.receive("error")
        may.set()
        assert client.receive("recognized")["time"] == 3
        line = client.receive("warning")["warning"]
        assert line.startswith("108 frames came faster than they could be recognized")
        last = client.receive("recognized")
        assert (last["frames"], last["time"], best(last)[0]) == (8, 119, "kick it")
        assert last["dropped"] == 108


def test_many_clients(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The stress tool, on a small scale."""
    options = argparse.Namespace(clients=3, seconds=1, frames=300)
    address = f"ws://127.0.0.1:{port}/stream"
    asyncio.run(live_clients.measure(address, options, os.getpid()))
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"3 clients: \d+ frames/s, [\d.]+ recognitions/s, delay \d+ ms", lines[0])
    assert len(lines) == 11
    assert re.match(r"300 frames at once: \d+ frames/s, \d+ dropped, \d+ MB", lines[-1])


def test_the_client_of_the_docs(
    port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/live.md").read_text(), re.DOTALL)
    np.save(tmp_path / "clip.npy", np.full((90, *SHAPE[2:]), 7.0))
    program = program.replace("8484", str(port)).replace("clip.npy", str(tmp_path / "clip.npy"))
    exec(program, {})
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(best(line)[0] == "kick it" for line in said if "recognized" in line)


def test_pose_models(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no pose\.js; give the folder of @mediapipe/pose"):
        Site([], str(tmp_path))
    remote = Site([], "https://cdn.example/pose@1/")
    assert remote.facts["pose"] == "https://cdn.example/pose@1"
    policy = remote.headers["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval' https://cdn.example;" in policy
    assert remote.find("/pose/pose.js") is None
