"""The picture of a zero-shot run: it is drawn by the public command, and tells what it should."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_pipelines.datasets import nw_ucla
from gapjax import plots
from gapjax.analysis import figures
from gapjax.workdir.history import gammas_of
from gapjax.workdir.scores import Scores, write_scores
from gapjax.zero_shot import figures as zero_shot_figures
from gapjax.zero_shot.calibration import make_curve, unseen_places, zero_shot_scores

LABELS = list(nw_ucla.SPEC.labels)
FACTS = {"dataset": "nw_ucla", "protocol": "xview", "split": "8_2", "unseen": "1 4", "seed": "3"}


@pytest.fixture(scope="module")
def scores() -> Scores:
    rng = np.random.default_rng(0)
    label = np.arange(50) % 10
    score = rng.random((50, 10)).astype(np.float32) + 0.5 * np.eye(10, dtype=np.float32)[label]
    return Scores(score, label, np.array([f"s{i}" for i in range(50)]), FACTS)


def test_the_curve_and_each_gamma_are_drawn(scores: Scores) -> None:
    axes = figures.figure(5.0, 5.0).subplots()
    curve = make_curve(scores.score, scores.label, (1, 4))
    zero_shot_figures.draw_curve(axes, curve, {"validation": 0.1, "oracle": 0.3})
    line, *marks = axes.lines
    np.testing.assert_allclose(line.get_xdata(), 100 * curve.unseen)
    np.testing.assert_allclose(line.get_ydata(), 100 * curve.seen)
    places = [(mark.get_xdata()[0], mark.get_ydata()[0]) for mark in marks]
    expected = [curve.at(gamma)[::-1] for gamma in (0.1, 0.3)]
    np.testing.assert_allclose(places, 100 * np.array(expected))
    texts = [text.get_text() for text in axes.texts]
    assert all(source in text for source, text in zip(("validation", "oracle"), texts, strict=True))


def test_the_command_draws_a_zero_shot_run(scores: Scores, tmp_path: Path) -> None:
    write_scores(tmp_path / "scores" / "test.npz", scores)
    metrics = {"step": 1, "epoch": 1, "gzsl_oracle/gamma": 0.3, "gzsl_paper/gamma": 0.012}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(metrics) + "\n")
    assert gammas_of(metrics) == {"oracle": 0.3, "paper": 0.012}
    assert plots.main([str(tmp_path)]) == 0
    assert (tmp_path / "plots" / "summary.png").stat().st_size > 10_000
    assert not (tmp_path / "plots" / "confusion.png").exists()


def test_a_zero_shot_run_refuses_a_comparison(
    scores: Scores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no picture of it: silence would pass one run's picture off as a comparison."""
    one, other = tmp_path / "one", tmp_path / "other"
    for run in (one, other):
        write_scores(run / "scores" / "test.npz", scores)
        (run / "metrics.jsonl").write_text(json.dumps({"step": 1, "epoch": 1}) + "\n")
    assert plots.main([str(one), f"--compare={other}"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"gapjax: --compare={other}: ")
    assert printed.err.count("\n") == 1
    assert not (one / "plots").exists()


def test_a_supervised_run_has_no_unseen_classes(scores: Scores) -> None:
    assert unseen_places(scores) == [1, 4]
    plain = Scores(scores.score, scores.label, scores.name, {"dataset": "nw_ucla"})
    assert unseen_places(plain) == []


def test_the_table_has_a_row_a_gamma(scores: Scores) -> None:
    first, _, row = zero_shot_figures.table(scores, {"paper": 0.012}).splitlines()
    own, place = zero_shot_scores(scores.score, scores.label, (1, 4))
    assert float(first.split()[-1]) == pytest.approx(
        100 * (own.argmax(axis=1) == place).mean(), abs=0.05
    )
    seen, unseen = make_curve(scores.score, scores.label, (1, 4)).at(0.012)
    source, gamma, *numbers = row.split()
    assert (source, float(gamma)) == ("paper", 0.012)
    expected = [100 * seen, 100 * unseen, 200 * seen * unseen / (seen + unseen)]
    np.testing.assert_allclose(list(map(float, numbers)), expected, atol=0.05)
