"""Training through the public command: files, exact resume, bad input."""

import functools
import itertools
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from configs import gap_demo
from data_pipelines.errors import DataError, Preempted, UserError
from gapjax.experiment import carry_out
from gapjax.experiment.build import build
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.stages import stages
from gapjax.training import loop
from support.commands import (
    ROOT,
    Command,
    assert_one_line,
    await_path,
    began_at,
    checkpoint,
    end_after,
    metrics,
    results,
    saved_step,
)
from support.commands import SMOKE_FLAGS as RESIDENT
from support.commands import STREAM_FLAGS as STREAM
from support.fake_wandb import FakeWandb
from support.tiny_run import tiny_run


@pytest.fixture
def finished(gap_run: Path) -> Path:
    """Return the workdir of a finished smoke run."""
    return gap_run


def test_a_run_that_was_killed_resumes_bitwise(
    command: Command, finished: Path, tmp_path: Path
) -> None:
    """The short form of `soak.py`."""
    killed = tmp_path / "killed"
    process = command.start(killed, *RESIDENT)
    end_after(process, killed / "checkpoints" / "5")
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "scores").exists(), "the run was done before it was killed"
    saved = saved_step(killed)
    status, out, err = command.run(killed, *RESIDENT)
    assert status == 0, err
    assert began_at(out) == saved >= 5
    assert results(killed) == results(finished)
    steps = [line["step"] for line in metrics(killed) if "train/loss" in line]
    assert steps == [5, 10, 15]


def test_a_streamed_run_that_is_told_to_stop_and_whose_data_vanish_resumes_bitwise(
    data: Path, environment: dict[str, str], streamed: Path, tmp_path: Path
) -> None:
    """Every epoch and every evaluation opens the files again."""
    there, gone, ended = tmp_path / "data", tmp_path / "gone", tmp_path / "run"
    shutil.copytree(data, there)
    command = Command(there, environment)
    process = command.start(ended, *STREAM)
    said = end_after(process, ended / "checkpoints" / "5", signal.SIGTERM)
    assert "gapjax: stopped by SIGTERM: step" in said
    assert process.returncode == Preempted.status
    saved = saved_step(ended)
    process = command.start(ended, *STREAM)
    await_path(process, ended / "checkpoints" / "10")
    there.rename(gone)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert began_at(out) == saved >= 5
    message = (
        r"gapjax: .*/data/synthetic/.*tfrecord.*: is gone; when it is back, run the same command"
    )
    assert re.search(message, err.splitlines()[-1]), err
    gone.rename(there)
    assert command.run(ended, *STREAM)[0] == 0
    assert results(ended) == results(streamed)


