"""Headless Chromium: a page is opened, a program runs in it, and what it returns comes back."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

NAMES = ("chromium", "chromium-headless-shell", "google-chrome", "chromium-browser", "chrome")
# A full browser has a window otherwise.
FLAGS = ("--headless", "--no-sandbox")
# Before anything of the page, and after everything.
FIRST = """<script>window.errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("securitypolicyviolation", (event) => errors.push(event.blockedURI));</script>"""
LAST = """<script>addEventListener("load", () => setTimeout(() => {
const found = (() => { %s })();
const place = document.createElement("pre");
place.id = "found";
place.textContent = JSON.stringify({found, errors});
document.body.append(place); }, 200));</script>"""


class Opened(NamedTuple):
    """What happened in a page.

    Attributes:
        found: what the program returned.
        errors: uncaught errors, and what the page wanted to load.
        console: the lines on its console.
    """

    found: Any
    errors: list[str]
    console: list[str]


def chromium() -> str:
    """Return the browser, or skip the test where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"needs a headless Chromium in PATH: one of {', '.join(NAMES)}")
    return path


def run(page: Path, program: str) -> Opened:
    """Return what a program in JavaScript, the body of a function, finds in a page.

    Args:
        page: the file, next to which a copy with the program is written.
        program: the body of a function.
    """
    copy = page.with_suffix(".probed.html")
    text = page.read_text().replace("<head>", f"<head>{FIRST}", 1)
    copy.write_text(text.replace("</body>", (LAST % program) + "</body>"))
    flags = [*FLAGS, "--virtual-time-budget=4000", "--enable-logging=stderr"]
    command = [chromium(), *flags, "--dump-dom", "--window-size=1240,12000", copy.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    console = re.findall(r":CONSOLE[^\]]*\] (.*)", done.stderr)
    (found,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    return Opened(**json.loads(html.unescape(found)), console=console)
