"""The method of a plan: its network and class descriptions."""

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from data_pipelines.errors import UserError
from data_pipelines.specs.class_texts import MissingTextError
from data_pipelines.specs.skeletons import Skeleton
from gapjax import backbones, methods
from gapjax.experiment import platform
from gapjax.experiment.data import Dataset
from gapjax.experiment.initial_weights import start
from gapjax.experiment.plan import Plan
from gapjax.inputs.clips import ClipRecipe
from gapjax.methods import Context, Inference, Method
from gapjax.nn.ghost_batch_norm import Replicas
from gapjax.prompts.descriptions import ClassText, file_names, load_texts
from gapjax.text import distinct
from gapjax.text.embedding_cache import TextEmbedder
from gapjax.text.encoder import TextOptions


def build_method(plan: Plan, dataset: Dataset) -> Method:
    """Return the method of a plan, or raise UserError for an invalid value or file."""
    context = replace(method_context(plan, dataset), published=start(plan, dataset).usable())
    try:
        require_distinct_classes(plan, context.descriptions)
        return methods.get(plan.method.name).build(context, method_options(plan))
    except MissingTextError as error:
        file = _file(plan, dataset)
        where = file_names(file) if file else f"{dataset.spec.name} has no file of them"
        raise UserError(f"{where}: {error}") from None


def require_distinct_classes(plan: Plan, texts: Sequence[ClassText]) -> None:
    """Refuse classes that the text encoder of a plan cannot tell apart (`gapjax.text.distinct`)."""
    spec, options = methods.get(plan.method.name), method_options(plan)
    if spec.class_strings and spec.uses_text(options):
        strings = spec.class_strings(texts, options)
        distinct.require_distinct([text.label for text in texts], strings, text_embedder(plan))


def build_inference(plan: Plan, dataset: Dataset) -> Inference:
    """Return the inference of a plan's method, or raise UserError if it has none."""
    return inference_of(plan, method_context(plan, dataset))


def inference_of(plan: Plan, context: Context) -> Inference:
    """Return the inference of a plan's method in a context; see `build_inference`."""
    spec = methods.get(plan.method.name)
    if spec.inference is None:
        raise UserError(
            f"method.name={plan.method.name!r} has no inference, so its runs cannot be exported"
        )
    return spec.inference(context, method_options(plan))


def build_alignment(plan: Plan, dataset: Dataset) -> Inference:
    """Return the inference of what a plan's method compares (`MethodSpec.alignment`).

    Raises:
        UserError: it compares clips with no text.
    """
    spec = methods.get(plan.method.name)
    if spec.alignment is None:
        raise UserError(
            f"method.name={plan.method.name!r} has no space that clips and texts share: give its "
            "METHOD an `alignment`"
        )
    return spec.alignment(method_context(plan, dataset), method_options(plan))


def method_options(plan: Plan) -> Any:
    """Return the options of a plan's method, or raise UserError if it refuses a value."""
    return plan.method.build(methods.get(plan.method.name).options)


def method_context(plan: Plan, dataset: Dataset) -> Context:
    """Return the parts that a plan's method is built from, without published variables."""
    texts = descriptions(plan, dataset)
    text = text_embedder(plan, Path(plan.data.dir) / "text_features")
    return Context(
        backbone=build_backbone(plan, dataset.spec.skeleton),
        skeleton=dataset.spec.skeleton,
        labels=dataset.labels,
        descriptions=[texts[number] for number in dataset.problem.classes] if texts else (),
        encode=text.embed,
        load_text=text.load,
        unseen=dataset.problem.unseen_indices,
    )


def uses_text(plan: Plan) -> bool:
    """Return whether a plan's method needs class descriptions."""
    return methods.get(plan.method.name).uses_text(method_options(plan))


def descriptions(plan: Plan, dataset: Dataset) -> tuple[ClassText, ...]:
    """Return the descriptions of a dataset's classes, if the method reads them.

    A dataset without a file of them has the names of its classes alone.

    Raises:
        UserError: the file is missing or invalid.
    """
    if not uses_text(plan):
        return ()
    file = _file(plan, dataset)
    if not file:
        return tuple(ClassText(label, (), "", {}) for label in dataset.spec.labels)
    return load_texts(file, dataset.spec.labels)


def _file(plan: Plan, dataset: Dataset) -> str:
    """Return the file of class descriptions, or several (`load_texts`); empty for none."""
    return plan.text.file or dataset.spec.texts


def text_embedder(plan: Plan, folder: Path | None = None) -> TextEmbedder:
    """Return the text encoder of a plan, which caches frozen embeddings in `folder`."""
    keys = ("encoder", "checkpoint", "pooling", "too_long")
    options = {key: getattr(plan.text, key) for key in keys}
    dtype = platform.settle(plan, platform.ANY).train.precision
    return TextEmbedder(TextOptions(**options, dtype=dtype, seed=plan.seed), folder)


def build_backbone(plan: Plan, skeleton: Skeleton) -> nn.Module:
    """Return the skeleton encoder of a plan; where that says `auto`, one for any platform."""
    train = platform.settle(plan, platform.ANY).train
    make = backbones.get(plan.backbone.name).module
    given = {"skeleton": skeleton, "dtype": jnp.dtype(train.precision)}
    fields = {field.name for field in dataclasses.fields(make)}
    execution = {"layout": train.layout, "recompute": train.recompute}
    given |= {key: value for key, value in execution.items() if key in fields}
    backbone = plan.backbone.build(make, **given)
    replicas = train.replicas
    return backbone if replicas == 1 else Replicas(backbone, replicas)


def clip_recipe(plan: Plan, dataset: Dataset) -> ClipRecipe:
    """Return the recipe of clips, or raise UserError for an invalid value."""
    return plan.clips.build(ClipRecipe, skeleton=dataset.spec.skeleton, space=dataset.spec.space)


def clip_shape(plan: Plan, dataset: Dataset) -> tuple[int, int, int, int]:
    """Return the (persons, frames, joints, coordinates) of a clip."""
    spec = dataset.spec
    return (spec.persons, plan.clips["window"], spec.skeleton.num_joints, spec.coordinates)
