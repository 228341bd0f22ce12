"""Weights & Biases as a log, by a fake of its package."""

import pathlib
import sys

import pytest

from configs import gap_demo
from data_pipelines.errors import UserError
from gapjax.experiment import carry_out
from gapjax.workdir import weights_and_biases
from gapjax.workdir.log import Logbook
from support.commands import Command, assert_one_line
from support.fake_wandb import Error, FakeWandb

CONFIG = {"train.epochs": 3}


def test_a_run_that_resumes_is_the_same_run(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    service, workdir = FakeWandb(monkeypatch), tmp_path / "one"
    workdir.mkdir()
    for first, written in ((0, (2, 4, 6)), (4, (4, 6, 8))):
        with weights_and_biases.opened(workdir, CONFIG) as sink:
            log = Logbook(workdir, first, 8, [sink])
            for step in written:
                log.write(step, 1, {"train/loss": float(step), "note": "text"})
            log.close()
    (before, run), (after, resumed) = service.runs
    assert before == after
    assert before["id"] == (workdir / weights_and_biases.ID_FILE).read_text()
    told = {"project": "gapjax", "name": "one", "resume": "allow", "dir": str(workdir)}
    told |= {"id": before["id"], "config": CONFIG, "settings": {"silent": True}}
    assert before == told
    assert capsys.readouterr().out == "W&B: wandb/offline/files\n" * 2
    assert run.logged == [(step, {"train/loss": float(step)}) for step in (2, 4, 6)]
    # Step 4 is in the log already; step 6, after the checkpoint, is trained again.
    assert [step for step, _ in resumed.logged] == [6, 8]
    with weights_and_biases.opened(tmp_path, CONFIG):
        pass
    assert service.runs[-1][0]["id"] != before["id"]


def test_a_run_that_fails_ends_as_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = FakeWandb(monkeypatch)
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    with pytest.raises(FloatingPointError), weights_and_biases.opened(tmp_path, CONFIG):
        raise FloatingPointError("the loss is not finite")
    ((arguments, run),) = service.runs
    assert (arguments["project"], run.ended) == ("mine", [1])
    service.error = Error("api_key not configured")
    with pytest.raises(UserError, match=r"api_key not.*WANDB_MODE=offline"):
        weights_and_biases.opened(tmp_path, CONFIG).__enter__()


def test_what_cannot_be_logged_is_refused_first(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, workdir = gap_demo.get_config("smoke"), tmp_path / "run"
    monkeypatch.setitem(sys.modules, "wandb", None)
    for mode, log, said in (
        ("train", "wandb", r"pip install gapjax\[wandb\]"),
        ("train", "wand", "log='wand' is not known"),
        ("evaluate", "wandb", "leave it out"),
    ):
        with pytest.raises(UserError, match=said):
            carry_out.run(config, workdir, mode, log=log)
    assert not workdir.exists()


def test_the_command(
    data: pathlib.Path, environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "wandb.py").write_text("raise ImportError")
    command = Command(data, environment | {"PYTHONPATH": str(tmp_path)})
    result = command.run(tmp_path / "run", "--log=wandb")
    assert_one_line(result, "pip install gapjax[wandb]")
    assert not (tmp_path / "run").exists()
