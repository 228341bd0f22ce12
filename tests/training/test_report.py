"""What a run says, and what it leaves besides scores."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from gapjax.main import default_workdir
from gapjax.training import loop
from gapjax.workdir import score_tables
from gapjax.workdir.scores import Scores
from support.tiny_run import tiny_run


def test_a_run_tells_what_it_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop.train(tiny_run(evaluate_every=2), tmp_path)
    out, err = capsys.readouterr()
    assert not err
    first, second, third, *epochs, test, result, details = out.splitlines()
    assert first == "data: tiny, 3 classes, 24 training and 8 test clips"
    assert second == "network: 181 parameters"
    assert third == "starts at step 0 of 18 (epoch 1 of 3)"
    loss, rate, left = r"loss [\d.]+", r"[\d,]+ clips/s", r"(\d+ min )?\d+ s left"
    patterns = [f"epoch 1/3: {loss}, {rate}, {left}"]
    patterns += [rf"epoch 2/3: {loss}, eval/top1 [\d.]+, {rate}, {left}"]
    patterns += [rf"epoch 3/3: {loss}, eval/top1 [\d.]+, {rate}"]
    for line, pattern in zip(epochs, patterns, strict=True):
        assert re.fullmatch(pattern, line), line
    assert test == "test: 8 clips"
    content = json.loads((tmp_path / "result.json").read_text())
    top1 = content["evaluations"]["test"]["metrics"]["eval/top1"]
    assert result.startswith(f"  eval             top1 {100 * top1:.2f}  top5 ")
    assert details == f"details: {tmp_path}/result.json"
    assert (content["epoch"], content["step"], content["facts"]) == (3, 18, {"dataset": "tiny"})
    loop.train(tiny_run(), tmp_path)
    assert "resumes at step 18 of 18 (epoch 3 of 3)" in capsys.readouterr().out


def test_tables_of_scores(tmp_path: Path) -> None:
    score = np.array([[3, 2, 1], [0, 2, 1], [5, 4, 9], [1, 7, 2]], np.float32)
    names = np.array(["a", "b", "c", "d"])
    scores = Scores(score, np.array([0, 0, 2, 2], np.int32), names)
    score_tables.write(tmp_path, "test", scores, ("wave", "kick, high", "bow"))
    classes, samples = (
        list(csv.DictReader((tmp_path / f"test_per_{kind}.csv").read_text().splitlines()))
        for kind in ("class", "sample")
    )
    assert [row["accuracy"] for row in classes] == ["0.5000", "", "0.5000"]
    assert [row["most_confused_with"] for row in classes] == ["kick, high", "", "kick, high"]
    assert [row["rank_of_true"] for row in samples] == ["1", "3", "1", "2"]
    assert samples[3]["predicted"] == "kick, high"


def test_a_workdir_is_named_after_its_config() -> None:
    assert default_workdir("configs/star_ntu60.py") == Path("runs/star_ntu60")
    assert default_workdir("/x/mine.py:bone,clip") == Path("runs/mine-bone-clip")
