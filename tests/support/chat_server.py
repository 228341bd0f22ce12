"""A local endpoint of chat completions that does what a test says."""

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from support import local_server

# What a server does with a question: answers with a text, or does something else with the request.
Reply = str | Callable[[http.server.BaseHTTPRequestHandler], None]


class Server:
    """Answers by `reply`: (number of the request, question) → what to do."""

    def __init__(self, reply: Callable[[int, str], Reply]) -> None:
        """Keep what to do, and what comes in."""
        self.reply = reply
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.stop = threading.Event()
        self.url = ""

    @property
    def questions(self) -> list[str]:
        """All questions so far."""
        return [request["messages"][-1]["content"] for request in self.requests]


def send(
    handler: http.server.BaseHTTPRequestHandler, status: int, body: str, **headers: str
) -> None:
    """Send a whole response."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body.encode())))
    handler.end_headers()
    handler.wfile.write(body.encode())


def status(code: int, body: str = "", **headers: str) -> Reply:
    """Return what sends an HTTP status."""
    return lambda handler: send(handler, code, body, **headers)


def completion(text: str | None, reason: str = "stop") -> str:
    """Return the body of a chat completion."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return json.dumps({"choices": [choice]})


@contextlib.contextmanager
def serving(reply: Callable[[int, str], Reply]) -> Iterator[Server]:
    """Yield a server that runs in a thread."""
    server = Server(reply)

    class Handler(local_server.Handler):
        def do_POST(self) -> None:  # noqa: N802
            """Do what the test says."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.requests.append(json.loads(body) | {"path": self.path})
            server.keys.append(self.headers["Authorization"])
            answer = server.reply(len(server.requests), server.questions[-1])
            with contextlib.suppress(OSError):
                if callable(answer):
                    answer(self)
                else:
                    send(self, 200, completion(answer))

    with local_server.listening(Handler) as url:
        server.url = f"{url}/v1"
        try:
            yield server
        finally:
            server.stop.set()
