"""Features of a finished run: they belong to its scores, samples and parts."""

import json
import pathlib
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from data_pipelines.storage.index import Index
from gapjax import embed
from gapjax.inputs.clips import eval_clips
from gapjax.serving import features, trained
from gapjax.text.encoders import hashed
from gapjax.workdir.scores import read_scores, scores_path
from support.commands import ROOT

pytestmark = pytest.mark.slow

NAMES = {"global", "part", "score", "label", "name", "labels", "parts", "facts"}
# GAP's partition in the smoke config, and STAR's.
PARTS = {"gap": 4, "star": 6}


@pytest.fixture(params=PARTS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def workdir(kind: str, request: pytest.FixtureRequest) -> pathlib.Path:
    return request.getfixturevalue(f"{kind}_run")


def test_the_command(
    kind: str,
    workdir: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "new" / "x.npz"
    assert embed.main([str(workdir), f"--out={out}"]) == 0
    assert [path.name for path in out.parent.iterdir()] == ["x.npz"]
    found, scores = np.load(out), read_scores(scores_path(workdir, "test"))
    assert set(found) == NAMES
    np.testing.assert_allclose(found["score"], scores.score, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found["label"], scores.label)
    np.testing.assert_array_equal(found["name"], scores.name)
    assert json.loads(str(found["facts"])) == dict(scores.facts)
    # `gapjax.ensemble` reads it as it reads scores.
    assert read_scores(out).score.shape == scores.score.shape

    samples, size = found["global"].shape
    assert found["part"].shape == (samples, PARTS[kind], size)
    assert len(found["labels"]) == found["score"].shape[1]
    said = f"{samples} samples, {size} features, parts: {' '.join(found['parts'])}"
    assert capsys.readouterr().out.strip().endswith(said)
    run = trained.load(workdir)
    if kind == "gap":
        last = run.variables["params"]["classifier"]["Dense_0"]
        logits = found["global"] @ last["kernel"] + last["bias"]
        np.testing.assert_allclose(logits, scores.score, rtol=1e-4, atol=1e-4)


def test_parts_are_means_of_joints(workdir: pathlib.Path) -> None:
    """The pure function, jitted, against means over the encoder's output by hand."""
    run = trained.load(workdir)
    parts = features.parts_of(run)
    persons, _, joints, coordinates = run.shape
    rng = np.random.default_rng(0)
    frames = jnp.asarray(rng.normal(size=(3, persons, 40, joints, coordinates)), jnp.float32)
    clips = eval_clips(run.clips, frames, jnp.array([40, 33, 8], jnp.int32))
    encode = jax.jit(lambda variables, x: features.of_clips(run, variables, x, parts))
    found = encode(run.variables, clips)
    raw = np.asarray(jax.jit(run.inference.encode)(run.variables, clips))
    np.testing.assert_allclose(found.whole, raw.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)
    for number, chosen in enumerate(parts.values()):
        by_hand = raw[:, :, list(chosen)].mean(axis=(1, 2))
        np.testing.assert_allclose(found.part[:, number], by_hand, rtol=1e-4, atol=1e-5)


def test_which_samples_and_parts(gap_run: pathlib.Path, data: pathlib.Path) -> None:
    index = Index.load(data / "synthetic")
    every = features.embed(gap_run, "all", partition="6")
    assert list(every.name) == list(index.name)
    np.testing.assert_array_equal(every.label, index.label)
    assert every.features.part.shape[1] == len(every.parts) == 6
    tested = set(read_scores(scores_path(gap_run, "test")).name)
    train = features.embed(gap_run, "train")
    assert set(train.name) == set(index.name) - tested
    assert train.facts["evaluation"] == "train"


def test_the_lines_of_the_docs(
    gap_run: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "serving.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (code,) = [block for block in blocks if "features.embed" in block]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "gap_demo").symlink_to(gap_run)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(code, scope)
    found = scope["found"].features
    assert scope["whole"].shape == (4, found.whole.shape[1])
    assert scope["part"].shape == (4, *found.part.shape[1:])


def test_mistakes(gap_run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match=r"samples='tset' is not known.*test"):
        features.embed(gap_run, "tset")
    with pytest.raises(UserError, match=r"partition='3' is not known.*6"):
        features.embed(gap_run, partition="3")
    assert embed.main([str(tmp_path), f"--out={tmp_path}/x.npz"]) == 2
    assert not list(tmp_path.iterdir())


def test_features_need_no_text_encoder(
    star_run: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def files(options: Any) -> list[pathlib.Path]:
        raise UserError("text.checkpoint: there is no folder minilm")

    # Nor what only a bundle keeps: no training sample is read.
    monkeypatch.setattr(trained, "training_frames", None)

    expected = features.embed(star_run).features
    monkeypatch.setattr(hashed, "files", files)
    assert embed.main([str(star_run), f"--out={tmp_path}/x.npz"]) == 0
    warned = (
        "gapjax: warning: features without scores: text.checkpoint: there is no folder minilm\n"
    )
    assert capsys.readouterr().err == warned
    found = np.load(tmp_path / "x.npz")
    assert set(found) == NAMES - {"score"}
    np.testing.assert_array_equal(found["part"], expected.part)
    np.testing.assert_array_equal(found["global"], expected.whole)
