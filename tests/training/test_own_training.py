"""Data of one's own is trained on by the public commands, with texts and without."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import own
from data_pipelines.convert import convert
from data_pipelines.errors import UserError
from gapjax.analysis.run_figures import class_names
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.data import open_dataset
from gapjax.experiment.model import build_method
from gapjax.methods import Method
from gapjax.workdir.scores import read_scores, scores_path
from support import own_folder
from support.commands import ROOT

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
    config = converted("gap,smoke")
    with pytest.raises(UserError, match=r"needs class descriptions, and mine has none: set text"):
        method_of(config)
    config.method.partition = "none"
    method_of(config)


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


def test_an_unknown_dataset_lists_those_there_are(converted: Callable) -> None:
    config = converted()
    config.data.dataset = "mein"
    with pytest.raises(UserError, match=r"data.dataset='mein' is not known.*synthetic.*mine"):
        open_dataset(plan_of(config))
