"""Runs of a study: what is shared, what is skipped, and what its table says of them."""

import csv
import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from configs import gap_ucla, star_ucla
from data_pipelines.errors import Preempted, UserError
from gapjax import study as command
from gapjax.experiment.stages import stages
from gapjax.parallel import preemption
from gapjax.studies import gammas, jobs, reading, results, row_figures, running, shared, tables
from gapjax.studies.study import Row, Study
from gapjax.workdir.scores import Scores, scores_path, write_scores


def finish(unit: reading.Unit, metrics: dict[str, float], score: np.ndarray) -> None:
    """Write what a finished run leaves."""
    unit.workdir.mkdir(parents=True)
    (unit.workdir / "config.json").write_text(
        json.dumps(stages(unit.plan, unit.workdir)[-1].plan.flat())
    )
    content = {"epoch": unit.plan.train.epochs, "evaluations": {"test": {"metrics": metrics}}}
    (unit.workdir / "result.json").write_text(json.dumps(content))
    names = np.array([f"sample{n}" for n in range(len(score))])
    facts = {"modality": unit.row.name}
    path = scores_path(unit.workdir, "test")
    path.parent.mkdir()
    write_scores(path, Scores(score, np.zeros(len(score), np.int32), names, facts))


@pytest.fixture
def streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Study, list[reading.Unit]]:
    """Return a study of two streams with their ensemble, and its runs of two seeds."""
    monkeypatch.setattr(reading.batch_size, "settle", lambda plan: plan)
    rows = (
        Row("joint"),
        Row("bone", variants="bone"),
        Row("both", ensemble=("joint", "bone")),
        Row("mean", average=("bone", "joint_motion")),
    )
    study = Study("title", gap_ucla, rows)
    return study, reading.units(study, tmp_path, seeds=2)


def test_a_table_has_the_runs_that_are_finished(
    streams: tuple[Study, list[reading.Unit]], tmp_path: Path
) -> None:
    study, units = streams
    score = {"joint": [[3.0, 0], [0, 1], [0, 1]], "bone": [[0, 1.0], [2, 0], [0, 1]]}
    for unit, top1 in zip(units[:4], (0.25, 0.5, 0.75, 0.5), strict=True):
        finish(unit, {"eval/top1": top1}, np.array(score.get(unit.row.name, score["joint"])))
    finish(units[4], {"eval/top1": 0.35}, np.array(score["joint"]))
    values = {line.name: line.values for line in results.lines(study, units)}
    assert values["joint"] == {1: 25.0, 2: 35.0}
    assert values["bone"] == {1: 50.0}
    # The sums of scores are right for two of three samples.
    assert values["both"] == pytest.approx({1: 100 * 2 / 3})
    assert values["mean"] == {1: 62.5}
    text = tables.write(study, units, tmp_path)
    assert "| bone | - | 50.0 | 1 | - | +25.0 |" in text
    assert (tmp_path / "table.md").read_text() == text
    assert {path.name for path in tmp_path.glob("*.*")} == {
        *("table.md", "table.csv", "table.png", "runs.csv")
    }


def test_rows_are_compared_class_by_class(
    streams: tuple[Study, list[reading.Unit]], tmp_path: Path
) -> None:
    """Figures are of the runs that are finished, and of rows that are one run for a seed."""
    study, units = streams
    figure = row_figures.gains(4.0)
    assert list(figure(study, units)) == []
    score = {"joint": [[3.0, 0], [0, 1], [0, 1]], "bone": [[1.0, 0], [2, 0], [0, 1]]}
    for unit in units:
        finish(unit, {}, np.array(score.get(unit.row.name, score["bone"])))
    assert list(figure(study, units)) == [tmp_path / "bone" / "gain.png"]
    table = (tmp_path / "bone" / "gain.csv").read_text().splitlines()
    assert table[1].startswith("0,3,66.667,0.000,33.333,0.000,33.333,")


