"""A run as a TFLite file: the scores of the run, clip by clip, without JAX."""

import pathlib
import warnings
from typing import Any

import jax
import numpy as np
import pytest

from gapjax import export
from gapjax.serving import bundle, bundle_writer, tflite, trained

FRAMES = 120


def runner(content: bytes) -> Any:
    """Return the function of a TFLite file."""
    import tensorflow as tf

    with warnings.catch_warnings():
        # TensorFlow's interpreter is also a package of its own, to which it points.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
        return tf.lite.Interpreter(model_content=content).get_signature_runner()


@pytest.mark.parametrize("kind", ["gap", "star"])
def test_scores_are_those_of_the_run(kind: str, request: pytest.FixtureRequest) -> None:
    """Of short and long clips, of one person and of two; padding counts for nothing."""
    run = trained.load(request.getfixturevalue(f"{kind}_run"))
    function, recognize = runner(tflite.convert(run, FRAMES)), jax.jit(run.recognize)
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


def test_a_bundle_with_it(
    gap_run: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one of the files that are checked, and the model card mentions it."""
    monkeypatch.setattr(bundle_writer, "lower", lambda *_: b"")
    monkeypatch.setattr(tflite, "convert", lambda run, frames: f"{frames}".encode())
    out = tmp_path / "bundle"
    arguments = [f"--workdir={gap_run}", f"--out={out}", "--frames=130", "--tflite"]
    assert export.main(arguments) == 0
    metadata = bundle.read_metadata(out)
    assert metadata["files"][bundle.LITE] == bundle.sha256(out / bundle.LITE)
    assert (out / bundle.LITE).read_text() == "130"
    assert bundle.LITE in (out / bundle.CARD).read_text()
