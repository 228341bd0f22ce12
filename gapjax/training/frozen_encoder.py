"""A trained skeleton encoder that is kept as it is: where it comes from and what it has seen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from data_pipelines.errors import UserError
from gapjax.backbones import FromTorch
from gapjax.methods import LossOut, Method, Text, Variables
from gapjax.nn import torch_weights
from gapjax.nn.person_merge import merge
from gapjax.nn.torch_weights import StateDict
from gapjax.workdir.checkpoints import read_newest
from gapjax.workdir.config_file import read_config
from gapjax.workdir.history import read_results

# Whether the encoder's batch normalization stays as trained, or uses and learns the statistics of
# each training batch, as STAR's release does (facts D.2).
NORMS = ("frozen", "released")


@dataclass(frozen=True)
class Encoder:
    """A skeleton encoder with its weights.

    Attributes:
        backbone: the network.
        variables: its parameters and running statistics.
        person_merge: how persons become one (`gapjax.nn.person_merge`).
    """

    backbone: nn.Module
    variables: Variables
    person_merge: str = "mean"

    def encode(
        self, variables: Variables, clips: Float[Array, "b m t v c"]
    ) -> Float[Array, "b t2 v d"]:
        """Return the features of clips, the persons merged into one."""
        return self._merged(self.backbone.apply(variables, clips, train=False))

    def encode_by_batch(
        self, variables: Variables, clips: Float[Array, "b m t v c"]
    ) -> tuple[Float[Array, "b t2 v d"], Any]:
        """Return features under the batch's own statistics, and the running ones after it."""
        features, updates = self.backbone.apply(
            variables, clips, train=True, mutable=["batch_stats"]
        )
        return self._merged(features), updates["batch_stats"]

    def _merged(self, features: Float[Array, "b m t v d"]) -> Float[Array, "b t v d"]:
        return merge(features.astype(jnp.float32), self.person_merge)


@dataclass(frozen=True)
class Encoded:
    """A method on features as a method on clips: the encoder runs within every step.

    Attributes:
        method: the method, whose input is features.
        encoder: the encoder; nothing of it is trained.
        norm: one of `NORMS`.
    """

    method: Method
    encoder: Encoder
    norm: str = "frozen"

    def prepare_text(self) -> Text:
        """Return the method's text beside the encoder's variables, which are not trained."""
        return {"method": self.method.prepare_text(), "encoder": self.encoder.variables}

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b m t v c"]) -> Variables:
        """Return the method's variables, and the running statistics that may drift."""
        shape = jax.eval_shape(self.encoder.encode, self.encoder.variables, clips)
        inner = self.method.init(rng, jnp.zeros(shape.shape, shape.dtype))
        statistics = self.encoder.variables["batch_stats"] if self.norm == "released" else {}
        return {
            "params": inner["params"],
            "batch_stats": {"method": inner["batch_stats"], "encoder": statistics},
        }

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b m t v c"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the method's loss on the clips' features."""
        drifted = {}
        if self.norm == "released":
            features, drifted = self.encoder.encode_by_batch(self._frozen(variables, text), clips)
        else:
            features = self.encoder.encode(text["encoder"], clips)
        features = jax.lax.stop_gradient(features)
        out = self.method.loss(self._inner(variables), features, labels, text["method"], keys)
        return out._replace(batch_stats={"method": out.batch_stats, "encoder": drifted})

    def predict(
        self, variables: Variables, clips: Float[Array, "b m t v c"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the method's scores of the clips' features."""
        features = self.encoder.encode(self._frozen(variables, text), clips)
        return self.method.predict(self._inner(variables), features, text["method"])

    def _frozen(self, variables: Variables, text: Text) -> Variables:
        """Return the encoder's variables, with what has drifted of them."""
        drifted = variables["batch_stats"]["encoder"]
        return {**text["encoder"], "batch_stats": drifted} if drifted else text["encoder"]

    def _inner(self, variables: Variables) -> Variables:
        return {"params": variables["params"], "batch_stats": variables["batch_stats"]["method"]}


def from_workdir(workdir: Path, config: Mapping[str, Any], seen: Sequence[str]) -> Variables:
    """Return the backbone's variables from the working directory of a finished run.

    Args:
        workdir: the run that trained it.
        config: this run's config, flat: what the encoder was trained with must be the same.
        seen: the names of the classes that an encoder may have been trained on.

    Raises:
        UserError: there is no checkpoint, it is of another backbone or other clips, or it was
            trained on other classes; the message names them.
    """
    checkpoint = read_newest(workdir)
    _refuse_unseen(str(workdir), checkpoint.trained_on, seen)
    _refuse_other(workdir, config)
    params, statistics = checkpoint.state["params"], checkpoint.state["batch_stats"]
    network = params.get("network", params)
    if "backbone" not in network:
        raise UserError(f"{workdir} is no run of a skeleton encoder; is it {workdir / 'encoder'}?")
    read_results(workdir, read_config(workdir)["train.epochs"], checkpoint.step)
    return {"params": network["backbone"], "batch_stats": statistics["backbone"]}


def _refuse_unseen(source: str, trained_on: Sequence[str], seen: Sequence[str]) -> None:
    known = [name for name in trained_on if name not in seen]
    if known:
        raise UserError(
            f"{source} was trained on classes that should be unseen: {', '.join(known)}; "
            "train an encoder on the seen classes of this split (encoder.checkpoint='')"
        )


def _refuse_other(workdir: Path, config: Mapping[str, Any]) -> None:
    """Raise UserError if an encoder was trained for other clips or is another network."""
    before = read_config(workdir)
    now = json.loads(json.dumps(dict(config)))
    free = ("clips.train_crop", "clips.eval_crop", "clips.rotation", "clips.angle")
    keys = [key for key in before if key.startswith(("backbone.", "clips.")) and key not in free]
    keys += ["data.dataset", "data.protocol"]
    if now.get("data.validation_subjects"):
        # The seed draws whose samples are held out.
        keys += ["data.validation_subjects", "seed"]
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

    A state dict does not say what it was trained on: the user must, and as many outputs as there
    are classes mean that unseen ones were among them.

    Args:
        path: the state dict, of the encoder or of a model that contains it.
        backbone: the importer of the backbone's variables.
        seen: the names of the seen classes.
        unseen: those of the unseen ones.
        declared: whether the user states that only seen classes were trained on.

    Raises:
        UserError: the encoder has seen, or may have seen, unseen classes.
    """
    state = StateDict(torch_weights.skeleton_encoder_arrays(torch_weights.read(path)))
    outputs = len(state.array("fc.bias")) if "fc.bias" in state else 0
    if not declared:
        known = f"all of {', '.join(unseen)}" if outputs == len(seen) + len(unseen) else "unknown"
        raise UserError(
            f"{path} has {outputs} outputs where {len(seen)} classes are seen: unseen classes it "
            f"was trained on: {known}; if it was trained on seen classes alone, say so with "
            "encoder.trained_on=seen"
        )
    return backbone(state)
