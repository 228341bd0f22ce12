"""From `--config` and its overrides to a plan, wherever the config lies."""

import ast
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from data_pipelines.errors import UserError
from gapjax.experiment import command_line, config_dict
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.plan import Plan
from gapjax.text import embedding_cache
from gapjax.text.embedding_cache import TextEmbedder
from gapjax.text.encoder import TextOptions
from support.commands import ROOT
from support.source_tree import FILES as FILES_OF_PROJECT
from support.source_tree import tree_of

DEMO = f"--config={ROOT}/configs/gap_demo.py:smoke"


def parse(*arguments: str) -> Plan:
    """Return the plan of a command line."""
    return command_line.plan_of_words(arguments)


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
    assert parse(DEMO, "--config.method.name", "supervised").method.values == (("persons", "all"),)


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


@pytest.mark.parametrize("rule", ["('a', 0.1, 0.0, 3)", "('a',)", "('a', -1.0)", "('a', 'b')"])
def test_a_rule_of_the_optimizer_that_makes_no_sense(rule: str) -> None:
    message = re.escape(f"optimizer.rules: {rule} is not (pattern, factor of the learning rate)")
    with pytest.raises(UserError, match=message):
        parse(DEMO, f"--config.optimizer.rules=({rule},)")


def test_the_rule_of_the_docs_freezes() -> None:
    page = (ROOT / "docs" / "own-data.md").read_text()
    (rules,) = re.findall(r"--config\.optimizer\.rules='(.*?)'", page)
    (rule,) = parse(DEMO, f"--config.optimizer.rules={rules}").optimizer.rules
    assert (rule.pattern, rule.learning_rate) == ("backbone/", 0.0)


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


NAMED = """
from gapjax.experiment.config_dict import new_config
def get_config(variants=""):
    config = new_config()
    config.backbone{}
    return config
"""


def test_a_config_file_names_another_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(NAMED.format(".name = 'shift_gcn'; config.backbone.shift_gradient = 'true'"))
    with pytest.raises(SystemExit):
        parse(f"--config={file}")
    (line,) = capsys.readouterr().err.splitlines()
    assert "come with its name: config.backbone = {'name': NAME, KEY: ...}" in line
    file.write_text(NAMED.format(" = {'name': 'shift_gcn', 'shift_gradient': 'true'}"))
    assert parse(f"--config={file}").backbone["shift_gradient"] == "true"
    file.write_text(NAMED.format(".name = 'shift_gcn'"))
    plan = parse(f"--config={file}", "--config.backbone.shift_gradient=true")
    assert plan.backbone["shift_gradient"] == "true"


@pytest.mark.parametrize(
    ("flags_", "expected"),
    [
        ([], "gapjax: name a config: --config=FILE (--list has all of them)"),
        (["--workdir=nope"], "gapjax: there is no run in nope; name a config: --config=FILE"),
    ],
)
def test_no_config(flags_: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(*flags_)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(expected)


def test_a_config_may_import_its_neighbors_and_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever folder the command runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in ("", str(ROOT))])
    for name in [name for name in sys.modules if name.split(".")[0] == "configs"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "ours").mkdir()
    for name in ("__init__", "seeds"):
        (tmp_path / "ours" / f"{name}.py").write_text("SEED = 5\n")
    (tmp_path / "ours/mine.py").write_text(
        "from configs import gap_demo\nfrom .seeds import SEED\n"
        "def get_config(variants=''):\n"
        "    config = gap_demo.get_config(variants)\n    config.seed = SEED\n    return config\n"
    )
    assert parse(f"--config={tmp_path}/ours/mine.py:smoke").seed == 5


