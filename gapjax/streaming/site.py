"""What is served by HTTP: the page, the clips that it replays, and the files of a pose model.

Nothing is served that is not listed: a path is looked up, never joined to a folder.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from data_pipelines.errors import UserError
from gapjax.streaming import replays
from gapjax.streaming.replays import Replay

# The files of the page by their folders; those of `reporting` draw its reports, too.
FILES = {
    "gapjax.reporting": ("elements.js", "bodies.js", "page.css"),
    "gapjax.streaming": (
        *("live.css", "stage.js", "results.js", "connection.js", "replay.js", "camera.js"),
        "live.js",
    ),
}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
# The program of MediaPipe's package for the browser; what it loads lies beside it.
POSE_PROGRAM = "pose.js"
SECURE = "https://"


@dataclass(frozen=True)
class Site:
    """What there is to serve.

    Attributes:
        clips: the clips to replay.
        pose: the folder or the https address of the files of a pose model; "" for none.
    """

    clips: Sequence[Replay]
    pose: str = ""

    def __post_init__(self) -> None:
        """Raise UserError for a folder without a pose model."""
        if self.pose and not self.is_remote and not Path(self.pose, POSE_PROGRAM).is_file():
            raise UserError(
                f"--pose={self.pose}: has no {POSE_PROGRAM}; give the folder of @mediapipe/pose "
                f"(npm pack @mediapipe/pose, then unpack it), or its address, {SECURE}..."
            )

    @property
    def is_remote(self) -> bool:
        """Return whether the pose model is loaded from elsewhere."""
        return self.pose.startswith(SECURE)

    @property
    def facts(self) -> dict[str, Any]:
        """Return what the page must know of it."""
        pose = self.pose.rstrip("/") if self.is_remote else "/pose" if self.pose else ""
        clips = [{"name": each.name, "label": each.label} for each in self.clips]
        return {"clips": clips, "rate": replays.RATE, "pose": pose}

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers of every answer: the page loads from here and the pose model alone."""
        remote = "/".join(self.pose.split("/")[:3]) if self.is_remote else ""
        scripts = f"'self' 'wasm-unsafe-eval' {remote}".rstrip()
        policy = {
            "default-src": f"'self' {remote}".rstrip(),
            "script-src": scripts,
            "style-src": "'self' 'unsafe-inline'",
            "img-src": "'self' data: blob:",
            "frame-ancestors": "'none'",
            "form-action": "'none'",
            "base-uri": "'none'",
        }
        return {
            "Content-Security-Policy": "; ".join(f"{key} {what}" for key, what in policy.items()),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }

    def find(self, path: str) -> tuple[str, Callable[[], bytes]] | None:
        """Return the type of what lies at a path, and the function that reads it; None if nothing.

        Args:
            path: of a request, without its query.
        """
        if path == "/":
            return TYPES[".html"], lambda: _file("gapjax.streaming", "live.html")
        folder, _, name = path.removeprefix("/").rpartition("/")
        if folder == "clips":
            return self._clip(name)
        if folder == "pose" and self.pose and not self.is_remote:
            return self._pose(name)
        package = next((each for each, names in FILES.items() if name in names), None)
        if folder or package is None:
            return None
        return _type(name), lambda: _file(package, name)

    def _clip(self, number: str) -> tuple[str, Callable[[], bytes]] | None:
        known = number.isascii() and number.isdecimal() and len(number) < 10
        if not known or int(number) >= len(self.clips):
            return None
        clip = self.clips[int(number)]
        return TYPES[".json"], lambda: json.dumps(replays.as_sent(clip)).encode()

    def _pose(self, name: str) -> tuple[str, Callable[[], bytes]] | None:
        files = {path.name: path for path in Path(self.pose).iterdir() if path.is_file()}
        return (_type(name), files[name].read_bytes) if name in files else None


def _type(name: str) -> str:
    return TYPES.get(Path(name).suffix, "application/octet-stream")


def _file(package: str, name: str) -> bytes:
    return (resources.files(package) / "page" / name).read_bytes()
