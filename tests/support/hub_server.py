"""A local Hugging Face hub: the endpoints that reading and writing repositories need."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from huggingface_hub import constants

from support import local_server

WRITER, READER = "hf_writer", "hf_reader"
Handler = http.server.BaseHTTPRequestHandler


@dataclass
class Repository:
    """A repository with one branch."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"0" * 40: {}})

    @property
    def head(self) -> str:
        """The newest revision."""
        return list(self.commits)[-1]

    @property
    def files(self) -> dict[str, bytes]:
        """What it has now."""
        return self.commits[self.head]


class Hub:
    """Repositories by name; `fault` may answer a request in place of the hub."""

    def __init__(self) -> None:
        """Begin without repositories and faults."""
        self.repositories: dict[str, Repository] = {}
        self.stored: dict[str, bytes] = {}
        self.fault: Callable[[Handler], bool] = lambda handler: False
        self.requests: list[str] = []
        self.url = ""

    def answer(self, handler: Handler, body: bytes) -> None:
        """Answer a request."""
        self.requests.append(f"{handler.command} {handler.path}")
        if self.fault(handler):
            return
        path = handler.path.partition("?")[0]
        for pattern, method in _ROUTES.items():
            if match := re.fullmatch(pattern, f"{handler.command} {path}"):
                method(self, handler, body, **match.groupdict())
                return
        send(handler, 404, {"error": f"no such endpoint: {path}"})

    def _create(self, handler: Handler, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if token(handler) != WRITER:
            send(handler, 403, {"error": "this token may not write"})
            return
        exists = name in self.repositories
        if not exists:
            self.repositories[name] = Repository(asked["visibility"] == "private")
        send(handler, 409 if exists else 200, {"url": f"{self.url}/{name}"})

    def _find(self, handler: Handler, name: str, revision: str | None) -> Repository | None:
        """Return a repository that the request may see, or answer that there is none."""
        there = self.repositories.get(name)
        if there is None or (there.private and token(handler) not in (WRITER, READER)):
            send(handler, 404, {"error": "Repository not found"}, "RepoNotFound")
        elif revision not in (None, "main", *there.commits):
            send(handler, 404, {"error": "Invalid rev id"}, "RevisionNotFound")
        else:
            return there
        return None

    def _info(self, handler: Handler, _: bytes, name: str, revision: str | None) -> None:
        if there := self._find(handler, name, revision):
            sha = there.head if revision in (None, "main") else revision
            siblings = [{"rfilename": file} for file in there.commits[sha]]
            content = {"id": name, "sha": sha, "private": there.private, "siblings": siblings}
            send(handler, 200, content)

    def _tree(self, handler: Handler, _: bytes, name: str, revision: str) -> None:
        if there := self._find(handler, name, revision):
            files = there.files if revision == "main" else there.commits[revision]
            entries = [
                {"type": "file", "path": path, "size": len(file), "oid": digest(file)[:40]}
                for path, file in files.items()
            ]
            send(handler, 200, entries)

    def _file(self, handler: Handler, _: bytes, name: str, revision: str, file: str) -> None:
        there = self._find(handler, name, revision)
        if there is None:
            return
        content = there.commits[revision][file]
        handler.send_response(200)
        handler.send_header("X-Repo-Commit", revision)
        handler.send_header("ETag", f'"{digest(content)[:40]}"')
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(content)

    def _valid(self, handler: Handler, _: bytes) -> None:
        send(handler, 200, {"errors": [], "warnings": []})

    def _modes(self, handler: Handler, body: bytes) -> None:
        paths = [file["path"] for file in json.loads(body)["files"]]
        modes = {path: "regular" if path.endswith((".json", ".md")) else "lfs" for path in paths}
        common = {"shouldIgnore": False}
        files = [{"path": path, "uploadMode": mode} | common for path, mode in modes.items()]
        send(handler, 200, {"files": files})

    def _batch(self, handler: Handler, body: bytes) -> None:
        objects = [
            asked | {"actions": {"upload": {"href": f"{self.url}/lfs/{asked['oid']}"}}}
            for asked in json.loads(body)["objects"]
        ]
        send(handler, 200, {"transfer": "basic", "objects": objects})

    def _store(self, handler: Handler, body: bytes, oid: str) -> None:
        assert digest(body) == oid
        self.stored[oid] = body
        send(handler, 200, {})

    def _commit(self, handler: Handler, body: bytes, name: str) -> None:
        there = self.repositories[name]
        files = dict(there.files)
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.stored[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        oid = digest(body)[:40]
        there.commits[oid] = files
        send(handler, 200, {"commitUrl": f"{self.url}/{name}/commit/{oid}", "commitOid": oid})


_NAME = r"(?P<name>[\w.-]+/[\w.-]+)"
_REVISION = r"(?P<revision>[\w.-]+)"
_ROUTES = {
    r"POST /api/repos/create": Hub._create,
    r"POST /api/validate-yaml": Hub._valid,
    rf"GET /api/models/{_NAME}(/revision/{_REVISION})?": Hub._info,
    rf"GET /api/models/{_NAME}/tree/{_REVISION}": Hub._tree,
    rf"(GET|HEAD) /{_NAME}/resolve/{_REVISION}/(?P<file>.+)": Hub._file,
    r"POST /api/models/[\w./-]+/preupload/main": Hub._modes,
    r"POST /[\w./-]+\.git/info/lfs/objects/batch": Hub._batch,
    r"PUT /lfs/(?P<oid>\w+)": Hub._store,
    rf"POST /api/models/{_NAME}/commit/main": Hub._commit,
}


def digest(content: bytes) -> str:
    """Return a SHA-256."""
    return hashlib.sha256(content).hexdigest()


def token(handler: Handler) -> str:
    """Return the token of a request."""
    return handler.headers.get("Authorization", "").removeprefix("Bearer ")


def send(handler: Handler, status: int, content: object, code: str = "") -> None:
    """Send JSON."""
    body = json.dumps(content).encode()
    handler.send_response(status)
    if code:
        handler.send_header("X-Error-Code", code)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, cache: str) -> Iterator[Hub]:
    """Yield a hub that huggingface_hub talks to, with an empty cache and nobody signed in."""
    hub = Hub()

    class Listening(local_server.Handler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with contextlib.suppress(OSError):
                hub.answer(self, body)

        do_GET = do_HEAD = do_POST = do_PUT = _any  # noqa: N815

    with local_server.listening(Listening) as hub.url:
        # As HF_ENDPOINT, HF_HOME and HF_HUB_DISABLE_XET set them when huggingface_hub is imported.
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", cache)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", f"{cache}/none")
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
        yield hub
