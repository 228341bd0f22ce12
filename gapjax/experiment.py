"""From a config to a run: the only place below `main` that reads a `ConfigDict`."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int
from ml_collections import ConfigDict

from configs import base
from data_pipelines import index as indexing
from data_pipelines.datasets.spec import DatasetSpec
from data_pipelines.index import Index
from data_pipelines.order import TrainOrder
from data_pipelines.pack import open_pack
from data_pipelines.stream import stream
from gapjax import lookup, networks, torch_import
from gapjax.clips import ClipRecipe
from gapjax.feed import Feed, ResidentFeed, Store, StreamFeed
from gapjax.lookup import UserError, chosen, suggestion
from gapjax.method import Ingredients, Variables
from gapjax.optimizer import Rule, SgdOptions, make_optimizer, step_schedule
from gapjax.pretrained import LoadedText
from gapjax.prompts.prompts import load_texts
from gapjax.run import Cadence, Run
from gapjax.sharding import Layout, make_layout, split_cpu
from gapjax.torch_import import StateDict

# Sections whose keys are the fields of a module that the config names.
OPEN_SECTIONS = ("backbone", "method")
PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}

Built = TypeVar("Built")


def build(config: ConfigDict) -> Run:
    """Return the run that a config describes, with its data opened and its devices found.

    Raises:
        UserError: the config has an unknown key or a value that makes no sense.
        DataError: the data set is missing or damaged.
    """
    check_keys(config)
    spec = dataset_spec(config.data.dataset)
    split_cpu(config.mesh.cpu_devices)
    layout = make_layout(config.mesh.devices)
    for batch_size in (config.train.batch_size, config.eval.batch_size):
        layout.check(batch_size)
    directory = Path(config.data.dir) / spec.name
    index = Index.load(directory)
    order, evaluations = split(config, spec, index)
    schedule_options = sgd_options(config)
    schedule = step_schedule(schedule_options, order.steps_per_epoch)
    recipe = construct(ClipRecipe, config.clips, "clips", skeleton=spec.skeleton)
    joints = spec.skeleton.num_joints
    return Run(
        method=build_method(config, spec),
        recipe=recipe,
        clip_shape=(spec.persons, recipe.window, joints, spec.coordinates),
        optimizer=make_optimizer(schedule_options, schedule),
        schedule=schedule,
        feed=FEEDS[chosen("data.feed", config.data.feed, FEEDS)](
            directory, index, layout, spec.persons
        ),
        index=index,
        order=order,
        evaluations=evaluations,
        eval_batch_size=config.eval.batch_size,
        epochs=config.train.epochs,
        seed=config.seed,
        cadence=cadence(config),
        layout=layout,
        labels=spec.labels,
        facts=facts(config, index),
        config=flatten(config),
    )


def resident_feed(directory: Path, index: Index, layout: Layout, persons: int) -> Feed:
    """Put a converted dataset on the devices, packing it first if it is not packed yet."""
    pack = open_pack(directory)
    store = Store(
        frames=np.asarray(pack.frames, np.float32),
        start=pack.start.astype(np.int32),
        count=pack.count.astype(np.int32),
        bodies=pack.bodies.astype(np.int32),
        label=index.label.astype(np.int32),
    )
    return ResidentFeed(layout.replicate(store), layout, persons, int(index.frames.max()))


def stream_feed(directory: Path, index: Index, layout: Layout, persons: int) -> Feed:
    """Read a converted dataset while training."""
    frames = int(index.frames.max())
    read = functools.partial(stream, directory, index, frames=frames, persons=persons)
    return StreamFeed(read, index.label, layout)


FEEDS = {"resident": resident_feed, "stream": stream_feed}


def flatten(config: ConfigDict) -> dict[str, Any]:
    """Return dotted key → value."""
    flat = {}
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            flat |= {f"{name}.{key}": each for key, each in flatten(value).items()}
        else:
            flat[name] = value
    return flat


def check_keys(config: ConfigDict) -> None:
    """Refuse keys that no part of the system reads.

    Raises:
        UserError: names the key, and the known key that is nearest to it.
    """
    known = flatten(base.get_config())
    for key in flatten(config):
        if key not in known and key.split(".")[0] not in OPEN_SECTIONS:
            raise UserError(f"unknown config key {key!r}{suggestion(key, list(known))}")


def construct(
    make: Callable[..., Built], section: Mapping[str, Any] | ConfigDict, title: str, **given: Any
) -> Built:
    """Call `make` with a section's keys as arguments.

    Args:
        make: a dataclass, or any callable with named arguments.
        section: the section of the config.
        title: the section's name, for messages.
        **given: arguments that the config does not decide.

    Raises:
        UserError: the section has a key that `make` does not take, or a value that it refuses.
    """
    keys = {key: value for key, value in section.items() if key != "name"}
    hidden = {"parent", "name", *given}
    takes = [name for name in inspect.signature(make).parameters if name not in hidden]
    for key in keys:
        if key not in takes:
            listed = ", ".join(takes)
            hint = suggestion(key, takes)
            raise UserError(f"unknown config key {title}.{key}{hint} (there are: {listed})")
    try:
        return make(**keys, **given)
    except UserError as error:
        raise UserError(f"{title}.{error}") from error


def dataset_spec(name: str) -> DatasetSpec:
    """Return the facts of a dataset by its name."""
    return lookup.module("data_pipelines.datasets", name).SPEC


def sgd_options(config: ConfigDict) -> SgdOptions:
    """Return the optimizer's options; rules are tuples in a config."""
    rules = tuple(Rule(*rule) for rule in config.optimizer.rules)
    section = {key: value for key, value in config.optimizer.items() if key != "rules"}
    return construct(SgdOptions, section, "optimizer", rules=rules)


