"""What a method is made of: the network, the texts and the weights that a config names."""

import functools
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from ml_collections import ConfigDict

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import Skeleton
from gapjax import registry
from gapjax.experiment.data import Dataset
from gapjax.experiment.schema import construct
from gapjax.methods._base import Ingredients, Method, Variables
from gapjax.methods._inference import Inference
from gapjax.nn import heads, torch_weights
from gapjax.nn.ghost_batch_norm import Replicas
from gapjax.nn.torch_weights import StateDict
from gapjax.prompts.strings import ClassText, load_texts
from gapjax.registry import chosen
from gapjax.text import embedding
from gapjax.text.checkpoint import LoadedText

PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def build_method(config: ConfigDict, dataset: Dataset) -> Method:
    """Return the method of a config with its backbone, texts and text encoder.

    Raises:
        UserError: a name or a value of the config is not known, or a file is not what it should be.
    """
    method = registry.module("gapjax.methods", config.method.name)
    ingredients = replace(gather(config, dataset), published=published(config, method))
    return method.build(ingredients, construct(method.Options, config.method, "method"))


def build_inference(config: ConfigDict, dataset: Dataset) -> Inference:
    """Return how the method of a config recognises once it is trained.

    Raises:
        UserError: as `build_method`, or nobody wrote how the method recognises.
    """
    method = registry.module("gapjax.methods", config.method.name)
    if not hasattr(method, "inference"):
        raise UserError(f"{method.__name__} has no `inference`, so its runs cannot be exported")
    options = construct(method.Options, config.method, "method")
    return method.inference(gather(config, dataset), options)


def gather(config: ConfigDict, dataset: Dataset) -> Ingredients:
    """Return what a method is made of, without published variables."""
    texts = descriptions(config, dataset)
    load = functools.cache(functools.partial(load_text, config))
    folder = Path(config.data.dir) / "text_features"
    return Ingredients(
        backbone=build_backbone(config, dataset.spec.skeleton),
        skeleton=dataset.spec.skeleton,
        labels=dataset.labels,
        texts=[texts[each] for each in dataset.problem.classes] if texts else (),
        load_text=load,
        encode_text=lambda strings: embedding.encode(strings, load(), folder),
        unseen=dataset.problem.unseen_indices,
    )


def uses_text(config: ConfigDict) -> bool:
    """Return whether a config's method needs class descriptions."""
    return config.method.name != "supervised" and config.method.get("partition") != "none"


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


def backbone_module(config: ConfigDict) -> ModuleType:
    """Return the module of the backbone that a config names."""
    return registry.module("gapjax.backbones", config.backbone.name)


def build_backbone(config: ConfigDict, skeleton: Skeleton) -> nn.Module:
    """Return the skeleton encoder of a config."""
    make = backbone_module(config).Backbone
    given = {"skeleton": skeleton, "dtype": precision(config)}
    backbone = construct(make, config.backbone, "backbone", **given)
    # The config of an earlier run may lack the key.
    replicas = config.train.get("replicas", 1)
    return backbone if replicas == 1 else Replicas(backbone, replicas)


def precision(config: ConfigDict) -> DTypeLike:
    """Return the type of the computation."""
    return PRECISIONS[chosen("train.precision", config.train.precision, PRECISIONS)]


def published(config: ConfigDict, method: ModuleType) -> Variables:
    """Return the variables of a published state dict, none where the config names none.

    Raises:
        UserError: there are no published weights of such a method or backbone, the file is not what
            it should be, or nobody knows which classes it has seen.
    """
    path, backbone = config.train.init_from, backbone_module(config)
    if not path:
        return {}
    if getattr(method, "ON_FEATURES", False):
        if not hasattr(method, "from_torch"):
            raise UserError(f"train.init_from: {method.__name__} reads no published weights")
        return method.from_torch(StateDict(torch_weights.read(path)))
    if config.data.zero_shot:
        raise UserError(
            "train.init_from: its weights may know classes that data.zero_shot leaves unseen; "
            "train from scratch, or give an encoder by encoder.checkpoint"
        )
    if not hasattr(backbone, "from_torch"):
        raise UserError(f"train.init_from: {backbone.__name__} reads no published weights")
    return heads.from_torch(StateDict(torch_weights.read(path)), backbone.from_torch)


def load_text(config: ConfigDict) -> LoadedText:
    """Return the text encoder of a config with its weights."""
    encoder = registry.module("gapjax.text.encoders", config.text.encoder)
    options = {"pooling": config.text.pooling} if config.text.pooling else {}
    options |= {"dtype": precision(config), "too_long": config.text.too_long}
    return encoder.load(config.text.checkpoint, seed=config.seed, **options)
