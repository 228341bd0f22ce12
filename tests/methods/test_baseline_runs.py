"""The zero-shot baselines in whole runs: features, folds, γ, and the bundle of what is fitted."""

from pathlib import Path
from typing import Any

import numpy as np

from configs import star_demo
from data_pipelines.readers import sample
from data_pipelines.storage.index import Index
from gapjax import export
from gapjax.experiment import carry_out, gating
from gapjax.experiment.build import open_devices
from gapjax.experiment.data import open_dataset
from gapjax.experiment.schema import read_flat
from gapjax.experiment.stages import stages
from gapjax.serving import bundle
from gapjax.serving.classification import classify
from gapjax.workdir.config_file import read_config
from gapjax.workdir.scores import read_scores, scores_path


def run(name: str, data: Path, encoder: Path, workdir: Path, mode: str = "train") -> dict[str, Any]:
    """Train or evaluate on two devices, and return the metrics; JPoSE has no fold, SynSE a gate."""
    config = star_demo.get_config(f"{name},smoke,shift_gcn")
    config.data.dir, config.encoder.checkpoint = str(data), str(encoder)
    config.zero_shot.folds, config.mesh.devices = int(name == "synse"), 2
    config.zero_shot.gate, config.zero_shot.fold_encoder = name == "synse", "own"
    result = carry_out.run(config, workdir / name, mode)
    return result["evaluations"]["test"]["metrics"]


def check_logits(workdir: Path, encoder: Path) -> None:
    """The gate's classifier of seen classes, on cached features, has the encoder's own scores."""
    plan = read_flat(read_config(workdir))
    dataset, upstream = open_dataset(plan), stages(plan, workdir)[-1].upstream
    logits = gating.encoder_logits(plan, dataset, open_devices(plan), upstream)
    mine, own = (read_scores(scores_path(of, "test")) for of in (workdir, encoder))
    rows = [list(mine.name).index(name) for name in own.name]
    seen = np.isfinite(logits).all(axis=0)
    assert seen.sum() == 18
    np.testing.assert_allclose(logits[rows][:, seen], own.score, rtol=1e-4, atol=1e-5)


def test_a_run_and_its_bundle(data: Path, star_run: Path, tmp_path: Path) -> None:
    """Evaluated again, exported, renewed and classified, it has the scores of training."""
    assert 0 <= run("jpose", data, star_run / "encoder", tmp_path)["zsl/top1"] <= 1
    measured = run("synse", data, star_run / "encoder", tmp_path)
    assert run("synse", data, star_run / "encoder", tmp_path, "evaluate") == measured
    workdir, out = tmp_path / "synse", tmp_path / "bundle"
    assert 0 <= measured["gzsl_gate/seen"] <= 1
    check_logits(workdir, star_run / "encoder")
    assert export.main([f"--workdir={workdir}", f"--out={out}", "--frames=120"]) == 0
    assert export.main([f"--renew={out}"]) == 0
    opened = bundle.open_bundle(out)
    gamma, text = opened.metadata["gamma"], opened.metadata["text"]
    assert gamma == {"value": measured["gzsl_validation/gamma"], "source": "validation"}
    assert (text["encoder"], "recipe" in text, opened.embeddings) == ("hashed", False, {})
    card = (out / bundle.CARD).read_text()
    assert "seen classes lose gamma" in card
    assert "the classes are fixed" in card

    scores, index = read_scores(scores_path(workdir, "test")), Index.load(data / "synthetic")
    row = list(index.name).index(scores.name[7])
    np.save(tmp_path / "clip.npy", sample.read(str(data / "synthetic"), index, row))
    found = classify(opened, [tmp_path / "clip.npy"], None, "")
    is_seen = np.isin(found.classes, opened.metadata["trained_on"])
    assert (found.measure, is_seen.sum()) == ("score", 18)
    expected = scores.score[7] - is_seen * gamma["value"]
    np.testing.assert_allclose(found.score[0], expected, rtol=1e-3, atol=1e-4)
