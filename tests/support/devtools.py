"""A page in headless Chromium, open for as long as a test wants: programs run in it by DevTools."""

import contextlib
import itertools
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from support.browser import FLAGS, chromium

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
        profile: a new folder for what the browser keeps.
        flags: of the browser.
    """
    fixed = [*FLAGS, "--remote-debugging-port=0", "--window-size=1240,900"]
    command = [chromium(), *fixed, f"--user-data-dir={profile}", *flags, "about:blank"]
    profile.mkdir(parents=True, exist_ok=True)
    with (profile / "stderr.txt").open("wb") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with connect(_target(browser, profile), max_size=None) as connection:
            page = Page(connection)
            page.call("Page.navigate", url=address)
            page.wait("location.protocol !== 'about:' && document.readyState === 'complete'")
            yield page
    finally:
        browser.terminate()
        try:
            browser.wait(10)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait()


def _target(browser: subprocess.Popen[bytes], profile: Path) -> str:
    """Return the address of the first page's DevTools, once the browser has one."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and browser.poll() is None:
        # The file is missing or empty, the port closed, or the list empty while the browser starts.
        with contextlib.suppress(OSError, IndexError):
            port = (profile / "DevToolsActivePort").read_text().split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as answer:
                pages = [each for each in json.load(answer) if each["type"] == "page"]
            return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError(f"no page: {(profile / 'stderr.txt').read_text(errors='replace')}")
