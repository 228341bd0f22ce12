"""Bundles are pushed to the Hugging Face hub, which a local server plays: whole, or not at all."""

import pathlib
import re
import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from huggingface_hub import ModelCard

from configs import gap_demo
from data_pipelines.errors import HostError, UserError
from gapjax import classify, export
from gapjax.experiment import initial_weights, stages
from gapjax.experiment.config_dict import plan_of
from gapjax.serving import bundle, bundle_writer
from gapjax.workdir import weights
from support import hub_faults
from support.hub_server import WRITER, Hub, Repository
from support.hub_use import NAME, contents, find_no_room, located, pushed

# huggingface_hub's, of uploads by its HTTP client.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

FAULTS = {
    "no permission": (hub_faults.refusing(403, method="POST"), UserError, "permit it .HTTP 403"),
    "upload refused": (hub_faults.refusing(403, "/preupload/"), UserError, "permit it .HTTP 403"),
    "too large": (hub_faults.refusing(413, "/commit/"), UserError, "refuses .HTTP 413"),
    "upload cut": (hub_faults.cutting("/lfs/", "PUT"), HostError, "does not answer"),
    "hub fails": (hub_faults.refusing(500, "/commit/"), HostError, "does not answer"),
    "commit cut": (hub_faults.cutting("/commit/", "POST"), HostError, "does not answer"),
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
    hub.fault = hub_faults.refusing(401)
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    assert export.main(["--workdir=none", f"--push={NAME}"]) == 2
    assert set(hub.repositories) == {"lab/text", "lab/open", "lab/closed"}


def test_a_run_is_pushed_and_used_by_name(
    hub: Hub,
    gap_run: pathlib.Path,
    gap_bundle: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture,
) -> None:
    """What it says is the name; its card says how it is used."""
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
    card = ModelCard.load(located(f"hf:{NAME}") / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert f"hf download {NAME} --local-dir=waves" in card.text
    assert f"python -m gapjax.classify --bundle=hf:{NAME} clip.npy" in card.text


def test_training_starts_from_a_bundle_on_the_hub(hub: Hub, gap_bundle: pathlib.Path) -> None:
    pushed(gap_bundle)
    plan = plan_of(gap_demo.get_config("smoke"))
    begun = replace(plan, train=replace(plan.train, init_from=f"hf:{NAME}"))
    labels = bundle.open_bundle(gap_bundle).metadata["labels"]
    copy = located(f"hf:{NAME}")
    assert initial_weights.trained_on(begun) == weights.read(copy).labels == labels
    assert stages.encoder_start(pathlib.Path(f"hf:{NAME}")) == f"hf:{NAME}"


def test_no_room_for_what_is_pushed(
    hub: Hub,
    gap_run: pathlib.Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundle_writer, "lower", find_no_room)
    assert export.main([f"--workdir={gap_run}", "--push=lab/full"]) == 1
    assert "full cannot be written: No space left on device; no bund" in capsys.readouterr().err
    assert "lab/full" not in hub.repositories


def test_a_renewed_bundle_is_pushed(
    hub: Hub, gap_bundle: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(gap_bundle, tmp_path / "copy")
    monkeypatch.setattr(bundle_writer, "lower", lambda *_: b"")
    assert export.main([f"--renew={copy}", "--push=lab/renewed", "--public"]) == 0
    assert not hub.repositories["lab/renewed"].private
    assert hub.repositories["lab/renewed"].files == contents(copy)
    assert "--bundle=hf:lab/renewed" in (copy / bundle.CARD).read_text()
