"""Means over seeds: what is one row, and what a row says."""

import json
import re
from pathlib import Path

import pytest

from gapjax import summarize


def write(workdir: Path, epochs: int = 2, **changes: object) -> Path:
    workdir.mkdir()
    top1 = changes.pop("top1")
    config = {"seed": 1, "data.dir": "data", "train.epochs": 2, "method.name": "gap"} | changes
    (workdir / "config.json").write_text(json.dumps(config))
    lines = [{"step": 5 * n, "epoch": n, "eval/top1": top1} for n in range(1, epochs + 1)]
    (workdir / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return workdir


def run(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    status = summarize.main([str(each) for each in arguments])
    return status, *capsys.readouterr()


def test_runs_of_other_seeds_are_one_row(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = [
        write(tmp_path / "a", top1=0.5, seed=1),
        write(tmp_path / "b", top1=0.75, seed=1, **{"method.name": "supervised"}),
        write(tmp_path / "c", top1=0.6, seed=2, **{"data.dir": "elsewhere"}),
    ]
    status, out, _ = run(capsys, *runs)
    assert status == 0
    assert out.splitlines()[2:] == [
        "| 2 | 55.0 ± 7.1 | method.name=gap |",
        "| 1 | 75.0 | method.name=supervised |",
    ]


def test_any_key_may_be_averaged_over(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = [
        write(tmp_path / split, top1=top1, **{"data.zero_shot": split})
        for split, top1 in (("random:5:1", 0.2), ("random:5:2", 0.4))
    ]
    assert "| 2 | 30.0 ± 14.1 | all runs |" in run(capsys, *runs, "--over=seed,data.zero_shot")[1]
    assert "data.zero_shot=random:5:2" in run(capsys, *runs)[1]


def test_a_metric_that_a_run_lacks_is_a_dash(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = [write(tmp_path / "a", top1=0.5), write(tmp_path / "b", top1=0.6, seed=2)]
    with (runs[0] / "metrics.jsonl").open("a") as file:
        file.write('{"step": 11, "epoch": 2, "eval/top1": 0.5, "zsl/top1": 0.1}\n')
    assert "| 2 | 55.0 ± 7.1 | - | all runs |" in run(capsys, *runs)[1]


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "empty").mkdir()
    half = write(tmp_path / "half", epochs=1, top1=0.5)
    whole = write(tmp_path / "whole", top1=0.5)
    other = write(tmp_path / "other", top1=0.5)
    (other / "config.json").write_text("[]")
    for arguments, expected in (
        ([other], "config.json is not JSON that a run writes"),
        ([tmp_path / "empty"], "is .*empty a working directory"),
        ([half], "is at epoch 1 of 2: run it again"),
        ([whole, "--metrics=zsl/top1"], "no run has any of zsl/top1"),
    ):
        status, _, err = run(capsys, *arguments)
        assert status == 2
        assert len(err.splitlines()) == 1
        assert re.search(expected, err)
