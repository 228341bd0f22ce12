"""The files of a working directory."""

import json
from pathlib import Path

import pytest

from data_pipelines.errors import UserError
from gapjax.workdir.log import Logbook, claim, keep_until, write_json


def lines(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_a_resumed_log_has_no_line_twice(tmp_path: Path) -> None:
    log = Logbook(tmp_path, 0, 10)
    for step in (2, 4, 6):
        log.write(step, 1, {"train/loss": float(step)})
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "epo')
    log = Logbook(tmp_path, 4, 10)
    log.write(6, 1, {"train/loss": 60.0, "note": "text"})
    log.close()
    assert [line["step"] for line in lines(tmp_path)] == [2, 4, 6]
    assert lines(tmp_path)[-1] == {"step": 6, "epoch": 1, "train/loss": 60.0, "note": "text"}
    assert list((tmp_path / "tensorboard").iterdir())


def test_keep_until_leaves_a_missing_file_alone(tmp_path: Path) -> None:
    keep_until(tmp_path / "metrics.jsonl", 3)
    assert not list(tmp_path.iterdir())


def test_a_damaged_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n\xff\x00{"st\n{"step": 2}\n{"step": 3}\n')
    assert keep_until(path, 2) == lines(tmp_path) == [{"step": 1}, {"step": 2}]


def test_a_run_from_before_a_key_goes_on(tmp_path: Path) -> None:
    claim(tmp_path, {"seed": 1})
    claim(tmp_path, {"seed": 1, "train.replicas": 1})
    with pytest.raises(UserError, match=r"another config \(train.replicas: 1 there, 2 now"):
        claim(tmp_path, {"seed": 1, "train.replicas": 2})


def test_a_workdir_belongs_to_one_config(tmp_path: Path) -> None:
    config = {"seed": 1, "data.dir": "here", "clips.k": None, "optimizer.milestones": (90, 100)}
    claim(tmp_path / "run", config)
    claim(tmp_path / "run", {**config, "data.dir": "there"})
    with pytest.raises(UserError, match=r"another config \(seed: 1 there, 2 now"):
        claim(tmp_path / "run", {**config, "seed": 2})
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["packages"]["jax"]
    assert environment["devices"]


def test_a_torn_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is not JSON"):
        claim(tmp_path, {"seed": 1})


def test_write_json_leaves_no_partial_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
