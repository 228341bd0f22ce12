"""Bundles on the Hugging Face hub, which a local server plays: pushed whole, opened by name."""

import errno
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from huggingface_hub import ModelCard, constants, errors

from configs import gap_demo
from data_pipelines.errors import DiskError, HostError, UserError
from gapjax import classify, export
from gapjax.experiment import initial_weights, stages
from gapjax.experiment.config_dict import plan_of
from gapjax.serving import bundle, bundle_writer, publication
from gapjax.workdir import bundle_files, bundle_hub, weights
from support import hub_server
from support.commands import ROOT
from support.hub_server import READER, WRITER, Hub, Repository

# huggingface_hub's, of uploads by its HTTP client.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NAME = "lab/waves"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[Hub]:
    """Return an empty hub; whoever asks may write."""
    bundle_hub._copy.cache_clear()
    monkeypatch.setattr("time.sleep", lambda _: None)
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


def pushed(folder: pathlib.Path, name: str = NAME, public: bool = False) -> str:
    """Push as the command does; return the revision."""
    return publication.push(folder, publication.require(name, public))


def located(name: str) -> pathlib.Path:
    """Open as a new process does."""
    bundle_hub._copy.cache_clear()
    return bundle_hub.located(pathlib.Path(name))


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_what_is_pushed_is_what_is_opened(
    hub: Hub, small: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Private, in one commit; once more in place of what is there; any revision, and offline."""
    first = pushed(small)
    there = hub.repositories[NAME]
    assert there.private
    assert (len(there.commits), there.files) == (2, contents(small))
    assert contents(located(f"hf:{NAME}")) == contents(small)
    (small / "variables" / "array").rename(small / "variables" / "other")
    metadata = bundle_files.read_metadata(small)
    metadata["files"]["variables/other"] = metadata["files"].pop("variables/array")
    (small / "bundle.json").write_text(json.dumps(metadata))
    second = pushed(small)
    assert there.files == contents(small)
    assert (len(there.commits), there.head) == (3, second)
    for revision, name in ((first, "array"), (second, "other")):
        assert located(f"hf:{NAME}@{revision}").joinpath("variables", name).is_file()
    assert located(f"hf:{NAME}").name == second
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    before = len(hub.requests)
    assert located(f"hf:{NAME}").name == second
    assert located(f"hf:{NAME}@{first}").name == first
    with pytest.raises(HostError, match="no whole copy of it here, and HF_HUB_OFFLINE forbids"):
        located("hf:lab/other")
    assert len(hub.requests) == before


def test_a_hub_that_is_down_is_done_without(hub: Hub, small: pathlib.Path) -> None:
    pushed(small)
    copy = located(f"hf:{NAME}")
    hub.fault = hub_server.refusing(503)
    assert located(f"hf:{NAME}") == copy
    with pytest.raises(HostError, match=r"^hf:lab/other: the hub does not answer, or not to the"):
        located("hf:lab/other")


def test_who_may_read(hub: Hub, small: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed(small)
    for token, allowed in ((READER, True), ("hf_other", False), ("", False)):
        shutil.rmtree(constants.HF_HUB_CACHE, ignore_errors=True)
        monkeypatch.setenv("HF_TOKEN", token)
        if allowed:
            assert contents(located(f"hf:{NAME}")) == contents(small)
        else:
            with pytest.raises(UserError, match="repository of this name that you may see; set HF"):
                located(f"hf:{NAME}")


def test_names_and_revisions(hub: Hub, small: pathlib.Path) -> None:
    assert bundle_hub.located(small) == small
    pushed(small)
    with pytest.raises(UserError, match=r"^hf:lab/waves: the hub has no such revision$"):
        located(f"hf:{NAME}@v9")
    for name in ("hf:waves", "hf:", "hf:a/b/c", "hf:lab/waves@"):
        with pytest.raises(UserError, match=r"is hf:OWNER/NAME or hf:OWNER/NAME@REVISION$"):
            located(name)
    with pytest.raises(UserError, match="this is no name on the hub"):
        located("hf:lab/..waves")
    hub.repositories["lab/text"] = Repository(False, {"1" * 40: {"config.json": b"{}"}})
    with pytest.raises(UserError, match=r"hf:lab/text: .* is no bundle: it has no bundle\.json"):
        located("hf:lab/text")
    assert not any("config.json" in request for request in hub.requests)


def test_only_a_bundle_is_downloaded(hub: Hub, small: pathlib.Path) -> None:
    """In a repository that has other files, too."""
    pushed(small)
    hub.repositories[NAME].files["training/state"] = b"large"
    assert contents(located(f"hf:{NAME}")) == contents(small)
    assert not any("training/state" in request for request in hub.requests)
    shutil.rmtree(constants.HF_HUB_CACHE)
    hub.fault = hub_server.refusing(403, "/variables/array")
    with pytest.raises(UserError, match=r"^hf:lab/waves: the hub does not permit it [^:]*:[^:]*$"):
        located(f"hf:{NAME}")


def test_a_copy_is_checked_as_a_folder_is(hub: Hub, small: pathlib.Path) -> None:
    """The advice works."""
    pushed(small)
    array = located(f"hf:{NAME}") / "variables" / "array"
    array.resolve().write_bytes(b"damaged")
    with pytest.raises(UserError, match="variables/array is missing or damaged") as caught:
        located(f"hf:{NAME}")
    shutil.rmtree(re.search(r"remove (\S+) to download it again", str(caught.value))[1])
    assert contents(located(f"hf:{NAME}")) == contents(small)


def test_a_download_that_is_cut_goes_on(
    hub: Hub, small: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(small)
    hub.fault = hub_server.cutting("/variables/array", "GET")
    with pytest.raises(HostError, match=f"hf:{NAME}: the hub does not answer, or not to the end"):
        located(f"hf:{NAME}")
    with monkeypatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(HostError, match="no whole copy"):
            located(f"hf:{NAME}")
    hub.fault = lambda handler: False
    assert contents(located(f"hf:{NAME}")) == contents(small)


def test_which_errors_are_of_the_hub() -> None:
    """Not those of a program; those of its HTTP client, and what is raised from them, are."""
    for wrong in (TypeError("wrong"), RuntimeError("wrong"), KeyError("wrong"), UserError("wrong")):
        with pytest.raises(type(wrong), match=r"^'?wrong"), bundle_hub.answered("x"):
            raise wrong
    client_error = errors.HfHubHTTPError.__bases__[0]
    wrapping = RuntimeError("uploading")
    wrapping.__cause__ = client_error("cut")
    for error in (client_error("cut"), json.JSONDecodeError("cut", "", 0), wrapping):
        with pytest.raises(HostError, match=r"^x: .*cut"), bundle_hub.answered("x"):
            raise error


def find_no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_room_for_a_copy(hub: Hub, small: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed(small)
    monkeypatch.setattr("huggingface_hub.file_download.http_get", find_no_room)
    with pytest.raises(DiskError, match="cache cannot be written: No space left on device; what"):
        located(f"hf:{NAME}")


FAULTS = {
    "no permission": (hub_server.refusing(403, method="POST"), UserError, "permit it .HTTP 403"),
    "upload refused": (hub_server.refusing(403, "/preupload/"), UserError, "permit it .HTTP 403"),
    "too large": (hub_server.refusing(413, "/commit/"), UserError, "refuses .HTTP 413"),
    "upload cut": (hub_server.cutting("/lfs/", "PUT"), HostError, "does not answer"),
    "hub fails": (hub_server.refusing(500, "/commit/"), HostError, "does not answer"),
    "commit cut": (hub_server.cutting("/commit/", "POST"), HostError, "does not answer"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_half_a_bundle_is_never_there(hub: Hub, small: pathlib.Path, name: str) -> None:
    """Neither in a new repository nor in place of what was there."""
    hub.repositories[NAME] = Repository(True, {"1" * 40: {"bundle.json": b"before"}})
    for repository in ("lab/new", NAME):
        hub.fault, kind, message = FAULTS[name]
        with pytest.raises(kind, match=rf"^--push={repository}: the hub .*{message}") as caught:
            pushed(small, repository)
        assert "; the hub has all of the bundle or nothing new: once it" in str(caught.value)
        assert WRITER not in str(caught.value)
        files = hub.repositories[repository].files if repository in hub.repositories else {}
        assert files == ({"bundle.json": b"before"} if repository == NAME else {})
    hub.fault = lambda handler: False
    pushed(small)
    assert contents(located(f"hf:{NAME}")) == contents(small)


def test_what_is_refused_before_anything_is_written(
    hub: Hub, small: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    hub.repositories["lab/text"] = Repository(True, {"1" * 40: {"config.json": b"{}"}})
    hub.repositories["lab/open"] = Repository(False)
    hub.repositories["lab/closed"] = Repository(True)
    cases: dict[str, Callable[[], object]] = {
        "--push=waves: a name on the hub is OWNER/NAME": lambda: pushed(small, "waves"),
        "--push=lab/..x: this is no name on the hub": lambda: pushed(small, "lab/..x"),
        "--push=lab/text exists and is no bundle": lambda: pushed(small, "lab/text"),
        "--push=lab/open is public on the hub: add": lambda: pushed(small, "lab/open"),
        "--push=lab/closed is private on the hub, which --public leaves so: make it public": (
            lambda: pushed(small, "lab/closed", public=True)
        ),
    }
    for message, call in cases.items():
        with pytest.raises(UserError, match=re.escape(message)):
            call()
    pushed(small, "lab/open", public=True)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="nobody is signed in to the hub; set HF_TOKEN to a token"):
        pushed(small)
    # The command asks before it reads a run.
    assert export.main(["--workdir=none", f"--push={NAME}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    hub.fault = hub_server.refusing(401)
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    assert export.main(["--workdir=none", f"--push={NAME}"]) == 2
    assert set(hub.repositories) == {"lab/text", "lab/open", "lab/closed"}


def test_a_run_is_pushed_and_used_by_name(
    hub: Hub,
    gap_run: pathlib.Path,
    gap_bundle: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Classified with, trained from; and by HF_ENDPOINT alone, in another process."""
    flags = [f"--workdir={gap_run}", "--frames=120", f"--push={NAME}", "--license=cc-by-4.0"]
    assert export.main(flags) == 0
    out = capsys.readouterr().out
    name = re.fullmatch(r"waves: 24 classes, .*\npushed: --bundle=(hf:\S+@\w{40})\n", out)[1]
    np.save(tmp_path / "clip.npy", np.random.default_rng(0).normal(size=(30, 2, 25, 3)))
    found = []
    for where in (name, f"hf:{NAME}", gap_bundle):
        assert classify.main([f"--bundle={where}", str(tmp_path / "clip.npy")]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] == found[2]
    folder = located(f"hf:{NAME}")
    plan = plan_of(gap_demo.get_config("smoke"))
    begun = replace(plan, train=replace(plan.train, init_from=f"hf:{NAME}"))
    labels = bundle.open_bundle(gap_bundle).metadata["labels"]
    assert initial_weights.trained_on(begun) == weights.read(folder).labels == labels
    assert stages.encoder_start(pathlib.Path(f"hf:{NAME}")) == f"hf:{NAME}"
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert f"hf download {NAME} --local-dir=waves" in card.text
    assert f"python -m gapjax.classify --bundle=hf:{NAME} clip.npy" in card.text
    monkeypatch.setattr(bundle_writer, "lower", find_no_room)
    assert export.main([f"--workdir={gap_run}", "--push=lab/full"]) == 1
    assert "full cannot be written: No space left on device; no bund" in capsys.readouterr().err
    assert "lab/full" not in hub.repositories
    copy = shutil.copytree(gap_bundle, tmp_path / "copy")
    monkeypatch.setattr(bundle_writer, "lower", lambda *_: b"")
    assert export.main([f"--renew={copy}", "--push=lab/renewed", "--public"]) == 0
    assert not hub.repositories["lab/renewed"].private
    assert hub.repositories["lab/renewed"].files == contents(copy)
    assert "--bundle=hf:lab/renewed" in (copy / bundle.CARD).read_text()
    shutil.rmtree(constants.HF_HUB_CACHE)
    code = "import sys, pathlib; from gapjax.workdir import bundle_hub as b; "
    code += f"print(b.located(pathlib.Path('{name}')))"
    variables = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": constants.HF_HUB_CACHE}
    variables |= {"HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(folder), done.stderr
