"""The expected numbers: every config has a row, and a run outside of its tolerance is told."""

import importlib
import json
import math
from pathlib import Path

import pytest

from docs import expected, expected_table
from docs.expected_table import Row
from gapjax.experiment import platform
from gapjax.experiment.config_dict import config_of, override, plan_of

ROOT = Path(__file__).resolve().parents[2]
ROWS = expected_table.rows()
DEMO = next(row for row in ROWS if row.config == "star_demo")


def test_every_config_has_a_row_and_every_row_a_number_or_a_reason() -> None:
    files = [
        path for path in (ROOT / "configs").glob("*.py") if "def get_config" in path.read_text()
    ]
    assert {row.config for row in ROWS} == {path.stem for path in files}
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        config_of(importlib.import_module(f"configs.{row.config}"), row.variants)
        assert bool(row.lacks) != bool(row.measured()), row.name
        assert row.lacks or (row.metric and row.versions and row.time and row.clips), row.name


def test_numbers_are_those_of_the_other_pages() -> None:
    pages = "".join(
        (ROOT / "docs" / name).read_text() for name in ("results.md", "real-skeletons.md")
    )
    for row in ROWS:
        if not row.lacks:
            mean, deviation, _ = row.expected()
            number = f"{mean:.1f}" if math.isnan(deviation) else f"{mean:.1f} ± {deviation:.1f}"
            assert f"| {number} " in pages, row.name


def test_the_tolerance_is_of_seeds_and_clips() -> None:
    """Deviation 1 over two seeds around 50 %, and 25 clips: a standard error of 10."""
    mean, deviation, tolerance = Row("x", values={1: 49.0, 2: 51.0}, clips=25).expected()
    assert (mean, deviation) == (50.0, pytest.approx(2**0.5))
    assert tolerance == pytest.approx(2 * (2 + 100) ** 0.5)
    assert Row("x", values={1: 50.0}, clips=25).expected()[2] == pytest.approx(20.0)


def run(workdir: Path, row: Row, value: float, **changes: object) -> str:
    """Write what the check reads of a finished run of a row, on another seed."""
    workdir.mkdir()
    config = config_of(importlib.import_module(f"configs.{row.config}"), row.variants)
    override(config, {**row.settings, "seed": 7, **changes})
    flat = platform.settle(plan_of(config), "cpu").flat()
    (workdir / "config.json").write_text(json.dumps(flat))
    line = {"step": 5, "epoch": flat["train.epochs"], row.metric: value / 100}
    (workdir / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    return str(workdir)


def test_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    mean, _, tolerance = DEMO.expected()
    inside = run(tmp_path / "inside", DEMO, mean - 0.99 * tolerance)
    assert expected.main([inside]) == 0
    assert (
        f"{inside}: zsl/top1 71.9, expected 78.3 ± 6.5, within (star_demo.py)"
        in capsys.readouterr().out
    )
    above = run(tmp_path / "above", DEMO, mean + 1.01 * tolerance)
    below = run(tmp_path / "below", DEMO, mean - 1.01 * tolerance)
    assert expected.main([above, inside, below]) == 1
    out, err = capsys.readouterr()
    assert [line.split()[-2] for line in out.splitlines()] == ["OUTSIDE", "within", "OUTSIDE"]
    assert err.count("\n") == 1
    assert f"outside of the tolerance: {above}: zsl/top1 84.9" in err
    assert inside not in err


def test_a_run_without_a_row_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    other = run(tmp_path / "other", DEMO, 78.0, **{"method.global_weight": 2.0, "eval.every": 5})
    assert expected.main([other]) == 2
    assert (
        "the nearest is star_demo.py, of which it differs in method.global_weight\n"
        in capsys.readouterr().err
    )