def test_a_config_ends_in_py(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("def get_config(): pass\n")
    assert "the name of one ends in .py" in refusal(capsys, f"--config={tmp_path}/mine.txt")


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
    assert f"{tmp_path}/run has no run to evaluate" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the line that a command line is refused with."""
    with pytest.raises(SystemExit) as caught:
        parse(*arguments)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_none_on_the_command_line() -> None:
    plan = parse(f"{DEMO},bone", "--config.clips.k=None", "--config.train.epochs=3")
    assert plan.clips["k"] is None
    assert plan.train.epochs == 3
    assert parse(f"{DEMO},bone", "--config.clips.k", "None").clips["k"] is None


def test_stray_arguments_and_broken_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "'train' is no flag" in refusal(capsys, DEMO, "train")
    assert "there is no file" in refusal(capsys, f"--config={ROOT}/configs")
    (tmp_path / "empty.py").write_text("")
    assert "no function get_config" in refusal(capsys, f"--config={tmp_path}/empty.py")
    line = refusal(capsys, f"{DEMO},smok")
    assert "no variant 'smok'; did you mean 'smoke'?" in line
    assert "variants 'paper' and 'released'" in refusal(capsys, f"{DEMO},released,paper")


def test_list_and_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    for flag in ("--list", "--help"):
        with pytest.raises(SystemExit) as caught:
            parse(flag)
        assert caught.value.code == 0
    said = capsys.readouterr().out
    for line in (
        "  gap_ucla.py           GAP on NW-UCLA, cross-view",
        "    :bone                 Train on bones",
        "  shift_gcn             Shift-GCN: shifts instead",
        "  ntu60                 NTU RGB+D",
        "  supervised            Plain supervised",
        "  hashed ",
        "  python -m gapjax.main --config=configs/gap_ucla.py:clip,bone",
    ):
        assert f"\n{line}" in said
    examples = re.findall("^  python -m gapjax.main (.*)$", said, re.MULTILINE)
    assert len(examples) == 3
    for example in examples:
        parse(*(word for word in example.split() if not word.startswith("--workdir")))


CONFIGS = sorted(
    path.name for path in (ROOT / "configs").glob("[!_]*.py") if "base" not in path.name
)
SWAPS = ("backbone.name=shift_gcn", "backbone.name=ctr_gcn", "method.name=supervised")


@pytest.mark.parametrize("swap", SWAPS)
@pytest.mark.parametrize("config", CONFIGS)
def test_a_part_is_swapped_by_a_flag(config: str, swap: str, tmp_path: Path) -> None:
    """The rules of the optimizer are those of the new part."""
    argument = f"--config={ROOT}/configs/{config}:smoke"
    flags_ = [f"--config.{swap}", f"--config.data.dir={tmp_path}", "--config.mesh.devices=1"]
    plan = parse(argument, *flags_)
    section, name = swap.split("=")[0].split(".")[0], swap.split("=")[1]
    assert getattr(plan, section).name == name
    rules = (plan.encoder if plan.on_features else plan).optimizer.rules
    assert name != "ctr_gcn" or not rules


def test_a_part_is_swapped_in_python() -> None:
    """By its name alone."""
    for argument in ("gap_ucla.py:bone", "star_ntu60.py:clip"):
        config = config_dict.load(f"{ROOT}/configs/{argument}")
        config.method.name, config.backbone.name = "supervised", "shift_gcn"
        plan = plan_of(config)
        assert (plan.method.name, plan.method["persons"]) == ("supervised", "all")
        assert plan.backbone["shift_gradient"] == "released"
        assert config.method.name == "supervised"


@pytest.mark.slow
def test_a_platform_that_is_not_here(environment: dict[str, str], tmp_path: Path) -> None:
    flags_ = [f"--config.data.dir={tmp_path}", f"--workdir={tmp_path}/run"]
    command = [sys.executable, "-m", "gapjax.main", DEMO, *flags_]
    env = environment | {"JAX_PLATFORMS": "cuda"}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert result.returncode == 2
    assert "no device of JAX_PLATFORMS=cuda: unset" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_a_read_only_folder_of_embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(embedding_cache, "replacing_file", refuse)
    with pytest.raises(UserError, match=r"cannot be written.*set data\.dir"):
        TextEmbedder(TextOptions(), tmp_path / "text").embed(["wave"])


_SECTIONS = "data|train|eval|mesh|encoder|zero_shot|method|text|clips|backbone|optimizer"


def advised() -> set[str]:
    """Return KEY=VALUE of every message of the project that has them."""
    found = set()
    for path in FILES_OF_PROJECT.values():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(rf"\b((?:{_SECTIONS})\.[\w.]+='?[\w:]*\w)", node.value))
    return found


# What the same message names besides.
COMPANIONS = {
    "encoder.norm=released": ("--config.encoder.features=fresh",),
    "zero_shot.gate=True": ("--config.zero_shot.fold_encoder=own",),
}


def test_advice_of_messages_is_accepted() -> None:
    """As a flag of a config of GAP or of STAR; `clips.k=None`, `data.feed=stream`, ..."""
    pairs = {pair.replace("'", "") for pair in advised()}
    assert {"zero_shot.folds=0", "data.feed=stream"} <= pairs
    configs = [f"--config={ROOT}/configs/{name}.py" for name in ("gap_ucla", "star_ntu60")]
    for pair in sorted(pairs):
        key, value = pair.split("=")
        refusals = 0
        for config in configs:
            flags_ = [f"--config.{pair}", *COMPANIONS.get(pair, ())]
            try:
                plan = parse(config, *flags_)
            except SystemExit:
                refusals += 1
                continue
            if plan.on_features or not key.startswith(("encoder.", "zero_shot.")):
                found = str(plan.flat()[key])
                assert value in (found, found.removesuffix(".0")), pair
        # A key of a method is one of the other's, too, or of this alone.
        assert refusals < len(configs), pair
