"""The local hub, and what has the files of a bundle."""

import json
import pathlib
from collections.abc import Iterator

import pytest

from gapjax.workdir import bundle_files, bundle_hub
from support import hub_server
from support.hub_server import WRITER, Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[Hub]:
    """Return an empty hub; whoever asks may write."""
    bundle_hub._copy.cache_clear()
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with hub_server.serving(monkeypatch, str(tmp_path / "cache")) as hub:
        monkeypatch.setenv("HF_TOKEN", WRITER)
        yield hub
    bundle_hub._copy.cache_clear()


@pytest.fixture
def small(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return what has the files of a bundle."""
    folder = tmp_path / "small"
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "array").write_bytes(bytes(range(256)) * 64)
    (folder / "README.md").write_text("---\nlicense: unknown\n---\n# gap\n")
    files = {
        path.relative_to(folder).as_posix(): bundle_files.sha256(path)
        for path in folder.rglob("*")
        if path.is_file()
    }
    metadata = {"format": bundle_files.FORMAT, "run": {"method": "gap"}, "files": files}
    (folder / "bundle.json").write_text(json.dumps(metadata))
    return folder