def test_files_of_a_run(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert {"config.json", "environment.json", "metrics.jsonl", "checkpoints", "scores"} <= names
    assert "tensorboard" in names
    # What `auto` is on a CPU: a run that goes on elsewhere keeps its precision.
    assert json.loads((finished / "config.json").read_text())["train.precision"] == "float32"
    *loop, test = metrics(finished)
    assert all(np.isfinite(line["train/loss"]) for line in loop)
    assert loop[-1]["train/samples_per_sec"] > 0
    assert 0 <= test["eval/top1"] <= test["eval/top5"] <= 1
    scores = np.load(finished / "scores" / "test.npz")
    assert scores["score"].shape == (720, 24)
    top1 = (scores["score"].argmax(axis=1) == scores["label"]).mean()
    assert top1 == pytest.approx(test["eval/top1"])


def test_every_step_is_in_one_line_of_the_log(tmp_path: Path) -> None:
    """Lines need not end where epochs do, which have six steps here."""
    losses = []
    for every in (1, 4):
        loop.train(tiny_run(log_every=every), tmp_path / str(every))
        lines = [line for line in metrics(tmp_path / str(every)) if "train/loss" in line]
        losses.append({line["step"]: line["train/loss"] for line in lines})
    single, means = losses
    assert list(means) == [4, 8, 12, 16, 18]
    for first, last in itertools.pairwise([0, *means]):
        assert means[last] == pytest.approx(np.mean([single[1 + n] for n in range(first, last)]))


def test_both_feeds_train_equally(finished: Path, streamed: Path) -> None:
    losses = [
        [line["train/loss"] for line in metrics(folder) if "train/loss" in line]
        for folder in (finished, streamed)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)
    # Two programs add in other orders, which fifteen steps amplify.
    for one, other in zip(checkpoint(finished), checkpoint(streamed), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)


def test_gap_trains_on_real_sequences(
    nw_ucla_zip: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """The real NW-UCLA archive, converted and trained on by the public commands."""
    convert = [sys.executable, "-m", "data_pipelines.convert", "nw_ucla", f"--raw={nw_ucla_zip}"]
    convert.append(f"--out={tmp_path / 'data'}")
    subprocess.run(convert, cwd=ROOT, check=True, capture_output=True)
    command = Command(tmp_path / "data", environment)
    result = command.run(tmp_path / "run", config="--config=configs/gap_ucla.py:smoke")
    assert result[0] == 0, result
    assert "test: 464 clips" in result[1]
    assert "data: nw_ucla xview, 10 classes, 1,020 training and 464 test clips" in result[1]
    assert metrics(tmp_path / "run")[-1]["eval/top1"] > 0.1


def test_evaluate_gives_the_same_scores(command: Command, finished: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "copy"
    shutil.copytree(finished, workdir)
    (workdir / "scores" / "test.npz").unlink()
    (workdir / "environment.json").write_text("of training")
    # The config is that of the workdir; keys that change no result may be given.
    flags = ["--mode=evaluate", "--config.eval.batch_size=36"]
    status, out, err = command.run(workdir, *flags, config="")
    assert (status, err) == (0, "")
    assert (workdir / "environment.json").read_text() == "of training"
    assert out.endswith(f"details: {workdir}/result.json\n")
    one, other = (np.load(folder / "scores" / "test.npz") for folder in (finished, workdir))
    # XLA sums batches of other sizes in another order.
    np.testing.assert_allclose(one["score"], other["score"], atol=1e-6)
    np.testing.assert_array_equal(one["name"], other["name"])


def test_validation_subjects_are_scored_apart(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = gap_demo.get_config("smoke")
    config.data.dir, config.data.validation_subjects = str(data), 2
    config.mesh.devices = config.train.epochs = 1
    service = FakeWandb(monkeypatch)
    # The README's own block, from Python as the command does it, with another config.
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (code,) = [block for block in blocks if "carry_out" in block]
    monkeypatch.setattr(gap_demo, "get_config", lambda variants: config)
    monkeypatch.setattr(carry_out, "run", functools.partial(carry_out.run, log="wandb"))
    monkeypatch.chdir(tmp_path)
    scope: dict[str, dict] = {}
    exec(code, scope)
    result, tmp_path = scope["result"], tmp_path / "runs" / "smoke"
    ((_, run),) = service.runs
    logged = [{"step": step, **values} for step, values in run.logged]
    assert logged == [{k: v for k, v in line.items() if k != "epoch"} for line in metrics(tmp_path)]
    assert run.ended == [0]
    assert result == json.loads((tmp_path / "result.json").read_text())
    assert result == carry_out.run(config, tmp_path, "evaluate", log="")
    assert result["evaluations"]["validation"]["samples"] == 2 * 720 // 5
    assert (tmp_path / "config.json").is_file()
    said = capsys.readouterr().out
    assert re.search(r"\n  validation +top1 \d", said), said
    validation = np.load(tmp_path / "scores" / "validation.npz")
    test = np.load(tmp_path / "scores" / "test.npz")
    assert len(validation["label"]) == 2 * 720 // 5
    assert not set(validation["name"]) & set(test["name"])


def test_a_loss_that_is_not_finite_stops_the_run(command: Command, tmp_path: Path) -> None:
    flags = ["--config.method.loss_weight=1e15", "--config.optimizer.learning_rate=100"]
    flags += ["--config.train.checkpoint_every=1"]
    status, _, err = command.run(tmp_path / "run", *flags)
    assert status == 1, err
    assert re.search("the (loss|norm of the gradients) of step", err.splitlines()[-1])
    for leaf in checkpoint(tmp_path / "run")[:1]:
        assert np.isfinite(leaf.astype(np.float64)).all()


BAD = {
    "unknown key": (["--config.train.epoch=3"], "did you mean"),
    "a key of another section": (
        ["--config.optimizer.epochs=3"],
        "unknown config key 'optimizer.epochs'",
    ),
    "no data": (
        ["--config.data.dir=/nowhere", "--config.data.dataset=ntu60", "--noconfig.data.stand_in"],
        "data_pipelines.convert ntu60",
    ),
    "not a number": (["--config.train.epochs=x"], "x"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_users_mistake_is_one_line(command: Command, tmp_path: Path, name: str) -> None:
    flags, expected = BAD[name]
    assert_one_line(command.run(tmp_path / "run", *flags), expected)
    assert not (tmp_path / "run").exists()


SENSELESS = [
    ({"backbone.name": "ctr_gnc"}, "did you mean 'ctr_gcn'"),
    ({"text.encoder": "hash"}, "did you mean 'hashed'"),
    ({"text.encoder": "bert", "text.checkpoint": "tests"}, "tests"),
    ({"data.protocol": "xset"}, "xsub"),
    ({"data.feed": "resindent"}, "did you mean 'resident'"),
    ({"method.temperature": "cold"}, "paper"),
    ({"method.partition": "5"}, "global"),
    ({"train.batch_size": 100_000}, "batch"),
    ({"train.epochs": 0}, r"train\.epochs=0 should be at least 1"),
    ({"eval.every": 0}, r"eval\.every=0 should be at least 1"),
    ({"train.steps_per_dispatch": 0}, r"steps_per_dispatch=0 should be at least 1"),
    ({"train.log_every": -1}, r"log_every=-1 should be at least 0"),
]


@pytest.mark.parametrize(("changes", "expected"), SENSELESS)
def test_values_that_make_no_sense_are_refused(data: Path, changes: dict, expected: str) -> None:
    config = gap_demo.get_config("smoke")
    config.data.dir = str(data)
    config.update_from_flattened_dict(changes)
    with pytest.raises((UserError, DataError), match=expected):
        build(plan_of(config))


def test_an_unknown_variant_is_one_line(command: Command, tmp_path: Path) -> None:
    result = command.run(tmp_path / "run", config="--config=configs/gap_demo.py:smokey")
    assert_one_line(result, "no variant 'smokey'")


def test_a_workdir_of_another_config_is_refused(data: Path, finished: Path) -> None:
    config = gap_demo.get_config("smoke")
    config.data.dir, config.seed = str(data), 7
    config.train.log_every = config.train.checkpoint_every = 5
    with pytest.raises(UserError, match=r"is of another config \(seed: 1 there, 7 now"):
        carry_out.prepare(stages(plan_of(config), finished))
    # What changes no result may differ, and a longer run continues.
    config.seed, config.eval.every, config.train.epochs = 1, 3, 9
    carry_out.prepare(stages(plan_of(config), finished))


def test_weights_that_do_not_fit_leave_the_workdir_free(data: Path, tmp_path: Path) -> None:
    """The mistake can be corrected without another --workdir."""
    config = gap_demo.get_config("smoke,no_text")
    config.data.dir = str(data)
    config.train.init_from = str(tmp_path / "weights.npz")
    np.savez(config.train.init_from, **{"fc.bias": np.zeros(3)})
    for mode in carry_out.MODES:
        with pytest.raises(UserError, match="the state dict lacks"):
            carry_out.run(config, tmp_path / "run", mode)
    assert not (tmp_path / "run").exists()


def test_evaluating_nothing_is_refused(command: Command, tmp_path: Path) -> None:
    result = command.run(tmp_path / "run", "--mode=evaluate")
    assert_one_line(result, f"{tmp_path / 'run'} has no run to evaluate")
    assert not (tmp_path / "run").exists()