def cadence(config: ConfigDict) -> Cadence:
    """Return how often things happen."""
    return Cadence(
        steps_per_dispatch=config.train.steps_per_dispatch,
        log_every=config.train.log_every,
        checkpoint_every=config.train.checkpoint_every,
        evaluate_every=config.eval.every,
    )


def split(
    config: ConfigDict, spec: DatasetSpec, index: Index
) -> tuple[TrainOrder, dict[str, Int[np.ndarray, " n"]]]:
    """Return the order of the training samples, and the rows of each evaluation."""
    name = chosen("data.protocol", config.data.protocol, spec.protocols)
    protocol = spec.protocols[name]
    train, test = indexing.select(index, protocol)
    evaluations = {"test": test}
    if config.data.validation_subjects:
        train, held_out = indexing.hold_out_subjects(
            index, train, config.data.validation_subjects, config.seed
        )
        evaluations["validation"] = held_out
    order = TrainOrder(
        rows=train,
        samples_in_index=len(index),
        repeat=config.data.repeat,
        batch_size=config.train.batch_size,
        seed=config.seed,
    )
    return order, evaluations


def build_method(config: ConfigDict, spec: DatasetSpec) -> Any:
    """Return the method of a config with its backbone, texts and text encoder."""
    backbone = lookup.module("gapjax.backbones", config.backbone.name)
    method = lookup.module("gapjax.methods", config.method.name)
    dtype = PRECISIONS[chosen("train.precision", config.train.precision, PRECISIONS)]
    ingredients = Ingredients(
        backbone=construct(
            backbone.Backbone, config.backbone, "backbone", skeleton=spec.skeleton, dtype=dtype
        ),
        skeleton=spec.skeleton,
        labels=spec.labels,
        texts=load_texts(config.text.file or spec.texts, spec.labels),
        published=published(config.train.init_from, backbone),
        load_text=functools.partial(load_text, config),
    )
    return method.build(ingredients, construct(method.Options, config.method, "method"))


def published(path: str, backbone: ModuleType) -> Variables:
    """Return the variables of a published state dict, none where the path is empty.

    Raises:
        UserError: the backbone has no published weights, or the file is not what it should be.
    """
    if not path:
        return {}
    if not hasattr(backbone, "from_torch"):
        raise UserError(f"train.init_from: {backbone.__name__} reads no published weights")
    return networks.from_torch(StateDict(torch_import.read(path)), backbone.from_torch)


def load_text(config: ConfigDict) -> LoadedText:
    """Return the text encoder of a config with its weights."""
    encoder = lookup.module("gapjax.text_encoders", config.text.encoder)
    options = {"pooling": config.text.pooling} if config.text.pooling else {}
    options["dtype"] = PRECISIONS[chosen("train.precision", config.train.precision, PRECISIONS)]
    options["too_long"] = config.text.too_long
    return encoder.load(config.text.checkpoint, seed=config.seed, **options)


def facts(config: ConfigDict, index: Index) -> dict[str, str]:
    """Return what a result must be told with."""
    text = " ".join(filter(None, (config.text.encoder, config.text.checkpoint)))
    return {
        "dataset": config.data.dataset,
        "protocol": config.data.protocol,
        "index": index.digest[:12],
        "backbone": config.backbone.name,
        "method": config.method.name,
        "modality": config.clips.modality,
        "text": "none" if config.method.get("partition", "none") == "none" else text,
        "seed": str(config.seed),
    }
