"""What finished runs compare: vectors that give their scores, and figures of them."""

import csv
import pathlib
import shutil
from collections import Counter

import numpy as np
import pytest

from configs import star_demo
from data_pipelines.specs import catalog
from gapjax import spaces as command
from gapjax.experiment.schema import read_flat
from gapjax.serving import spaces
from gapjax.studies.reading import Unit
from gapjax.studies.study import Row, Study
from gapjax.workdir.config_file import read_config
from gapjax.workdir.scores import read_scores, scores_path

pytestmark = pytest.mark.slow

LABELS = catalog.module("synthetic").SPEC.labels


def test_cosines_of_star_are_its_scores(star_run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Three seen and three unseen classes, whose panels are apart; a study draws the same."""
    found, scores = spaces.compared(star_run), read_scores(scores_path(star_run, "test"))
    assert found.unseen == [False] * 3 + [True] * 3
    numbers = [LABELS.index(name) for name in found.classes]
    rows = np.isin(scores.label, numbers)
    cosines = found.clips[spaces.WHOLE] @ found.texts[spaces.WHOLE].T
    np.testing.assert_allclose(cosines, scores.score[rows][:, numbers], atol=1e-5)
    np.testing.assert_array_equal(np.array(numbers)[found.label], scores.label[rows])

    (tmp_path / "row").mkdir()
    (tmp_path / "row" / "seed1").symlink_to(star_run)
    row = Row("row")
    unit = Unit(row, 1, read_flat(read_config(star_run)), tmp_path / "row" / "seed1")
    missing = Unit(Row("other"), 1, unit.plan, tmp_path / "other" / "seed1")
    study = Study("title", star_demo, (row, missing.row))
    assert list(command.of_study(study, [unit, missing])) == [tmp_path / "row" / "spaces.png"]
    with (tmp_path / "row" / "spaces.csv").open() as file:
        counts = Counter((row["panel"], row["kind"]) for row in csv.DictReader(file))
    unseen = int((found.label >= 3).sum())
    assert counts["whole body, unseen", "clip"] == unseen
    assert counts["whole body, seen", "clip"] == len(found.label) - unseen
    assert counts["texts, seen", "text"] == counts["texts, unseen", "text of hand"] == 3


def test_the_command(
    gap_run: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workdir = tmp_path / "gap"
    shutil.copytree(gap_run, workdir)
    chosen = ["--classes", "wave", "kick", "--projection=pca"]
    assert command.main([str(workdir), "--parts", *chosen]) == 0
    path = workdir / "plots" / "spaces.png"
    assert capsys.readouterr().out.strip() == str(path)
    assert path.stat().st_size > 10_000
    with path.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == {"wave", "kick"}
    parts = ["head", "hand_arm", "hip", "leg_foot"]
    assert list(dict.fromkeys(row["panel"] for row in rows)) == [spaces.WHOLE, *parts, "texts"]
    assert command.main([str(workdir), "--classes", "wve"]) == 2
    assert "classes='wve' is not known" in capsys.readouterr().err
