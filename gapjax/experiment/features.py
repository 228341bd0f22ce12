"""The frozen skeleton encoder of a zero-shot run, its cached features, and γ."""

import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from data_pipelines.errors import UserError
from data_pipelines.storage import contents
from gapjax.experiment import encoder_weights
from gapjax.experiment.data import Dataset, known_labels
from gapjax.experiment.data_facts import check_encoder
from gapjax.experiment.feeds import count_bodies, open_feed
from gapjax.experiment.initial_weights import backbone_importer
from gapjax.experiment.model import build_backbone, clip_recipe
from gapjax.experiment.plan import Plan
from gapjax.experiment.stages import Upstream
from gapjax.inputs.clips import eval_clips, train_clips
from gapjax.inputs.feed import Feed
from gapjax.parallel.sharding import Layout
from gapjax.training import feature_cache
from gapjax.training.frozen_encoder import Encoder
from gapjax.training.run import Summarize
from gapjax.workdir.scores import read_scores, scores_path
from gapjax.zero_shot import calibration, metrics


def load_encoder(plan: Plan, dataset: Dataset, upstream: Upstream) -> Encoder:
    """Return the frozen skeleton encoder of a zero-shot run.

    Raises:
        UserError: there is none, or it was trained on unseen classes or other data.
    """
    source = upstream.encoder or Path(plan.encoder.checkpoint)
    seen = known_labels(plan, dataset)
    unseen = [name for name in dataset.spec.labels if name not in seen]
    if source == Path():
        raise UserError(
            "there is no skeleton encoder: gapjax.main trains one first, or set encoder.checkpoint"
        )
    if source.is_dir():
        variables = encoder_weights.from_workdir(source, plan.flat(), unseen)
        check_encoder(source, plan, dataset)
    elif source.is_file():
        declared = plan.encoder.trained_on == "seen"
        backbone = backbone_importer(plan, "encoder.checkpoint")
        variables = encoder_weights.from_published(source, backbone, seen, unseen, declared)
    else:
        raise UserError(f"encoder.checkpoint: there is no workdir or state dict {str(source)!r}")
    backbone = build_backbone(plan, dataset.spec.skeleton)
    return Encoder(backbone, variables, plan.encoder.person_merge)


def cached_features(
    plan: Plan, dataset: Dataset, layout: Layout, upstream: Upstream, encoder: Encoder
) -> tuple[Float[np.ndarray, "n t v d"], Int[np.ndarray, " n"]]:
    """Return cached features and their items; compute those that are not on disk yet."""
    recipe = clip_recipe(plan, dataset)
    source = feature_cache.Source(
        encoder=encoder,
        train_input=functools.partial(train_clips, recipe),
        eval_input=functools.partial(eval_clips, recipe),
        recipe=f"{recipe} {encoder.backbone}",
        index_digest=dataset.stored.digest,
        contents_digest=contents.digest(
            dataset.directory, dataset.stored, packed=plan.data.feed == "resident"
        ),
        seed=plan.seed,
        layout=layout,
        views=plan.views,
    )
    # Stages that share an encoder share one file of features: of the samples of them all.
    problem = dataset.full_problem if plan.shares_encoder else dataset.problem
    tested = np.concatenate(list(problem.evaluations.values()))
    samples = len(dataset.index)
    items = feature_cache.items_of(problem.train, tested, samples, plan.views)
    folder = upstream.features or Path(plan.data.dir) / "features"

    def open_clips() -> Feed:
        """Open the feed of raw frames."""
        return count_bodies(plan, dataset, layout, open_feed(plan, dataset, layout))

    batch = plan.eval.batch_size
    return feature_cache.prepare(source, items, open_clips, samples, batch, folder), items


def zero_shot_summary(plan: Plan, dataset: Dataset, upstream: Upstream) -> Summarize:
    """Return the function from scores to metrics, with the paper's γ and the one of the folds."""
    gammas = {} if plan.zero_shot.gamma is None else {"paper": plan.zero_shot.gamma}
    curves = []
    for workdir in upstream.folds:
        scores = read_scores(scores_path(workdir, "test"))
        unseen = metrics.unseen_indices(scores)
        curves.append(calibration.seen_unseen_curve(scores.score, scores.label, unseen))
    if curves:
        gammas["validation"] = calibration.best_gamma(curves)
    unseen = dataset.problem.unseen_indices
    return functools.partial(metrics.summary, unseen=unseen, gammas=gammas)
