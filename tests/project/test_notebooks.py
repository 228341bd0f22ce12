"""The notebooks: committed without outputs, and all their cells run."""

import ast
import json
import shutil
from pathlib import Path

import pytest

from support.commands import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict]:
    """Return the cells of a kind."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_that_a_run_leaves_is_committed(path: Path) -> None:
    content = json.loads(path.read_text())
    assert (content["nbformat"], content["metadata"]["kernelspec"]["name"]) == (4, "python3")
    for cell in cells(path, "code"):
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
        ast.parse(source(cell))  # no magics: the cells are Python
    assert source(cells(path, "markdown")[0]).startswith("# ")


# What the notebook finds in place of `configs`: the configs of the runs of the fixtures.
CONFIG = """
from configs import {name}

def get_config(variants=""):
    return {name}.get_config({variants!r})
"""
RUNS = {"gap_demo": "smoke", "star_demo": "smoke,shift_gcn"}


# A cell ends with a picture, which Jupyter shows and nobody closes.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_demo_runs(
    data: Path,
    gap_run: Path,
    star_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the folder of the notebook, as in Jupyter; it continues finished runs of its configs.

    `test_smoke.py` trains by the same call.
    """
    monkeypatch.chdir(ROOT / "notebooks")
    (tmp_path / "configs").mkdir()
    for (name, variants), run in zip(RUNS.items(), (gap_run, star_run), strict=True):
        content = CONFIG.format(name=name, variants=variants)
        (tmp_path / "configs" / f"{name}.py").write_text(content)
        shutil.copytree(run, tmp_path / name.removesuffix("_demo"))
    names: dict = {}
    for cell in cells(ROOT / "notebooks" / "demo.ipynb", "code"):
        exec(compile(source(cell), "demo.ipynb", "exec"), names)
        if cell["metadata"].get("tags") == ["parameters"]:
            assert names["variant"] == "smoke"
            assert (ROOT / "notebooks" / names["root"] / "configs").is_dir()
            names |= {"root": str(tmp_path), "folder": str(tmp_path), "data": str(data)}
    metrics = names["result"]["evaluations"]["test"]["metrics"]
    assert {"zsl/top1", "gzsl_validation/harmonic"} <= set(metrics)
    out = capsys.readouterr().out
    for said in ("24 classes, ", "1. ", "kick a ball", "shake hands with somebody"):
        assert said in out
    for name in ("gap/plots/summary.png", "star/plots/summary.png", "bundle/recognize.jax"):
        assert (tmp_path / name).stat().st_size > 1000
