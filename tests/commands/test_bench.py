"""`gapjax.bench`: what it times, counts and compares."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest
from absl import flags
from absl.testing import flagsaver

from configs import gap_demo, star_demo
from data_pipelines.errors import UserError
from gapjax import bench
from gapjax.benchmarks import figures, first_step, machine, timing
from gapjax.experiment.build import build
from gapjax.experiment.config_dict import plan_of
from gapjax.training.run import Run
from support.commands import ROOT

SMALL = ("--config.backbone.width=8", "--config.clips.window=8")
WHAT = ("train", "feed")


@pytest.fixture(autouse=True)
def flag_values() -> Iterator[None]:
    """Flags are as they are without a command line, then and afterwards."""
    with flagsaver.flagsaver():
        flags.FLAGS.mark_as_parsed()
        yield


def small_run(data: Path, devices: int) -> Run:
    config = gap_demo.get_config("smoke,no_text")
    config.data.dir, config.mesh.devices = str(data), devices
    config.backbone.width, config.clips.window = 8, 8
    return build(plan_of(config))


def test_work_of_a_sample_does_not_depend_on_devices(data: Path) -> None:
    both, alone = figures.measure(
        [small_run(data, 2), small_run(data, 1)], ["float32", "float32"], WHAT, steps=1
    )
    assert both["train_gflop_per_sample"] == pytest.approx(alone["train_gflop_per_sample"], rel=0.1)
    assert both["train_samples_per_sec"] > 0 < both["feed_samples_per_sec"]
    assert (both["device"], alone["device"]) == ("cpu x 2", "cpu x 1")
    assert {f"{name}_times_faster" for name in WHAT} <= both.keys() - alone.keys()
    assert "inference_step_ms" not in both
    assert both["recompilations"] == 0
    # The rate is that of all devices, and so is what they do at best.
    for kind, rate in (("matmul", "gflop_per_sec"), ("copy", "gb_per_sec")):
        moved = "moved_" if kind == "copy" else ""
        reached = both[f"train_{rate.replace('per', moved + 'per')}"]
        assert both[f"train_share_of_{kind}"] == pytest.approx(reached / both[f"{kind}_{rate}"])


def test_compilations_are_counted() -> None:
    double = jax.jit(lambda x: 2 * x)
    first, others = jnp.ones(3), jnp.ones(5)
    double(first)
    with timing.compilations() as compiled:
        double(first)
        assert compiled == []
        double(others)
    assert len(compiled) == 1
    double(jnp.ones(7))
    assert len(compiled) == 1


def test_turns_are_taken() -> None:
    order: list[str] = []
    times = timing.in_turns([lambda: order.append("a"), lambda: order.append("b")], 3)
    assert order == ["a", "b"] * 3
    assert [len(each) for each in times] == [3, 3]


def test_larger_matrices_until_one_takes_long(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    layout, tried = small_run(data, 2).layout, []
    monkeypatch.setattr(machine, "_fastest", lambda call: tried.append(call().shape[1]) or 0.01)
    monkeypatch.setattr(machine, "SIZES", (2, 4, 8))
    assert machine.matmul_gflop_per_sec(layout, "float32") == pytest.approx(2e-9 * 2 * 8**3 / 0.01)
    monkeypatch.setattr(machine, "LONG_SECONDS", 0.001)
    assert machine.matmul_gflop_per_sec(layout, "float32") == pytest.approx(2e-9 * 2 * 2**3 / 0.01)
    assert tried == [2, 4, 8, 2]


def test_the_command(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two configs in a table and in lines of JSON."""
    words = [f"--config={ROOT}/configs/gap_demo.py:smoke,no_text", f"--config.data.dir={data}"]
    monkeypatch.setattr(sys, "argv", ["bench", "--steps=2", *words, *SMALL])
    values = {"_AGAINST": "--config.train.batch_size=16", "_STEPS": 1}
    for name, value in {**values, "_ONLY": ["start", "inference"]}.items():
        monkeypatch.setattr(bench, name, SimpleNamespace(value=value))
    monkeypatch.setattr(first_step, "measure", len)
    assert bench.main([]) == 0
    *table, this, against = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["this", "against"]
    assert [line.split()[1:] for line in table if line.startswith("batch ")] == [["48", "16"]]
    assert json.loads(this)["seconds_to_first_step"] == len([*words, *SMALL])
    added = json.loads(against)["config"].removeprefix(json.loads(this)["config"])
    assert added == " --config.train.batch_size=16"
    # A start is that of the stage whose steps are timed.
    with flagsaver.as_parsed(stage="supervised", compilation_cache="false"):
        (found,) = bench.time_all([["--config=a.py"]], ["start"])
        assert bench.start_words() == ["--stage=supervised", "--nocompilation_cache"]
    assert found["seconds_to_first_step"] == 3
    assert bench.start_words() == []


def test_the_start_of_a_stage() -> None:
    """The one that is named, in the folder that is given."""
    plan, workdir = plan_of(star_demo.get_config("smoke")), Path("timed")
    assert first_step.stage_of(plan, workdir).workdir == workdir / "encoder"
    with flagsaver.as_parsed(stage="star"):
        stage = first_step.stage_of(plan, workdir)
    assert (stage.workdir, stage.plan.zero_shot.folds) == (workdir, 0)
    assert stage.upstream.features == workdir / "features"


def test_a_start_is_the_second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first may compile."""
    started, seconds = [], iter([9.0, 2.0])
    monkeypatch.setattr(first_step, "_start", lambda words: started.append(words) or next(seconds))
    assert first_step.measure(["--config=a.py"]) == 2
    assert started == [["--config=a.py"]] * 2


@pytest.mark.slow
def test_a_start_is_that_of_another_process(data: Path) -> None:
    words = [f"--config={ROOT}/configs/gap_demo.py:smoke,no_text", f"--config.data.dir={data}"]
    assert first_step._start([*words, *SMALL]) > 0


@pytest.mark.slow
def test_a_start_that_fails() -> None:
    with pytest.raises(UserError, match="status 2"):
        first_step.measure(["--config=nowhere.py"])
