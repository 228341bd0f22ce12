"""A report in headless Chromium, where there is one: it is complete, moves, and loads nothing."""

import pathlib

import pytest

from gapjax import report
from gapjax.reporting import gammas, runs
from support import browser, written_runs

pytestmark = pytest.mark.slow

BAD = "</script><b>x</b> & %{y} <img src=x>"
PROGRAM = """
const all = (selector) => [...document.querySelectorAll(selector)];
const text = (selector) => all(selector).map((each) => each.textContent);
const slider = document.getElementById("gamma");
const moved = [0, 57, 200, Number(slider.max)].map((index) => {
  slider.value = index;
  slider.dispatchEvent(new Event("input"));
  return [index, Number(text("#gamma-value")[0]), text("#gamma-numbers tbody td")];
});
all(".accuracies th button").find((each) => each.textContent === "accuracy, %").click();
const inked = all("canvas").map((each) => {
  const image = each.getContext("2d").getImageData(0, 0, each.width, each.height);
  return image.data.some((value) => value > 0);
});
return {moved, inked, titles: text("h2"), names: text(".accuracies tbody td:first-child"),
  accuracies: text(".accuracies tbody td:nth-child(5)").map(Number),
  ticks: text("#confusions .ytick text"), matrices: all(".heatmaplayer image").length,
  lines: all("#curves .scatterlayer .trace").length, images: all("main img").length,
  evidence: all(".evidence tr").length, notes: text("p.unseen"), paired: text(".paired tbody td")};
"""


def sections(found: dict) -> None:
    assert found["titles"][0] == "Runs and results"
    assert {"Curves", "Confusions", "Accuracy of each class"} < set(found["titles"])
    assert found["matrices"] == 1
    assert found["lines"] >= 2
    assert found["accuracies"] == sorted(found["accuracies"], reverse=True)


def test_generated_runs(tmp_path: pathlib.Path) -> None:
    browser.chromium()
    labels = [BAD, *(f"class {k}" for k in range(1, 7))]
    of = {"a": written_runs.zero_shot(1), "b": written_runs.zero_shot(2, strength=3.0)}
    workdirs = [written_runs.write(tmp_path / name, each, labels) for name, each in of.items()]
    out = tmp_path / "x.html"
    assert report.main([*map(str, workdirs), f"--out={out}"]) == 0
    opened = browser.run(out, PROGRAM)
    assert (opened.errors, opened.console) == ([], [])
    found = opened.found
    sections(found)
    expected = gammas.slider(runs.read(workdirs, "test"))
    for index, gamma, cells in found["moved"]:
        assert gamma == pytest.approx(expected["gamma"][index], rel=1e-5)
        for run, row in zip(expected["runs"], (cells[:5], cells[5:]), strict=True):
            numbers = [run[key][index] for key in ("seen", "unseen", "harmonic")]
            shown = [f"{100 * value:.1f}" for value in (*numbers, run["area"])]
            assert row == [run["name"], *shown]
    # A class is called what it is called, in tables and in charts.
    assert BAD in found["names"]
    assert f"{BAD[:27]}…" in found["ticks"]
    assert found["images"] == 0
    assert "Comparison" in found["titles"]
    assert len(found["paired"]) == 8


def test_trained_runs(
    star_run: pathlib.Path, gap_run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    browser.chromium()
    out = tmp_path / "x.html"
    assert report.main([str(star_run), str(gap_run), f"--out={out}", "--clips=4"]) == 0
    opened = browser.run(out, PROGRAM)
    assert (opened.errors, opened.console) == ([], [])
    sections(opened.found)
    assert opened.found["inked"] == [True] * 4
    assert opened.found["evidence"] == 4 * 6
    assert any("Not paired by clips" in note for note in opened.found["notes"])
