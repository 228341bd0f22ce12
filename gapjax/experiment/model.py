"""What a method is made of: the network, the texts and the weights that a config names."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from ml_collections import ConfigDict

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import Skeleton
from gapjax import backbones, methods
from gapjax.backbones import FromTorch
from gapjax.experiment.data import Dataset
from gapjax.experiment.schema import construct
from gapjax.methods import Context, Inference, Method, Variables
from gapjax.nn import torch_weights
from gapjax.nn.ghost_batch_norm import Replicas
from gapjax.nn.torch_weights import StateDict
from gapjax.prompts.strings import ClassText, load_texts
from gapjax.registry import chosen
from gapjax.text.embedding import TextEmbedder
from gapjax.text.encoder import TextOptions

PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def build_method(config: ConfigDict, dataset: Dataset) -> Method:
    """Return the method of a config with its backbone, texts and text encoder.

    Raises:
        UserError: a name or a value of the config is not known, or a file is not what it should be.
    """
    context = replace(method_context(config, dataset), published=published(config))
    return methods.get(config.method.name).build(context, method_options(config))


def build_inference(config: ConfigDict, dataset: Dataset) -> Inference:
    """Return how the method of a config recognises once it is trained.

    Raises:
        UserError: as `build_method`, or nobody wrote how the method recognises.
    """
    spec = methods.get(config.method.name)
    if spec.inference is None:
        raise UserError(
            f"method.name={config.method.name!r} has no inference, so its runs cannot be exported"
        )
    return spec.inference(method_context(config, dataset), method_options(config))


def method_options(config: ConfigDict) -> Any:
    """Return the options of a config's method.

    Raises:
        UserError: the method has no such option.
    """
    return construct(methods.get(config.method.name).options, config.method, "method")


def method_context(config: ConfigDict, dataset: Dataset) -> Context:
    """Return the parts that a config's method is built from, without published variables."""
    texts = descriptions(config, dataset)
    return Context(
        backbone=build_backbone(config, dataset.spec.skeleton),
        skeleton=dataset.spec.skeleton,
        labels=dataset.labels,
        descriptions=[texts[each] for each in dataset.problem.classes] if texts else (),
        text=text_embedder(config, Path(config.data.dir) / "text_features"),
        unseen=dataset.problem.unseen_indices,
    )


def uses_text(config: ConfigDict) -> bool:
    """Return whether a config's method needs class descriptions."""
    return methods.get(config.method.name).uses_text(method_options(config))


def descriptions(config: ConfigDict, dataset: Dataset) -> tuple[ClassText, ...]:
    """Return the descriptions of a dataset's classes; none if nobody wrote or needs them.

    Raises:
        UserError: the method needs them.
    """
    file = config.text.file or dataset.spec.texts
    if file:
        return load_texts(file, dataset.spec.labels)
    if uses_text(config):
        raise UserError(
            f"method.name={config.method.name!r} needs class descriptions, and "
            f"{dataset.spec.name} has none: give a file by text.file, or use no text "
            "(method.name='supervised', or GAP's method.partition='none')"
        )
    return ()


def backbone_importer(config: ConfigDict, key: str) -> FromTorch:
    """Return the importer of published weights of a config's backbone.

    Raises:
        UserError: it has none; the message names the config key that asks for it.
    """
    importer = backbones.get(config.backbone.name).from_torch
    if importer is None:
        raise UserError(f"{key}: backbone.name={config.backbone.name!r} has no published weights")
    return importer


def build_backbone(config: ConfigDict, skeleton: Skeleton) -> nn.Module:
    """Return the skeleton encoder of a config."""
    make = backbones.get(config.backbone.name).module
    given = {"skeleton": skeleton, "dtype": precision(config)}
    backbone = construct(make, config.backbone, "backbone", **given)
    # The config of an earlier run may lack the key.
    replicas = config.train.get("replicas", 1)
    return backbone if replicas == 1 else Replicas(backbone, replicas)


def precision(config: ConfigDict) -> DTypeLike:
    """Return the type of the computation."""
    return PRECISIONS[chosen("train.precision", config.train.precision, PRECISIONS)]


def published(config: ConfigDict) -> Variables:
    """Return the variables of a published state dict; none if the config names none.

    Raises:
        UserError: the method or the backbone has no published weights, the file is invalid, or the
            classes that the weights were trained on are unknown.
    """
    path, spec = config.train.init_from, methods.get(config.method.name)
    if not path:
        return {}
    if spec.from_torch is None:
        raise UserError(f"train.init_from: {config.method.name!r} has no published weights")
    on_clips = spec.learns_from == "clips"
    if on_clips and config.data.zero_shot:
        raise UserError(
            "train.init_from: its weights may know classes that data.zero_shot leaves unseen; "
            "train from scratch, or give an encoder by encoder.checkpoint"
        )
    backbone = backbone_importer(config, "train.init_from") if on_clips else None
    return spec.from_torch(StateDict(torch_weights.read(path)), backbone)


def text_embedder(config: ConfigDict, folder: Path | None = None) -> TextEmbedder:
    """Return the text encoder of a config, which caches frozen embeddings in `folder`."""
    keys = ("encoder", "checkpoint", "pooling", "too_long")
    options = {key: config.text[key] for key in keys}
    dtype = chosen("train.precision", config.train.precision, PRECISIONS)
    return TextEmbedder(TextOptions(**options, dtype=dtype, seed=config.seed), folder)
