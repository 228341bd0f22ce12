"""A page in headless Chromium, open for as long as a test wants: programs run in it by DevTools."""

import contextlib
import itertools
import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from support.browser import chromium

# Seconds that a page may be busy.
PATIENCE = 60


class Page:
    """An open page.

    Attributes:
        console: uncaught errors, refused loads, and lines on the console.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._numbers = connection, itertools.count(1)
        self.console: list[str] = []
        for domain in ("Runtime", "Log", "Page"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a method of the DevTools protocol."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(timeout=PATIENCE))
            if message.get("id") == number:
                return message.get("result", message)
            self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.console.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.console.append(json.dumps([each.get("value") for each in params["args"]]))
            case "Log.entryAdded":
                self.console.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def run(self, program: str) -> Any:
        """Return the value of an expression in JavaScript, awaited."""
        options = {"awaitPromise": True, "returnByValue": True}
        result = self.call("Runtime.evaluate", expression=program, **options)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, condition: str, seconds: float = 60) -> Any:
        """Return the value of an expression, once it is true."""
        end = time.monotonic() + seconds
        while not (value := self.run(condition)):
            assert time.monotonic() < end, (
                condition,
                self.console,
                self.run("document.body.innerText"),
            )
            time.sleep(0.05)
        return value


@contextlib.contextmanager
def opened(address: str, profile: Path, *flags: str) -> Iterator[Page]:
    """Open a page while the context lasts.

    Args:
        address: of the page.
        profile: a folder for what the browser keeps.
        flags: of the browser.
    """
    fixed = ["--no-sandbox", "--remote-debugging-port=0", "--window-size=1240,900"]
    command = [chromium(), *fixed, f"--user-data-dir={profile}", *flags, "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as browser:
        try:
            lines = iter(browser.stderr.readline, "")
            found = (re.search(r"listening on ws://([^/]+)/", line) for line in lines)
            host = next(filter(None, found))[1]
            with urllib.request.urlopen(f"http://{host}/json/list") as answer:
                (target,) = [each for each in json.load(answer) if each["type"] == "page"]
            with connect(target["webSocketDebuggerUrl"], max_size=None) as connection:
                page = Page(connection)
                page.call("Page.navigate", url=address)
                page.wait("location.protocol !== 'about:' && document.readyState === 'complete'")
                yield page
        finally:
            browser.terminate()
