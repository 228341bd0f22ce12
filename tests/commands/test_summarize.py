"""Means over seeds: what is one row, and what a row says."""

import json
import re
from pathlib import Path

import pytest

from gapjax import summarize
from gapjax.workdir.config_file import EXECUTION_KEYS


def write(workdir: Path, epochs: int = 2, **changes: object) -> Path:
    workdir.mkdir(parents=True)
    top1 = changes.pop("top1")
    config = {"seed": 1, "data.dir": "data", "train.epochs": 2, "method.name": "gap"} | changes
    (workdir / "config.json").write_text(json.dumps(config))
    lines = [{"step": 5 * n, "epoch": n, "eval/top1": top1} for n in range(1, epochs + 1)]
    (workdir / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return workdir


def run(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    status = summarize.main([str(argument) for argument in arguments])
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
        "| 2 | 55.0 ± 7.1 | method.name=gap | a, c |",
        "| 1 | 75.0 | method.name=supervised | b |",
    ]


def test_rows_name_their_directories(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = [write(tmp_path / f"{name}/joint", top1=0.5, seed=name) for name in ("a", "b")]
    status, out, _ = run(capsys, *runs)
    assert status == 0
    assert out.splitlines()[0] == "| runs | eval/top1 | config | directories |"
    assert out.splitlines()[2] == "| 2 | 50.0 ± 0.0 | all runs | a/joint, b/joint |"


@pytest.mark.parametrize("key", EXECUTION_KEYS)
def test_how_a_run_was_carried_out_makes_no_other_row(
    tmp_path: Path, capsys: pytest.CaptureFixture, key: str
) -> None:
    assert "eval.every" in EXECUTION_KEYS
    runs = [write(tmp_path / str(n), top1=0.5, seed=n, **{key: n}) for n in (1, 2)]
    assert "| 2 | 50.0 ± 0.0 | all runs | 1, 2 |" in run(capsys, *runs)[1]


def test_any_key_may_be_averaged_over(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = [
        write(tmp_path / split, top1=top1, **{"data.zero_shot": split})
        for split, top1 in (("random:5:1", 0.2), ("random:5:2", 0.4))
    ]
    assert (
        "| 2 | 30.0 ± 14.1 | all runs | random:5:1, random:5:2 |"
        in run(capsys, *runs, "--over=seed,data.zero_shot")[1]
    )
    assert "data.zero_shot=random:5:2" in run(capsys, *runs)[1]


def test_a_metric_that_a_run_lacks_is_a_dash(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = [write(tmp_path / "a", top1=0.5), write(tmp_path / "b", top1=0.6, seed=2)]
    with (runs[0] / "metrics.jsonl").open("a") as file:
        file.write('{"step": 11, "epoch": 2, "eval/top1": 0.5, "zsl/top1": 0.1}\n')
    assert "| 2 | 55.0 ± 7.1 | - | all runs |" in run(capsys, *runs)[1]


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "empty").mkdir()
    half = write(tmp_path / "half", epochs=1, top1=0.5)
    finished = write(tmp_path / "whole", top1=0.5)
    other = write(tmp_path / "other", top1=0.5)
    (other / "config.json").write_text("[]")
    for arguments, expected in (
        ([other], "config.json is not a config in JSON"),
        ([tmp_path / "empty"], "is .*empty a working directory"),
        ([half], "half is not finished: run its command again"),
        ([finished, "--metrics=zsl/top1"], "no run has any of zsl/top1"),
    ):
        status, _, err = run(capsys, *arguments)
        assert status == 2
        assert len(err.splitlines()) == 1
        assert re.search(expected, err)


def test_a_run_that_was_stopped_in_its_last_epoch_is_not_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Within an epoch lines of training tell that epoch's number already."""
    trained = '{"step": %d, "epoch": 2, "train/loss": 1.5, "train/learning_rate": 0.1}\n'
    stopped = write(tmp_path / "stopped", epochs=1, top1=0.5)
    for step in (8, 10):
        with (stopped / "metrics.jsonl").open("a") as file:
            file.write(trained % step)
        status, out, err = run(capsys, stopped)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "stopped is not finished: run its command again" in err
    with (stopped / "metrics.jsonl").open("a") as file:
        file.write('{"step": 10, "epoch": 2, "eval/top1": 0.75}\n')
    assert "| 1 | 75.0 | all runs |" in run(capsys, stopped)[1]


def test_a_run_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    first = write(tmp_path / "a", top1=0.5)
    second = write(tmp_path / "b", top1=0.6, **{"data.dir": "elsewhere"})
    for runs, expected in (
        ([first, second], f"gapjax: {first} and {second} have the same seed: "),
        ([first, f"{first}/."], f"gapjax: {first} and {first} have the same seed: "),
        ([first, second, "--over=method.name,seed"], "have the same method.name, seed: "),
    ):
        status, out, err = run(capsys, *runs)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert expected in err
    assert "| 2 | 55.0 ± 7.1 | all runs |" in run(capsys, first, second, "--over=data.dir")[1]


def write_on(encoder: Path | str, workdir: Path, top1: float, **changes: object) -> Path:
    """Write a run on an encoder, which is trained by the run itself where it is an empty text."""
    return write(workdir, top1=top1, **{"encoder.checkpoint": str(encoder)}, **changes)


def test_runs_on_encoders_of_other_settings_are_other_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = []
    for seed, epochs, top1 in ((1, 2, 0.5), (2, 2, 0.6), (3, 1, 0.8)):
        encoder = tmp_path / f"encoder{seed}"
        write(encoder, epochs, top1=0.9, seed=seed, **{"train.epochs": epochs})
        runs.append(write_on(encoder, tmp_path / f"run{seed}", top1, seed=seed))
    own_encoder = write_on("", tmp_path / "run4", 0.7, seed=4)
    write(own_encoder / "encoder", top1=0.9, seed=4, **{"data.dir": "elsewhere"})
    assert run(capsys, *runs, own_encoder)[1].splitlines()[2:] == [
        "| 3 | 60.0 ± 10.0 | encoder.checkpoint.train.epochs=2 | run1, run2, run4 |",
        "| 1 | 80.0 | encoder.checkpoint.train.epochs=1 | run3 |",
    ]


def test_runs_of_one_seed_on_encoders_of_several_are_several(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = []
    for seed, top1 in ((1, 0.5), (2, 0.6)):
        encoder = write(tmp_path / f"encoder{seed}", top1=0.9, seed=seed)
        runs.append(write_on(encoder, tmp_path / f"run{seed}", top1))
    assert "| 2 | 55.0 ± 7.1 | all runs |" in run(capsys, *runs)[1]


def test_published_encoders_go_by_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = []
    for seed, name in enumerate(("here/a.pt", "there/a.pt", "here/b.pt", "gone/a.pt")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.parent.name != "gone":
            path.write_text("")
        runs.append(write_on(path, tmp_path / f"run{seed}", 0.5, seed=seed))
    assert run(capsys, *runs)[1].splitlines()[2:] == [
        "| 2 | 50.0 ± 0.0 | encoder.checkpoint=a.pt | run0, run1 |",
        "| 1 | 50.0 | encoder.checkpoint=b.pt | run2 |",
        f"| 1 | 50.0 | encoder.checkpoint={runs[0].parent / 'gone' / 'a.pt'} | run3 |",
    ]


def test_a_title_tells_an_encoder_only_where_it_differs_from_its_run(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = []
    for name in ("ctr_gcn", "shift_gcn"):
        runs.append(write_on("", tmp_path / name, 0.5, **{"backbone.name": name}))
        write(runs[-1] / "encoder", top1=0.9, **{"backbone.name": name})
    assert run(capsys, *runs)[1].splitlines()[2:] == [
        "| 1 | 50.0 | backbone.name=ctr_gcn | ctr_gcn |",
        "| 1 | 50.0 | backbone.name=shift_gcn | shift_gcn |",
    ]
