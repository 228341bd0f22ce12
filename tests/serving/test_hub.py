"""Bundles on the Hugging Face hub, which a local server plays, are opened by their name."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from huggingface_hub import constants, errors

from data_pipelines.errors import DiskError, HostError, UserError
from gapjax.workdir import bundle_files, bundle_hub
from support import hub_faults
from support.commands import ROOT
from support.hub_server import READER, Hub, Repository
from support.hub_use import NAME, contents, find_no_room, located, pushed

# huggingface_hub's, of uploads by its HTTP client.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


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
    hub.fault = hub_faults.refusing(503)
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
    hub.fault = hub_faults.refusing(403, "/variables/array")
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
    hub.fault = hub_faults.cutting("/variables/array", "GET")
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


def test_no_room_for_a_copy(hub: Hub, small: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed(small)
    monkeypatch.setattr("huggingface_hub.file_download.http_get", find_no_room)
    with pytest.raises(DiskError, match="cache cannot be written: No space left on device; what"):
        located(f"hf:{NAME}")


@pytest.mark.slow
def test_another_process_has_the_hub_of_the_environment(hub: Hub, small: pathlib.Path) -> None:
    """By HF_ENDPOINT alone."""
    revision = pushed(small)
    code = "import sys, pathlib; from gapjax.workdir import bundle_hub as b; "
    code += f"print(b.located(pathlib.Path('hf:{NAME}@{revision}')))"
    variables = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": constants.HF_HUB_CACHE}
    # Other tests may have forbidden the network in this process.
    variables |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert contents(pathlib.Path(done.stdout.strip())) == contents(small)
