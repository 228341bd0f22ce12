"""The weights of a frozen skeleton encoder, which must not know unseen classes or other clips."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import UserError
from gapjax.backbones import FromTorch
from gapjax.methods import Variables
from gapjax.nn import torch_weights
from gapjax.nn.torch_weights import StateDict
from gapjax.workdir.checkpoints import read_newest
from gapjax.workdir.config_file import read_config
from gapjax.workdir.history import read_results
from gapjax.workdir.weights import UNKNOWN, by_part

_HOLD_OUT_KEYS = ("data.validation_subjects", "data.cross_validation")


def from_workdir(workdir: Path, config: Mapping[str, Any], unseen: Sequence[str]) -> Variables:
    """Return the backbone's variables from the working directory of a finished run.

    Args:
        workdir: the run that trained it.
        config: this run's config, flat; its backbone and clips must be those of the encoder.
        unseen: the names of the classes that the encoder may not be trained on.

    Raises:
        UserError: there is no checkpoint, or it is of another backbone, other clips or classes.
    """
    checkpoint = read_newest(workdir)
    _refuse_unseen(str(workdir), checkpoint.trained_on, unseen)
    _refuse_other(workdir, config)
    params, statistics = checkpoint.state["params"], checkpoint.state.get("batch_stats") or {}
    parts = by_part(params)
    if "backbone" not in parts:
        raise UserError(f"{workdir} is no run of a skeleton encoder; is it {workdir / 'encoder'}?")
    read_results(workdir, read_config(workdir)["train.epochs"], checkpoint.step)
    return {"params": parts["backbone"], "batch_stats": statistics.get("backbone", {})}


def classifier(
    workdir: Path,
) -> tuple[Float[np.ndarray, "d k"], Float[np.ndarray, " k"], tuple[str, ...]]:
    """Return the kernel and the bias of the classifier of an encoder's run, and its classes.

    Raises:
        UserError: the encoder is a published file, or of another method.
    """
    checkpoint = read_newest(workdir) if workdir.is_dir() else None
    parts = by_part(checkpoint.state["params"]) if checkpoint else {}
    if checkpoint is None or "classifier" not in parts:
        raise UserError(f"zero_shot.gate=True: the encoder {workdir} has no classifier of its own")
    layer = parts["classifier"]["Dense_0"]
    return np.asarray(layer["kernel"]), np.asarray(layer["bias"]), tuple(checkpoint.trained_on)


def _refuse_unseen(source: str, trained_on: Sequence[str], unseen: Sequence[str]) -> None:
    known = [name for name in trained_on if name in (*unseen, UNKNOWN)]
    if known:
        raise UserError(
            f"{source} was trained on classes that should be unseen: {', '.join(known)}; "
            "train an encoder on the seen classes of this split (encoder.checkpoint='')"
        )


def _refuse_other(workdir: Path, config: Mapping[str, Any]) -> None:
    """Raise UserError if an encoder is of another backbone or other clips."""
    before = read_config(workdir)
    now = json.loads(json.dumps(dict(config)))
    free = ("clips.train_crop", "clips.eval_crop", "clips.rotation", "clips.angle")
    keys = [key for key in before if key.startswith(("backbone.", "clips.")) and key not in free]
    keys += ["data.dataset", "data.protocol"]
    held_out = [key for key in _HOLD_OUT_KEYS if now.get(key)]
    # The seed draws the subjects that are held out.
    keys += [*held_out, "seed"] if held_out else []
    for key in keys:
        if before.get(key) != now.get(key):
            raise UserError(
                f"{workdir}: the encoder was trained with {key}={before.get(key)}, "
                f"this run has {now.get(key)}"
            )


def from_published(
    path: Path, backbone: FromTorch, seen: Sequence[str], unseen: Sequence[str], declared: bool
) -> Variables:
    """Return a backbone's variables from a published state dict.

    A state dict does not say which classes it was trained on, so that the user must.

    Args:
        path: the state dict, of the encoder or of a model that contains it.
        backbone: the importer of the backbone's variables.
        seen: the names of the seen classes.
        unseen: the names of the unseen classes.
        declared: whether the user declares that it was trained on seen classes alone.

    Raises:
        UserError: it may have been trained on unseen classes.
    """
    state = StateDict(torch_weights.skeleton_encoder_arrays(torch_weights.read(path)))
    bias = f"{state.classifier}.bias"
    outputs = len(state.array(bias)) if bias in state else 0
    if not declared:
        known = f"all of {', '.join(unseen)}" if outputs == len(seen) + len(unseen) else "unknown"
        raise UserError(
            f"{path} has {outputs} outputs where {len(seen)} classes are seen: unseen classes it "
            f"was trained on: {known}; if it was trained on seen classes alone, say so with "
            "encoder.trained_on=seen"
        )
    return backbone(state)
