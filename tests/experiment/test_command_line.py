"""From `--config` and its overrides to a plan, wherever the config lies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags

from gapjax.experiment import command_line
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.plan import Plan
from support.commands import ROOT

DEMO = f"--config={ROOT}/configs/gap_demo.py:smoke"


def parse(*arguments: str) -> Plan:
    """Return the plan of a command line."""
    values = flags.FlagValues()
    flags.DEFINE_string("config", None, "", flag_values=values)
    command_line.parse(["command", *arguments], values)
    return plan_of(values.config)


def test_variants_and_keys() -> None:
    plan = parse(f"{DEMO},stream", "--config.train.epochs=3", "--config.clips.k=1")
    assert (plan.data.feed, plan.train.epochs, plan.clips["k"]) == ("stream", 3, 1)
    assert plan.backbone["width"] == 8


@pytest.mark.parametrize("order", [1, -1])
def test_the_keys_of_the_part_that_is_named(order: int) -> None:
    """In any order."""
    keys = ["--config.backbone.name=shift_gcn", "--config.backbone.shift_gradient=true"]
    plan = parse(DEMO, *keys[::order])
    assert dict(plan.backbone.values) == {
        "width": 8,
        "stages": (1,),
        "shift_gradient": "true",
    }


def test_another_method_on_any_config() -> None:
    plan = parse(DEMO, "--config.method.name=star", "--config.data.zero_shot=18_6")
    assert plan.on_features
    assert plan.method["attributes"] == 100
    assert parse(DEMO, "--config.method.name", "supervised").method.values == ()


MISTAKES = {
    "unknown key": ("--config.train.epoch=3", "'train.epoch'; did you mean 'train.epochs'?"),
    "unknown section": ("--config.trian.epochs=3", "'trian.epochs'; did you mean 'train.epochs'?"),
    "a section": ("--config.train=3", "unknown config key 'train'"),
    "a key of the replaced part": (
        "--config.backbone.temporal=x",
        "(there are: name, shift_gradient",
    ),
    "no such part": ("--config.method.name=gapp", "did you mean 'gap'?"),
    "not a number": ("--config.train.epochs=x", "x"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    flag, expected = MISTAKES[name]
    with pytest.raises(SystemExit) as caught:
        parse(DEMO, "--config.backbone.name=shift_gcn", flag)
    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2
    assert expected in line


FILES = {
    "import nothing_of_this_name": "ModuleNotFoundError: No module named 'nothing_of_this_name'",
    "def get_config(): return undefined": "NameError: name 'undefined' is not defined",
    "a = (": "SyntaxError",
}


@pytest.mark.parametrize("text", FILES)
def test_a_mistake_in_a_config_file(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(SystemExit):
        parse(f"--config={tmp_path}/mine.py")
    assert f"mine.py: {FILES[text]}" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse(f"--config={tmp_path}/other.py:smoke")
    assert "there is no file" in capsys.readouterr().err


def test_a_config_outside_the_repository(
    data: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Only the two packages that are installed can be imported; the config imports others."""
    (tmp_path / "lib").mkdir()
    for package in ("gapjax", "data_pipelines"):
        (tmp_path / "lib" / package).symlink_to(ROOT / package)
    flags_ = [f"--config.data.dir={data}", f"--workdir={tmp_path}/run", "--mode=evaluate"]
    command = [sys.executable, "-m", "gapjax.main", f"{DEMO},no_text", *flags_]
    env = os.environ | environment | {"PYTHONPATH": str(tmp_path / "lib")}
    streams = {"capture_output": True, "text": True, "timeout": 300}
    result = subprocess.run(command, cwd=tmp_path, env=env, **streams)
    assert f"is {tmp_path}/run a working directory?" in result.stderr
    assert len(result.stderr.splitlines()) == 1