def test_only_the_result_of_the_same_config_counts(
    streams: tuple[Study, list[reading.Unit]],
) -> None:
    unit = streams[1][0]
    assert not running.is_finished(unit)
    finish(unit, {}, np.eye(2))
    assert running.is_finished(unit)
    longer = dataclasses.replace(unit.plan.train, epochs=500)
    assert not running.is_finished(
        dataclasses.replace(unit, plan=dataclasses.replace(unit.plan, train=longer))
    )
    (unit.workdir / "result.json").write_text('{"epoch": 1}')
    assert not running.is_finished(unit)
    other = dataclasses.replace(unit, plan=dataclasses.replace(unit.plan, seed=7))
    with pytest.raises(UserError, match=r"row 'joint': .*config\.json is of another config"):
        running.check([other])


def test_a_missing_dataset_is_found_before_any_run(tmp_path: Path) -> None:
    study = reading.load(gap_ucla.__file__, [f"data.dir={tmp_path}"])
    with pytest.raises(UserError, match=r"row 'gap_ucla': .*nw_ucla: this dataset is not here"):
        running.check(reading.units(study, tmp_path, seeds=1))


@pytest.mark.slow
def test_rows_share_their_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A zero-shot study on generated data from its first run to its table, and again."""
    overrides = {"data.dir": str(tmp_path / "data"), "mesh.devices": 1}
    rows = (Row("slow"), Row("fast learner", {"optimizer.learning_rate": 0.2}))
    study = Study("Small", star_ucla, rows, "smoke,regression", overrides)
    workdir = tmp_path / "study"
    units = reading.units(study, workdir, seeds=1)
    assert capsys.readouterr().out.count("generated samples") == 1
    left = running.check(units)
    assert left == units
    running.run_all(left, workdir, lambda: tables.write(study, units, workdir))
    said = capsys.readouterr().out
    assert said.count("stage encoder") == 1
    assert said.count("computing the features") == 1
    (encoder,) = (workdir / shared.ENCODERS).iterdir()
    for unit in units:
        assert (unit.workdir / "encoder").resolve() == encoder
    assert running.check(units) == []
    assert "| fast learner | - |" in (workdir / "table.md").read_text()
    values = list(csv.DictReader((workdir / "runs.csv").read_text().splitlines()))
    for unit in units:
        fold = running.metrics(unit.workdir / "fold1")
        (line,) = (v for v in values if (v["row"], v["column"]) == (unit.row.name, "folds"))
        assert float(line["value"]) == pytest.approx(100 * fold["zsl/top1"], abs=1e-3)
    figures = list(gammas.write(study, units))
    assert figures == [workdir / name / "gamma.png" for name in ("slow", "fast_learner")]
    pairs = list(row_figures.confusions(study, units))
    assert pairs == [workdir / "fast_learner" / "confusions.png"]
    shares = (workdir / "fast_learner" / "confusions.csv").read_text()
    assert shares.startswith("true,recognized,fast learner,slow\n")
    head, *points = (workdir / "slow" / "gamma.csv").read_text().splitlines()
    assert head == "gamma,S,U,H"
    assert points[0].split(",")[2] == points[-1].split(",")[1] == "0.000"
    # Links are relative: the folder may be moved.
    workdir.rename(tmp_path / "moved")
    moved = reading.units(study, tmp_path / "moved", seeds=1)
    assert running.check(moved) == []
    assert (moved[0].workdir / "encoder").resolve().parent == tmp_path / "moved" / "encoders"


PRINT = "import os, sys, time; print('on', os.environ['CUDA_VISIBLE_DEVICES']); "


def script(text: str, unit: reading.Unit) -> Sequence[str]:
    return [sys.executable, "-c", PRINT + text, unit.row.name]


def log(unit: reading.Unit) -> str:
    return unit.workdir.with_suffix(".log").read_text()


def test_jobs_have_devices_of_their_own(
    streams: tuple[Study, list[reading.Unit]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    units, ended = streams[1][:3], []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    wait = "time.sleep(1)"
    status = jobs.run_all(
        units, jobs.devices(2), lambda unit: script(wait, unit), lambda: ended.append(1)
    )
    assert (status, len(ended)) == (0, 3)
    assert sorted(log(unit) for unit in units[:2]) == ["on 4\n", "on 6\n"]
    assert "finished: joint, seed 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "gpus", "names"),
    [
        ("4,6,1", 8, ["4", "6", "1"]),
        ("4,6", 8, "GPUs in CUDA_VISIBLE_DEVICES=4,6: 2"),
        (None, 3, ["0", "1", "2"]),
        (None, 1, "GPUs here: 1"),
        # Without a GPU, runs share the CPU.
        (None, 0, ["0", "1", "2"]),
        ("", 8, ["", "", ""]),
        ("-1", 8, ["-1", "-1", "-1"]),
    ],
)
def test_three_jobs_need_three_devices(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: str | None,
    gpus: int,
    names: list[str] | str,
) -> None:
    for name in ("nvidiactl", "nvidia-uvm", *(f"nvidia{number}" for number in range(gpus))):
        (tmp_path / name).touch()
    monkeypatch.setattr(jobs, "_DRIVER", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    if isinstance(names, list):
        assert jobs.devices(3) == names
    else:
        assert command.main([gap_ucla.__file__, "--jobs=3", f"--workdir={tmp_path}"]) == 2
        assert f"--jobs=3 needs a GPU for each; {names}\n" in capsys.readouterr().err


@pytest.mark.parametrize("is_job", [True, False])
def test_only_jobs_hold_the_devices(
    streams: tuple[Study, list[reading.Unit]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_job: bool,
) -> None:
    """What starts them checks on the CPU, so that all memory of a GPU is theirs."""
    platforms, runs, commands = [], [], []
    # A job sees its own device only.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4" if is_job else "4,6")
    monkeypatch.setattr(command.jax.config, "update", lambda *change: platforms.append(change))
    monkeypatch.setattr(command.preemption, "listen", lambda: None)
    monkeypatch.setattr(running, "check", list)
    monkeypatch.setattr(running, "run_one", lambda unit, workdir: runs.append(unit.workdir))

    def begin(left: list, names: list, command_of: Callable, after: Callable) -> int:
        commands.extend(command_of(unit) for unit in left)
        return 0

    monkeypatch.setattr(jobs, "run_all", begin)
    arguments = [gap_ucla.__file__, "--jobs=2", "--seeds=2", f"--workdir={tmp_path}"]
    place = tmp_path / "gap_ucla" / "seed2"
    assert command.main([*arguments, *([f"--run={place}"] if is_job else [])]) == 0
    if is_job:
        assert (platforms, runs) == ([], [place])
    else:
        assert platforms == [("jax_platforms", "cpu")]
        this = [sys.executable, "-m", "gapjax.study", *arguments]
        assert commands[1] == [*this, f"--run={place}"]


def test_after_a_failure_no_other_job_begins(
    streams: tuple[Study, list[reading.Unit]], capsys: pytest.CaptureFixture[str]
) -> None:
    units = streams[1]
    status = jobs.run_all(
        units, ["0"], lambda unit: script("sys.exit('no room')", unit), lambda: None
    )
    assert status == 1
    assert "failed: joint, seed 1: no room" in capsys.readouterr().err
    assert not units[1].workdir.with_suffix(".log").exists()


def test_a_signal_stops_all_jobs(
    streams: tuple[Study, list[reading.Unit]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(unit: reading.Unit) -> Sequence[str]:
        monkeypatch.setattr(preemption, "_received", [signal.SIGTERM.name])
        return script("time.sleep(60)", unit)

    start = time.monotonic()
    with pytest.raises(Preempted, match="stopped by SIGTERM"):
        jobs.run_all(streams[1], ["0"], begin, lambda: None)
    assert time.monotonic() - start < 30


def test_runs_that_would_make_the_same_wait_for_each_other(tmp_path: Path) -> None:
    def unit(row: Row, seed: int = 1) -> reading.Unit:
        found = reading.units(Study("t", star_ucla, (row,), "quick"), Path("w"), seeds=seed)
        return found[-1]

    star, other = unit(Row("a")), unit(Row("b", variants="no_attention"))
    present = unit(Row("c", {"encoder.person_merge": "present"}))
    assert shared.made_by(star) == shared.made_by(other)
    assert not shared.made_by(star) & shared.made_by(unit(Row("a"), seed=2))
    assert shared.made_by(star) != shared.made_by(present)
    with subprocess.Popen(["true"]) as process, (tmp_path / "log").open("w") as file:
        begun = [jobs.Job(star, 0, process, file)]
    assert jobs._next([other], begun, set(), 2) is None
    assert jobs._next([other], begun, set(shared.made_by(star)), 2) is other
    assert jobs._next([other], begun, set(shared.made_by(star)), 1) is None
