"""Data of one's own is trained on by the public commands, with texts and without."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import yaml
from ml_collections import ConfigDict

from configs import own
from data_pipelines.convert import convert
from data_pipelines.errors import UserError
from gapjax.analysis.run_figures import class_names
from gapjax.experiment import carry_out
from gapjax.experiment.build import build
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.data import open_dataset, with_protocol
from gapjax.experiment.model import build_method
from gapjax.experiment.stages import stages
from gapjax.methods import Method
from gapjax.training import loop
from gapjax.workdir.scores import read_scores, scores_path
from support import own_folder
from support.commands import ROOT

pytestmark = pytest.mark.slow

HALVES = {"2": {"upper": list(range(8)), "lower": list(range(8, 15))}}


@pytest.fixture
def converted(tmp_path: pathlib.Path) -> Callable[..., ConfigDict]:
    """Return the function that converts a folder and gives a config of it."""

    def make(variants: str = "smoke", described: bool = False, **changes: object) -> ConfigDict:
        raw = own_folder.write(tmp_path / "mine", texts="t.yaml" if described else None, **changes)
        (raw / "t.yaml").write_text(own_folder.texts())
        convert("own", raw, tmp_path / "data")
        config = own.get_config(variants)
        config.mesh.cpu_devices = config.mesh.devices = 1
        config.data.update(dataset="mine", protocol="xsub", dir=str(tmp_path / "data"))
        return config

    return make


def test_the_commands(tmp_path: pathlib.Path, environment: dict[str, str]) -> None:
    """Two dimensions with a confidence, 15 joints, no parts, no texts."""
    raw = own_folder.write(tmp_path / "mine")
    data = tmp_path / "data"
    commands = (
        ["data_pipelines.convert", "own", f"--raw={raw}", f"--out={data}", "--jobs=1"],
        [
            *("gapjax.main", "--config=configs/own.py:smoke", f"--workdir={tmp_path / 'run'}"),
            *("--config.data.dataset=mine", "--config.data.protocol=xsub"),
            *(f"--config.data.dir={data}", "--config.mesh.cpu_devices=1"),
        ],
    )
    for command in commands:
        subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, env=os.environ | environment, check=True
        )
    scores = read_scores(scores_path(tmp_path / "run", "test"))
    assert scores.score.shape == (8, 2)
    assert np.isfinite(scores.score).all()
    assert scores.facts["dataset"] == "mine"
    assert scores.facts["text"] == "none"
    assert class_names(scores, tmp_path / "run") == ["wave", "kick"]


def test_without_texts(converted: Callable) -> None:
    """The names of the classes are texts; what a config reads besides is demanded."""
    config = converted("gap,smoke")
    assert method_of(config).tables.keys() == {"global"}
    config.method.global_text = "paragraph"
    with pytest.raises(UserError, match=r"'wave' has no paragraph in its .*text.file"):
        method_of(config)
    config.method.partition = "none"
    method_of(config)


def test_the_only_protocol_of_a_dataset(converted: Callable) -> None:
    config = converted("smoke")
    config.data.protocol = ""
    (stage,) = stages(plan_of(config), pathlib.Path("run"))
    assert stage.plan.data.protocol == "xsub"
    config.data.dataset = "synthetic"
    assert with_protocol(plan_of(config)).data.protocol == ""


def method_of(config: ConfigDict) -> Method:
    plan = plan_of(config)
    return build_method(plan, open_dataset(plan))


def test_without_parts(converted: Callable) -> None:
    config = converted("gap,smoke", described=True)
    assert method_of(config).tables.keys() == {"global"}
    config.method.partition = "4"
    with pytest.raises(UserError, match=r"'4': the skeleton 'mine' has no parts; choose none or"):
        method_of(config)


def test_with_parts(converted: Callable) -> None:
    """The converted folder has the texts and the parts."""
    config = converted("gap,smoke", described=True, parts=HALVES)
    config.method.partition = "2"
    method = method_of(config)
    assert method.tables.keys() == {"global", "parts"}
    assert method.network.parts == (tuple(range(8)), tuple(range(8, 15)))


# The joints of a hand: the wrist, and two for each finger.
NAMES = ("thumb", "index finger", "ring_finger")
HAND = {
    "joints": ["wrist", *(f"{name} {end}" for name in NAMES for end in ("base", "tip"))],
    "bones": [pair for base in (1, 3, 5) for pair in ([0, base], [base, base + 1])],
    "root": "wrist",
    "coordinates": "2D",
    "parts": {
        "3": {name: [1 + 2 * number, 2 + 2 * number] for number, name in enumerate(NAMES)},
        "2": {"thumb": [1, 2], "index finger_ring_finger": [3, 4, 5, 6]},
        "halves": {"upper": [0, 1, 2], "lower": [3, 4, 5, 6]},
        "other": {"thumb": [1, 2], "little": [3, 4]},
    },
}


def of_a_hand(folder: pathlib.Path, parts: dict) -> ConfigDict:
    """Convert and describe a hand, and return the config of GAP with the partition `3`."""
    described = [
        {"label": label, "parts": dict.fromkeys(NAMES, f"moves as in {label}")}
        for label in own_folder.FACTS["labels"]
    ]
    raw = own_folder.write(folder / "mine", texts="t.yaml", **HAND | {"parts": parts})
    (raw / "t.yaml").write_text(yaml.safe_dump({"classes": described}))
    convert("own", raw, folder / "data")
    config = own.get_config("gap,smoke")
    config.mesh.cpu_devices = config.mesh.devices = 1
    config.data.update(dataset="mine", protocol="xsub", dir=str(folder / "data"))
    config.method.partition = "3"
    return config


@pytest.mark.slow
def test_fingers_are_parts(tmp_path: pathlib.Path) -> None:
    """Own names, and only their texts: no synonyms, no paragraph, none of the six parts."""
    config = of_a_hand(tmp_path, {name: HAND["parts"][name] for name in ("3", "2")})
    config.text.encoder = "hashed"
    config.train.epochs = config.eval.every = 1
    run = build(plan_of(config))
    assert run.method.network.parts == ((1, 2), (3, 4), (5, 6))
    loop.train(run, tmp_path / "run")
    assert np.isfinite(read_scores(scores_path(tmp_path / "run", "test")).score).all()
    config.method.partition = "2"
    assert method_of(config).network.parts == ((1, 2), (3, 4, 5, 6))
    config.method.partition = "4"
    with pytest.raises(
        UserError, match=r"method.partition='4' is not known .*: none, global, 3, 2"
    ):
        method_of(config)


def test_unseen_classes_in_two_dimensions(tmp_path: pathlib.Path) -> None:
    """With paragraphs alone, as docs/own-data.md has it."""
    labels = ["wave", "kick", "bow", "nod"]
    facts = {"labels": labels, "coordinates": "2D", "zero_shot": {"mine": ["bow", "nod"]}}
    raw = own_folder.write(tmp_path / "mine", samples=32, texts="t.yaml", **facts)
    described = [{"label": label, "paragraph": f"Somebody starts to {label}."} for label in labels]
    (raw / "t.yaml").write_text(yaml.safe_dump({"classes": described}))
    convert("own", raw, tmp_path / "data")
    config = own.get_config("star,smoke")
    config.mesh.cpu_devices = config.mesh.devices = 1
    config.data.update(dataset="mine", zero_shot="mine", dir=str(tmp_path / "data"))
    config.zero_shot.folds = 0
    result = carry_out.run(config, tmp_path / "run")
    assert result["evaluations"]["test"]["samples"] == 16
    assert "zsl/top1" in result["evaluations"]["test"]["metrics"]


MERGED = {
    "halves": "'upper', which reads the texts of head, hand, arm: class 'wave' describes index ",
    "other": "'little': class 'wave' describes index finger, ring_finger, thumb; describe them, or",
}


@pytest.mark.parametrize("name", MERGED)
def test_parts_of_a_hand_without_texts_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    expected = f"t.yaml: parts '{name}' of dataset.yaml: no text describes the part {MERGED[name]}"
    with pytest.raises(UserError, match=expected):
        of_a_hand(tmp_path, {name: HAND["parts"][name]})


def test_an_unknown_dataset_lists_those_there_are(converted: Callable) -> None:
    config = converted()
    config.data.dataset = "mein"
    with pytest.raises(UserError, match=r"data.dataset='mein' is not known.*synthetic.*mine"):
        open_dataset(plan_of(config))
