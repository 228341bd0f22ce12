"""The evidence of each part, by a trained network: it belongs to the run's scores."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.reporting import evidence, mistakes, runs, skeletons
from gapjax.reporting.content import content
from gapjax.serving import trained


def test_parts_are_of_the_clips_and_classes_that_are_shown(star_run: pathlib.Path) -> None:
    (run,) = runs.read([star_run], "test")
    assert evidence.may_have(run)
    found = mistakes.most_confident(run, 5)
    rows = [each.row for each in found]
    raw = skeletons.frames(skeletons.opened(run, ""), [each.sample for each in found])
    opened = trained.load(star_run)
    outputs = evidence.outputs(opened, [raw[each.sample] for each in found])
    np.testing.assert_allclose(outputs["score"], run.scores.score[rows], rtol=1e-4, atol=1e-5)
    shown = content([run], "test", 5, "")["runs"][0]["mistakes"]
    assert shown["missing"] == ""
    assert shown["evidence"]["parts"] == list(opened.inference.parts)
    assert shown["evidence"]["score"] == run.config["method.score"]
    for i, each in enumerate(found):
        for key, number in (("true", each.true), ("recognized", each.recognized)):
            expected = np.asarray(outputs["part"])[i, number]
            np.testing.assert_allclose(shown["evidence"][key][i], expected, atol=1e-4)
        frames, _, joints = shown["clips"][i]["skeleton"]["shape"]
        assert (frames, joints) == (min(raw[each.sample].shape[1], 100), raw[each.sample].shape[2])


def test_what_cannot_be_had_is_said(
    gap_run: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = runs.read([gap_run], "test")
    assert not evidence.may_have(run)
    with pytest.raises(UserError, match=r"say by --data where it is"):
        skeletons.opened(run, str(tmp_path))
    shown = content([run], "test", 5, str(tmp_path))["runs"][0]["mistakes"]
    assert "this dataset is not here" in shown["missing"]
    assert "this dataset is not here" in capsys.readouterr().err
    copy = tmp_path / "copy"
    shutil.copytree(gap_run, copy, ignore=shutil.ignore_patterns("checkpoints"))
    (other,) = runs.read([copy], "test")
    other.scores.facts["index"] = "0123456789ab"
    with pytest.raises(UserError, match=r"has other samples than"):
        skeletons.opened(other, json.loads((gap_run / "config.json").read_text())["data.dir"])
