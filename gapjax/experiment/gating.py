"""The gate of a zero-shot run (`gapjax.zero_shot.gate`), fitted to its folds."""

import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import UserError
from gapjax.experiment import encoder_weights
from gapjax.experiment.data import Dataset, open_dataset
from gapjax.experiment.features import cached_features, load_encoder
from gapjax.experiment.plan import Plan
from gapjax.experiment.stages import Upstream, fold_stages
from gapjax.parallel.sharding import Layout
from gapjax.training.run import Summarize
from gapjax.workdir.scores import Scores, read_scores, scores_path
from gapjax.zero_shot import gate

# How many samples' features are in memory at once.
AT_ONCE = 256


def check(plan: Plan) -> None:
    """Raise UserError if a plan asks for a gate that cannot be fitted."""
    if not plan.zero_shot.gate or not plan.on_features:
        return
    if not plan.zero_shot.folds or plan.zero_shot.fold_encoder != "own":
        raise UserError(
            "zero_shot.gate=True: set zero_shot.fold_encoder=own, and zero_shot.folds; an encoder "
            "that folds share was trained on their pseudo-unseen classes"
        )
    if not plan.cached:
        raise UserError("zero_shot.gate=True needs encoder.features=cached")


def with_gate(
    plan: Plan, dataset: Dataset, layout: Layout, upstream: Upstream, summarize: Summarize
) -> Summarize:
    """Return a function from scores to metrics that has those of the gate, too, of test samples.

    Args:
        plan: the plan of a run, not of a fold.
        dataset: its dataset.
        layout: its devices.
        upstream: its encoder, features and folds.
        summarize: the function without them.
    """

    @functools.cache
    def fitted() -> tuple[gate.Gate, Float[np.ndarray, "n k"]]:
        """Return the gate, and the logits of the test samples."""
        folds = []
        for number, workdir in enumerate(upstream.folds, 1):
            *_, stage = fold_stages(plan, workdir, number, workdir)
            posed = open_dataset(stage.plan)
            logits = encoder_logits(stage.plan, posed, layout, stage.upstream)
            folds.append(_experts(read_scores(scores_path(workdir, "test")), logits, posed))
        most = min(len(dataset.problem.unseen), *(len(fold.unseen) for fold in folds))
        return gate.fit(folds, most), encoder_logits(plan, dataset, layout, upstream)

    def summary(name: str, scores: Scores) -> dict[str, float]:
        """Return the metrics of one evaluation."""
        found = dict(summarize(name, scores))
        if name == "test":
            trained, logits = fitted()
            found |= trained.metrics(_experts(scores, logits, dataset))
        return found

    return summary


def _experts(scores: Scores, logits: Float[np.ndarray, "n k"], dataset: Dataset) -> gate.Experts:
    return gate.Experts(scores.score, logits, scores.label, dataset.problem.unseen_indices)


def encoder_logits(
    plan: Plan, dataset: Dataset, layout: Layout, upstream: Upstream
) -> Float[np.ndarray, "n k"]:
    """Return the logits of the test samples by the classifier of a run's encoder.

    Raises:
        UserError: the encoder is no run, which has one.
    """
    source = upstream.encoder or Path(plan.encoder.checkpoint)
    kernel, bias, known = encoder_weights.classifier(source)
    encoder = load_encoder(plan, dataset, upstream)
    features, items = cached_features(plan, dataset, layout, upstream, encoder)
    places = np.searchsorted(items, dataset.problem.evaluations["test"])
    parts = np.split(places, range(AT_ONCE, len(places), AT_ONCE))
    pooled = np.concatenate([features[part].mean(axis=(1, 2), dtype=np.float32) for part in parts])
    found = np.full((len(places), len(dataset.labels)), -np.inf, np.float32)
    columns = [list(dataset.labels).index(name) for name in known]
    found[:, columns] = pooled @ kernel + bias
    return found
