"""A finished run as what recognises, read from its working directory."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int
from ml_collections import ConfigDict

from gapjax.experiment import model, plan, schema
from gapjax.experiment.data import Dataset, open_dataset
from gapjax.experiment.stages import needs_encoder, stages
from gapjax.inputs.clips import ClipRecipe, eval_clips
from gapjax.methods import Embeddings, Inference, Outputs, Variables
from gapjax.training.frozen_encoder import Encoder
from gapjax.workdir.checkpoints import read_newest
from gapjax.workdir.config_file import read_config
from gapjax.workdir.history import read_results


@dataclass(frozen=True)
class Trained:
    """A finished run without optimizer, data and whatever else only training needs.

    Attributes:
        inference: how it recognises.
        variables: its parameters and running statistics.
        words: the embeddings of `labels`; empty where classes are no input.
        clips: how raw frames become clips.
        shape: (persons, longest clip of the data set in frames, joints, coordinates).
        labels: the names of the classes that scores are given for.
        trained_on: the names of the classes whose samples were trained on.
        text: the text encoder, its checkpoint and its digest; empty where classes are no input.
        results: the step, the epoch and the metrics of the evaluation at its end.
        facts: what a result must be told with.
        config: the run's config, flat.
    """

    inference: Inference
    variables: Variables
    words: Embeddings
    clips: ClipRecipe
    shape: tuple[int, int, int, int]
    labels: Sequence[str]
    trained_on: Sequence[str]
    text: Mapping[str, str]
    results: Mapping[str, Any]
    facts: Mapping[str, Any]
    config: Mapping[str, Any]

    def recognise(
        self,
        variables: Variables,
        frames: Float[Array, "b m t v c"],
        length: Int[Array, " b"],
        words: Embeddings,
    ) -> Outputs:
        """Return the outputs for raw frames, padded with zeros, of true lengths."""
        return self.inference.apply(variables, eval_clips(self.clips, frames, length), words)


def load(workdir: Path, data: str = "") -> Trained:
    """Return the finished run of a working directory.

    Args:
        workdir: the working directory.
        data: the folder of converted data sets; as in the run's config if it is not given.

    Raises:
        UserError: it is no working directory, or the run is not finished.
        DataError: the data set that it was trained on is not there.
    """
    config = schema.nest(read_config(workdir))
    schema.check_keys(config)
    if data:
        config.data.dir = data
    checkpoint = read_newest(workdir)
    state = checkpoint.state
    results = read_results(workdir, config.train.epochs, checkpoint.step)
    dataset = open_dataset(config)
    spec = dataset.spec
    inference = _inference(config, dataset, workdir)
    left = {"params": state["params"], "batch_stats": state.get("batch_stats") or {}}
    words = inference.embeddings(left)
    return Trained(
        inference=inference,
        variables=jax.tree.map(np.asarray, inference.strip(left)),
        words={name: np.asarray(rows) for name, rows in words.items()},
        clips=plan.clip_recipe(config, dataset),
        shape=(
            *(spec.persons, int(dataset.index.frames.max())),
            *(spec.skeleton.num_joints, spec.coordinates),
        ),
        labels=dataset.labels,
        trained_on=checkpoint.trained_on,
        text=_text(config) if words else {},
        results=results,
        facts=plan.facts(config, dataset),
        config=schema.flatten(config),
    )


def _inference(config: ConfigDict, dataset: Dataset, workdir: Path) -> Inference:
    """Return how the run of a config recognises clips."""
    inference = model.build_inference(config, dataset)
    if not needs_encoder(config):
        return inference
    given = stages(config, workdir)[-1].given
    return on_clips(inference, plan.load_encoder(config, dataset, given))


def _text(config: ConfigDict) -> dict[str, str]:
    """Return which text encoder a run has, with the digest of its weights."""
    text = model.text_embedder(config)
    return {
        "encoder": text.options.encoder,
        "checkpoint": text.options.checkpoint,
        "digest": text.digest,
    }


def on_clips(inner: Inference, encoder: Encoder) -> Inference:
    """Return a method's inference on features as one on clips, the frozen encoder within it.

    What training left may have statistics of the encoder that drifted
    (`gapjax.training.frozen_encoder.Encoded`).
    """

    def own(left: Variables) -> Variables:
        """Return the method's share of what training left."""
        statistics = left["batch_stats"]
        return {**left, "batch_stats": statistics.get("method", statistics)}

    def strip(left: Variables) -> Variables:
        """Return the variables of method and encoder."""
        drifted = left["batch_stats"].get("encoder")
        statistics = {"batch_stats": drifted} if drifted else {}
        return {"method": inner.strip(own(left)), "encoder": {**encoder.variables, **statistics}}

    def apply(variables: Variables, clips: Float[Array, "b m t v c"], words: Embeddings) -> Outputs:
        """Return the method's outputs for the clips' features."""
        features = encoder.encode(variables["encoder"], clips)
        return inner.apply(variables["method"], features, words)

    return dataclasses.replace(
        inner, strip=strip, apply=apply, embeddings=lambda left: inner.embeddings(own(left))
    )
