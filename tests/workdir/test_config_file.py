"""The files that say which run a working directory belongs to."""

import json
from pathlib import Path

import pytest

from data_pipelines.errors import UserError
from gapjax.workdir.config_file import claim


def test_a_workdir_belongs_to_one_config(tmp_path: Path) -> None:
    config = {"seed": 1, "data.dir": "here", "clips.k": None, "optimizer.milestones": (90, 100)}
    claim(tmp_path / "run", config)
    claim(tmp_path / "run", {**config, "data.dir": "there"})
    with pytest.raises(UserError, match=r"another config \(seed: 1 there, 2 now"):
        claim(tmp_path / "run", {**config, "seed": 2})
    with pytest.raises(UserError, match=r"another config \(train.replicas: None there, 2 now"):
        claim(tmp_path / "run", {**config, "train.replicas": 2})
    # A run from before there was this key.
    claim(tmp_path / "run", {**config, "train.replicas": 1}, {"train.replicas": 1})
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["packages"]["jax"]
    assert environment["devices"]
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json",
        "environment.json",
    }


def test_a_truncated_config_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is not a config in JSON"):
        claim(tmp_path, {"seed": 1})
