"""Working directories with scores, metrics and a config, as runs leave them, without training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gapjax.training import evaluation
from gapjax.workdir.scores import Scores, scores_path, write_scores
from gapjax.zero_shot import metrics as zero_shot_metrics

UNSEEN = (1, 4)
GAMMAS = {"validation": 0.31, "paper": 0.012}
CURVE = [
    {"step": 5, "epoch": 1, "train/loss": 3.0, "train/accuracy": 0.2},
    {"step": 10, "epoch": 2, "train/loss": 2.0, "train/accuracy": 0.4},
]


def scores(draw: int, samples: int, classes: int, strength: float, **facts: str) -> Scores:
    """Return scores of a draw, right more often with more strength; the labels are of no draw."""
    label = np.random.default_rng(samples).integers(0, classes, size=samples).astype(np.int32)
    score = np.random.default_rng(draw).normal(size=(samples, classes)).astype(np.float32)
    score[np.arange(samples), label] += strength
    names = np.array([f"s{i:05}" for i in range(samples)])
    common = {"dataset": "own", "evaluation": "test", "method": "supervised", "seed": str(draw)}
    return Scores(score, label, names, common | facts)


def zero_shot(draw: int, samples: int = 300, classes: int = 7, strength: float = 2.0) -> Scores:
    """Return scores of a zero-shot run."""
    facts = {"unseen": " ".join(map(str, UNSEEN)), "split": "5_2", "method": "star"}
    return scores(draw, samples, classes, strength, **facts)


def write(
    workdir: Path,
    of: Scores,
    labels: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Write a finished run of two epochs, and return its working directory."""
    workdir.mkdir(parents=True)
    metrics = evaluation.summary("test", of)
    if unseen := zero_shot_metrics.unseen_indices(of):
        metrics = zero_shot_metrics.summary("test", of, unseen=unseen, gammas=GAMMAS)
    names = labels or [f"class {k}" for k in range(of.score.shape[1])]
    flat = {"train.epochs": 2, "seed": int(of.facts["seed"]), "method.name": "supervised"}
    result = {"test": {"samples": len(of.label), "metrics": metrics}}
    for name, content in (
        ("config.json", flat | dict(config or {})),
        ("environment.json", {"python": "3.11.0"}),
        ("data.json", {"labels": list(names)}),
        ("result.json", {"step": 10, "epoch": 2, "evaluations": result, "facts": dict(of.facts)}),
    ):
        (workdir / name).write_text(json.dumps(content))
    lines = [*CURVE, {"step": 10, "epoch": 2, **metrics}]
    (workdir / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    write_scores(scores_path(workdir, "test"), of)
    return workdir
