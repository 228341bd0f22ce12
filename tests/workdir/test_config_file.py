"""The files that say which run a working directory belongs to."""

import json
import subprocess
from pathlib import Path

import pytest

from data_pipelines.errors import UserError
from gapjax.workdir import config_file
from gapjax.workdir.config_file import claim, read_config


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


LONGER = {"seed": 1, "train.epochs": 10, "optimizer.milestones": (4, 8), "eval.every": 1}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Return the workdir of a run whose sixth epoch has begun."""
    claim(tmp_path, LONGER)
    (tmp_path / "metrics.jsonl").write_text('{"step": 55, "epoch": 6, "train/loss": 1.0}\n')
    return tmp_path


def test_a_run_continues_with_more_epochs(trained: Path) -> None:
    claim(trained, {**LONGER, "eval.every": 5})
    assert not (trained / "continued.jsonl").exists()
    claim(trained, {**LONGER, "train.epochs": 20, "optimizer.milestones": (4, 15)})
    assert read_config(trained)["train.epochs"] == 20
    (line,) = (trained / "continued.jsonl").read_text().splitlines()
    changes = {"train.epochs": [10, 20], "optimizer.milestones": [[4, 8], [4, 15]]}
    assert json.loads(line) == {"epoch": 6, "changes": changes}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"train.epochs": 5}, r"train\.epochs=5: .* has begun epoch 6 with train\.epochs=10"),
        ({"optimizer.milestones": (3, 8)}, r"milestones=\[3, 8\]: .* has begun epoch 6 with"),
        ({"seed": 2}, r"\(a run continues with other values of train\.epochs, .*eval\.every"),
    ],
)
def test_what_is_trained_already_cannot_change(trained: Path, changes: dict, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        claim(trained, {**LONGER, **changes})
    assert read_config(trained) == json.loads(json.dumps(LONGER))


def test_no_other_repositorys_commit_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is installed below somebody's repository has no commit."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    installed = tmp_path / "venv" / "gapjax" / "workdir" / "config_file.py"
    installed.parent.mkdir(parents=True)
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message=theirs")
    assert config_file._commit() is None or len(config_file._commit()) == 40
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setattr(config_file, "__file__", str(installed))
    assert config_file._commit() is None
    monkeypatch.setattr(config_file, "__file__", str(tmp_path / "gapjax" / "workdir" / "a.py"))
    assert len(config_file._commit()) == 40
