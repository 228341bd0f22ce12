"""A run as a TFLite file: the scores of the run, clip by clip, without JAX."""

import pathlib
import re
import shutil
import warnings
from typing import Any

import jax
import numpy as np
import pytest

from gapjax import export
from gapjax.serving import bundle, bundle_writer, model_card, tflite, trained
from gapjax.workdir import bundle_files
from support.commands import ROOT, counting_present

pytestmark = pytest.mark.slow

FRAMES = 120


def runner(content: bytes) -> Any:
    """Return the function of a TFLite file."""
    import tensorflow as tf

    with warnings.catch_warnings():
        # TensorFlow's interpreter is also a package of its own, to which it points.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
        return tf.lite.Interpreter(model_content=content).get_signature_runner()


@pytest.mark.parametrize("kind", ["gap", "star"])
def test_scores_are_those_of_the_run(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of short and long clips, of one person and of two; padding counts for nothing.

    In the means of the run of GAP, an absent person counts for nothing, either. The lines of the
    model card and of docs/serving.md give the scores, too.
    """
    workdir = request.getfixturevalue(f"{kind}_run")
    run = trained.load(workdir if kind == "star" else counting_present(workdir, tmp_path / "run"))
    content, recognize = tflite.convert(run, FRAMES), jax.jit(run.recognize)
    function = runner(content)
    rng = np.random.default_rng(0)
    for length, persons in ((FRAMES, 2), (33, 1), (1, 2)):
        frames = np.zeros((1, 2, FRAMES, 25, 3), np.float32)
        frames[:, :persons, :length] = rng.normal(size=(1, persons, length, 25, 3))
        count = np.array([length], np.int32)
        expected = recognize(run.variables, frames, count, run.embeddings)
        outputs = function(frames=frames, length=count)
        assert (
            set(outputs) == set(expected) == ({"score"} | ({"part"} if kind == "star" else set()))
        )
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, rtol=1e-4, atol=1e-5)

    folder = request.getfixturevalue(f"{kind}_bundle")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / bundle.LITE).write_bytes(content)
    shutil.copy(folder / bundle_files.METADATA, tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    np.save("clip.npy", frames[0].swapaxes(0, 1)[:1])
    metadata = {**bundle_files.read_metadata(folder), "tflite": True}
    (code,) = lite_code(model_card.card(metadata, "bundle"))
    (documented,) = lite_code((ROOT / "docs" / "serving.md").read_text())
    for lines in (code, *([documented] if kind == "gap" else [])):
        names: dict[str, Any] = {}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
            exec(lines, names)
        np.testing.assert_array_equal(names["outputs"]["score"], outputs["score"])
        said = capsys.readouterr().out.splitlines()
        assert said[-1] == run.labels[names["score"].argmax()]


def lite_code(text: str) -> list[str]:
    """Return the Python blocks of a Markdown text that use a TFLite file."""
    return [code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "lite" in code]


def test_a_bundle_with_it(
    gap_run: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one of the files that are checked, and the model card mentions it."""
    monkeypatch.setattr(bundle_writer, "lower", lambda *_: b"")
    monkeypatch.setattr(tflite, "convert", lambda run, frames: f"{frames}".encode())
    out = tmp_path / "bundle"
    arguments = [f"--workdir={gap_run}", f"--out={out}", "--frames=130", "--tflite"]
    assert export.main(arguments) == 0
    metadata = bundle_files.read_metadata(out)
    assert metadata["files"][bundle.LITE] == bundle_files.sha256(out / bundle.LITE)
    assert (out / bundle.LITE).read_text() == "130"
    assert bundle.LITE in (out / bundle.CARD).read_text()
