"""From a config to a run: the design's only door between configs and everything else."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from data_pipelines.errors import UserError
from data_pipelines.readers.order import TrainOrder
from data_pipelines.storage import contents
from gapjax.experiment.data import (
    FEEDS,
    FRAMES,
    Dataset,
    open_dataset,
    open_feed,
    selected,
    train_order,
)
from gapjax.experiment.model import (
    backbone_importer,
    build_backbone,
    build_method,
    uses_text,
)
from gapjax.experiment.schema import (
    cadence,
    check_keys,
    construct,
    flatten,
    sgd_options,
    split_rules,
)
from gapjax.experiment.stages import Given, needs_encoder
from gapjax.inputs.clips import ClipRecipe, eval_clips, train_clips
from gapjax.inputs.feed import Feed
from gapjax.parallel.sharding import Layout, make_layout, split_cpu
from gapjax.registry import chosen
from gapjax.training import evaluation, feature_cache, loop
from gapjax.training import frozen_encoder as encoders
from gapjax.training.frozen_encoder import Encoded, Encoder
from gapjax.training.optimizer import make_optimizer, step_schedule
from gapjax.training.run import Run
from gapjax.workdir.scores import read_scores, scores_path
from gapjax.zero_shot import calibration
from gapjax.zero_shot import metrics as zero_shot_metrics


def build(config: ConfigDict, given: Given | None = None) -> Run:
    """Return the run that a config describes, with its data opened and its devices found.

    Args:
        config: the config of one stage (`gapjax.experiment.stages`).
        given: what earlier stages left.

    Raises:
        UserError: the config has an unknown key or a value that makes no sense.
        DataError: the data set is missing or damaged.
    """
    layout = open_devices(config)
    dataset = open_dataset(config)
    run = on_clips(config, dataset, layout, open_feed(dataset, config, layout))
    if needs_encoder(config):
        run = _on_features(run, config, dataset, given or Given())
    if layout.rules:
        # Whether the parameters can be split so is told before the folder is claimed.
        loop.state_shapes(run)
    return run


def check(config: ConfigDict) -> None:
    """Refuse what would stop a stage, before the first of several is trained.

    Raises:
        UserError: the config has an unknown key or a value that makes no sense.
        DataError: the data set is missing or damaged.
    """
    open_devices(config)
    dataset = open_dataset(config)
    clip_recipe(config, dataset)
    chosen("data.feed", config.data.feed, FEEDS)
    chosen("data.resident", config.data.resident, FRAMES)
    step_schedule(sgd_options(config), _order(config, dataset).steps_per_epoch)
    # A fold's method is that of the run itself, which is checked, too.
    if not config.data.fold:
        build_method(config, dataset)
    if needs_encoder(config):
        _check_encoder(config)


def open_devices(config: ConfigDict) -> Layout:
    """Return the devices of a config, whose keys are all known and whose batches they can share."""
    check_keys(config)
    split_cpu(config.mesh.cpu_devices)
    layout = make_layout(config.mesh.devices, config.mesh.model, split_rules(config))
    for batch_size in (config.train.batch_size, config.eval.batch_size):
        layout.check(batch_size)
    check_replicas(config)
    return layout


def check_replicas(config: ConfigDict) -> None:
    """Refuse batches that cannot be shared out among replicas."""
    replicas, batch_size = config.train.replicas, config.train.batch_size
    if replicas < 1 or batch_size % replicas:
        raise UserError(f"train.replicas={replicas} should divide train.batch_size={batch_size}")


def steps(config: ConfigDict) -> int:
    """Return how many steps a stage has."""
    return config.train.epochs * _order(config, open_dataset(config)).steps_per_epoch


def _order(config: ConfigDict, dataset: Dataset) -> TrainOrder:
    """Return which samples every step sees; of cached features, every view in turn."""
    views = config.encoder.views if cached(config) else 1
    return train_order(dataset, config, config.data.repeat * views)


def _check_encoder(config: ConfigDict) -> None:
    """Refuse choices about the frozen encoder that are not known or do not go together."""
    options = config.encoder
    encoders.check_options(options.person_merge, options.norm, options.features)


def shares_encoder(config: ConfigDict) -> bool:
    """Return whether a stage is a fold on the encoder of the run itself."""
    return bool(config.data.fold) and config.zero_shot.fold_encoder == "shared"


def cached(config: ConfigDict) -> bool:
    """Return whether a stage learns from features that are computed once."""
    return needs_encoder(config) and config.encoder.features == "cached"


def on_clips(config: ConfigDict, dataset: Dataset, layout: Layout, feed: Feed) -> Run:
    """Return a run whose method sees clips."""
    order = _order(config, dataset)
    options = sgd_options(config)
    schedule = step_schedule(options, order.steps_per_epoch)
    recipe = clip_recipe(config, dataset)
    spec = dataset.spec
    return Run(
        method=build_method(config, dataset),
        train_input=functools.partial(train_clips, recipe),
        eval_input=functools.partial(eval_clips, recipe),
        clip_shape=(spec.persons, recipe.window, spec.skeleton.num_joints, spec.coordinates),
        optimizer=make_optimizer(options, schedule),
        schedule=schedule,
        feed=feed,
        index=dataset.index,
        order=order,
        evaluations=dataset.problem.evaluations,
        eval_batch_size=config.eval.batch_size,
        epochs=config.train.epochs,
        seed=config.seed,
        cadence=cadence(config),
        layout=layout,
        labels=dataset.labels,
        trained_on=known_labels(config, dataset),
        summarize=evaluation.summary,
        facts=facts(config, dataset),
        config=flatten(config),
    )


def clip_recipe(config: ConfigDict, dataset: Dataset) -> ClipRecipe:
    """Return how frames become clips."""
    spec = dataset.spec
    given = {"skeleton": spec.skeleton, "space": spec.space}
    return construct(ClipRecipe, config.clips, "clips", **given)


def _on_features(run: Run, config: ConfigDict, dataset: Dataset, given: Given) -> Run:
    """Return the run with a frozen encoder before its method, and zero-shot metrics."""
    encoder = load_encoder(config, dataset, given)
    summarize = functools.partial(
        zero_shot_metrics.summary,
        unseen=dataset.problem.unseen_indices,
        gammas=gammas(config, given),
    )
    run = dataclasses.replace(run, summarize=summarize)
    if not cached(config):
        return dataclasses.replace(run, method=Encoded(run.method, encoder, config.encoder.norm))
    return _on_cached_features(run, config, dataset, encoder, given)


def _on_cached_features(
    run: Run, config: ConfigDict, dataset: Dataset, encoder: Encoder, given: Given
) -> Run:
    """Return the run with features from the disk, computed now if they are not there yet."""
    views, samples = config.encoder.views, len(dataset.index)
    source = feature_cache.Source(
        encoder=encoder,
        train_input=run.train_input,
        eval_input=run.eval_input,
        recipe=f"{clip_recipe(config, dataset)} {encoder.backbone}",
        index_digest=dataset.digest,
        contents_digest=contents.digest(
            dataset.directory, dataset.index, packed=config.data.feed == "resident"
        ),
        seed=config.seed,
        layout=run.layout,
        views=views,
    )
    # Stages that share an encoder share the features of all samples that one of them needs.
    problem = dataset.whole if shares_encoder(config) else dataset.problem
    tested = np.concatenate(list(problem.evaluations.values()))
    items = feature_cache.items_of(problem.train, tested, samples, views)
    folder = given.features or Path(config.data.dir) / "features"
    values = feature_cache.prepare(source, items, run.feed, samples, config.eval.batch_size, folder)
    return feature_cache.replace_clips(run, values, items, views)


def load_encoder(config: ConfigDict, dataset: Dataset, given: Given) -> Encoder:
    """Return the frozen encoder of a zero-shot run.

    Raises:
        UserError: there is none, or it has seen classes that should be unseen.
    """
    options = config.encoder
    _check_encoder(config)
    if not (given.encoder or config.encoder.checkpoint):
        raise UserError(
            "no encoder is given: gapjax.main trains one first, or set encoder.checkpoint"
        )
    source = given.encoder or Path(config.encoder.checkpoint)
    seen = known_labels(config, dataset)
    if source.is_dir():
        variables = encoders.from_workdir(source, flatten(config), seen)
    elif source.is_file():
        declared = options.trained_on == "seen"
        unseen = [name for name in dataset.spec.labels if name not in seen]
        backbone = backbone_importer(config, "encoder.checkpoint")
        variables = encoders.from_published(source, backbone, seen, unseen, declared)
    else:
        raise UserError(f"encoder.checkpoint: there is no workdir or state dict {str(source)!r}")
    return Encoder(build_backbone(config, dataset.spec.skeleton), variables, options.person_merge)


def known_labels(config: ConfigDict, dataset: Dataset) -> tuple[str, ...]:
    """Return the names of the classes that a stage, its encoder included, has been trained on."""
    # A fold's pseudo-unseen classes are seen ones to an encoder that all folds share.
    if needs_encoder(config) and shares_encoder(config):
        return dataset.labels
    return dataset.seen_labels


def gammas(config: ConfigDict, given: Given) -> dict[str, float]:
    """Return where a γ comes from → that γ: the paper's, and the one chosen on the folds."""
    found = {}
    if config.zero_shot.gamma is not None:
        found["paper"] = config.zero_shot.gamma
    if given.folds:
        curves = []
        for workdir in given.folds:
            scores = read_scores(scores_path(workdir, "test"))
            unseen = zero_shot_metrics.unseen_indices(scores)
            curves.append(calibration.seen_unseen_curve(scores.score, scores.label, unseen))
        found["validation"] = calibration.best_gamma(curves)
    return found


def facts(config: ConfigDict, dataset: Dataset) -> Mapping[str, Any]:
    """Return what a result must be told with."""
    text = " ".join(filter(None, (config.text.encoder, config.text.checkpoint)))
    return {
        **selected(config, dataset),
        "backbone": config.backbone.name,
        "method": config.method.name,
        "modality": config.clips.modality,
        "text": text if uses_text(config) else "none",
        "seed": str(config.seed),
    }
