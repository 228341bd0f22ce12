"""From a plan to a run: open its data and devices, and connect the method to them."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from gapjax.experiment import gating, initial_weights, platform
from gapjax.experiment.data import (
    Dataset,
    describe_selection,
    known_labels,
    open_dataset,
    train_order,
)
from gapjax.experiment.features import (
    cached_features,
    load_encoder,
    zero_shot_summary,
)
from gapjax.experiment.feeds import count_bodies, open_feed
from gapjax.experiment.model import build_method, clip_recipe, clip_shape, uses_text
from gapjax.experiment.plan import Plan
from gapjax.experiment.sources import summary_by_source
from gapjax.experiment.stages import Upstream
from gapjax.inputs import modalities
from gapjax.inputs.clips import eval_clips, train_clips
from gapjax.inputs.feed import Feed
from gapjax.parallel.sharding import Layout, make_layout
from gapjax.training import evaluation, frozen_parts
from gapjax.training.feature_cache import feature_inputs
from gapjax.training.frozen_encoder import Encoded, Encoder
from gapjax.training.optimizer import make_optimizer, step_schedule
from gapjax.training.run import Inputs, Run, Summarize


@dataclass(frozen=True)
class Sources:
    """Functions that open the parts of a run; only those that the plan needs are called.

    Attributes:
        feed: opens the feed of raw frames.
        encoder: opens the frozen skeleton encoder.
        features: opens the features of the samples, and the item that each is of.
    """

    feed: Callable[[], Feed]
    encoder: Callable[[], Encoder]
    features: Callable[[Encoder], tuple[Float[np.ndarray, "n t v d"], Int[np.ndarray, " n"]]]


def build(plan: Plan, upstream: Upstream | None = None) -> Run:
    """Return the run of a plan on its data and devices.

    Args:
        plan: of one stage (`gapjax.experiment.stages`, which settles what a config leaves open).
        upstream: what the stage takes from earlier ones.

    Raises:
        UserError: a value is invalid, or there is no skeleton encoder that may be used.
        DataError: the dataset is missing or damaged.
    """
    layout, dataset = open_devices(plan), open_dataset(plan)
    plan = platform.settle(plan, layout.platform)
    upstream = upstream or Upstream()
    sources = Sources(
        feed=functools.partial(open_feed, plan, dataset, layout),
        encoder=functools.partial(load_encoder, plan, dataset, upstream),
        features=functools.partial(cached_features, plan, dataset, layout, upstream),
    )
    zero_shot = zero_shot_summary(plan, dataset, upstream) if plan.on_features else None
    summarize = zero_shot or evaluation.summary
    summarize = summary_by_source(summarize) if plan.eval.by_source else summarize
    if plan.on_features and plan.zero_shot.gate:
        summarize = gating.with_gate(plan, dataset, layout, upstream, summarize)
    return connect(plan, dataset, layout, sources, summarize)


def check(plan: Plan) -> None:
    """Refuse what would stop a stage, before the first of several is trained.

    Raises:
        UserError: a value is invalid.
        DataError: the dataset is missing or damaged.
    """
    open_devices(plan)
    gating.check(plan)
    dataset = open_dataset(plan)
    clip_recipe(plan, dataset)
    step_schedule(plan.optimizer, train_order(plan, dataset).steps_per_epoch, plan.train.epochs)
    # A fold has the method of the run itself, which is checked, too.
    if not plan.data.fold:
        build_method(plan, dataset)


def steps(plan: Plan) -> int:
    """Return the number of steps of a stage."""
    return plan.train.epochs * train_order(plan, open_dataset(plan)).steps_per_epoch


def open_devices(plan: Plan) -> Layout:
    """Return the devices of a plan.

    Raises:
        UserError: there are too few, or a batch cannot be split over them.
    """
    layout = make_layout(plan.mesh.devices, plan.mesh.model, plan.mesh.rules)
    for batch_size in (plan.train.batch_size, plan.eval.batch_size):
        layout.check_batch_size(batch_size)
    return layout


def connect(
    plan: Plan, dataset: Dataset, layout: Layout, sources: Sources, summarize: Summarize
) -> Run:
    """Return the run of a plan, whose method learns from clips or from features of them.

    Args:
        plan: the plan of one stage.
        dataset: its dataset.
        layout: its devices.
        sources: open the other parts, or give their shapes.
        summarize: computes metrics from scores.
    """
    method, order = build_method(plan, dataset), train_order(plan, dataset)
    encoder = sources.encoder() if plan.on_features else None
    if plan.cached and encoder:
        features, items = sources.features(encoder)
        label = dataset.index.label
        inputs = feature_inputs(features, items, label, plan.views, layout)
    else:
        recipe = clip_recipe(plan, dataset)
        inputs = Inputs(
            feed=count_bodies(plan, dataset, layout, sources.feed(), order),
            train_input=functools.partial(train_clips, recipe),
            eval_input=functools.partial(eval_clips, recipe),
            clip_shape=clip_shape(plan, dataset),
        )
        method = Encoded(method, encoder, plan.encoder.norm) if encoder else method
    schedule = step_schedule(plan.optimizer, order.steps_per_epoch, plan.train.epochs)
    return Run(
        **vars(inputs),
        method=frozen_parts.keep(method, plan.optimizer.rules),
        optimizer=make_optimizer(plan.optimizer, schedule),
        schedule=schedule,
        index=dataset.index,
        order=order,
        evaluations=dataset.problem.evaluations,
        eval_batch_size=plan.eval.batch_size,
        epochs=plan.train.epochs,
        seed=plan.seed,
        cadence=plan.cadence,
        layout=layout,
        trained_on=known_labels(plan, dataset),
        summarize=summarize,
        facts=describe(plan, dataset),
        labels=dataset.labels,
        learned_before=initial_weights.trained_on(plan),
    )


def describe(plan: Plan, dataset: Dataset) -> Mapping[str, str]:
    """Return the metadata that a result is reported with."""
    text = " ".join(filter(None, (plan.text.encoder, plan.text.checkpoint)))
    skeleton = dataset.spec.skeleton
    return {
        **describe_selection(plan, dataset),
        "backbone": plan.backbone.name,
        "method": plan.method.name,
        "modality": modalities.stream(skeleton, plan.clips["modality"], plan.clips["k"]),
        "text": text if uses_text(plan) else "none",
        "seed": str(plan.seed),
    }
