"""The table of a study."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from gapjax.analysis import comparison, comparison_figure
from gapjax.analysis.comparison import Line

OURS = {1: 81.0, 2: 82.0, 3: 83.5}
LINES = [
    Line("A", "none", "top-1", 84.6, None, OURS),
    Line("A", "text", "top-1", 85.2, None, {1: 82.0, 2: 82.5, 4: 99.0}),
    Line("A", "parts", "top-1", None, -2.7, {2: 80.0}),
    Line("A", "later", "top-1", None, None, {}),
    Line("B", "none", "top-1", 70.0, None, {1: 60.0}),
    Line("B", "text", "top-1", 71.0, None, {1: 61.0}),
    *(Line("A", name, "H", None, None, {1: 5.0}) for name in ("none", "text", "parts", "later")),
]


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    ours, reference = rng.normal(80, 2, 5), rng.normal(78, 2, 5)
    found = comparison.paired(dict(enumerate(ours)), dict(enumerate(reference)))
    expected = stats.ttest_rel(ours, reference).confidence_interval(0.95)
    np.testing.assert_allclose(found, [(ours - reference).mean(), *expected])


def test_a_line_of_the_table() -> None:
    text = comparison.markdown("Title", "minilm", LINES)
    assert text.startswith("# Title\n\nminilm\n\n| top-1 | paper | gapjax | seeds |")
    rows = re.findall(r"^\| (?!\*\*|top|H )(.*) \|$", text, re.MULTILINE)
    # Seeds 1 and 2 are in both: differences 1.0 and 0.5.
    low, high = stats.t.interval(0.95, 1, 0.75, 0.25)
    assert rows[:6] == [
        "none | 84.6 | 82.2 ± 1.3 | 3 | - | -",
        f"text | 85.2 | 87.8 ± 9.7 | 3 | +0.6 | +0.8 [{low:+.1f}, {high:+.1f}]",
        "parts | - | 80.0 | 1 | -2.7 | -2.0",
        "later | - | - | 0 | - | -",
        "none | 70.0 | 60.0 | 1 | - | -",
        "text | 71.0 | 61.0 | 1 | +1.0 | +1.0",
    ]
    assert text.count("| **A** |") == 2
    assert text.count("| **B** |") == 1


def test_the_tables_can_be_computed_from_the_runs() -> None:
    runs, summary = (
        [dict(zip(head, row, strict=True)) for row in rows]
        for head, *rows in (comparison.runs(LINES), comparison.summary(LINES))
    )
    assert len(summary) == len(LINES)
    for row in summary:
        same = [r for r in runs if all(r[key] == row[key] for key in ("group", "row", "column"))]
        values = [float(each["value"]) for each in same]
        assert int(row["seeds"]) == len(values)
        assert float(row["mean"] or "nan") == pytest.approx(
            np.mean(values) if values else np.nan, abs=1e-3, nan_ok=True
        )
    assert summary[1]["paper_difference"] == "0.6"
    assert summary[2]["low"] == ""


def test_the_figure_has_ours_and_the_papers(tmp_path: Path) -> None:
    comparison_figure.write("Title", "", LINES, tmp_path / "table.png")
    assert (tmp_path / "table.png").stat().st_size > 10_000
