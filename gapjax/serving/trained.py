"""A finished run, read from its working directory for inference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from gapjax.experiment import model
from gapjax.experiment.build import describe
from gapjax.experiment.data import Dataset, open_dataset
from gapjax.experiment.features import load_encoder
from gapjax.experiment.plan import Plan
from gapjax.experiment.schema import read_flat
from gapjax.experiment.stages import stages
from gapjax.inputs.clips import ClipRecipe, eval_clips
from gapjax.methods import Embeddings, Inference, Outputs, Variables
from gapjax.training.frozen_encoder import Encoder
from gapjax.workdir.checkpoints import read_newest
from gapjax.workdir.config_file import read_config
from gapjax.workdir.history import read_results


@dataclass(frozen=True)
class Trained:
    """A finished run without optimizer, data and what else only training needs.

    Attributes:
        inference: how it recognizes clips.
        variables: its parameters and running statistics.
        embeddings: the embeddings of `labels`; empty if classes are no input.
        clips: how raw frames become clips.
        shape: (persons, longest clip of the dataset in frames, joints, coordinates).
        labels: the names of the classes that scores are given for.
        trained_on: the names of the classes whose samples were trained on.
        text: the text encoder, its checkpoint and its digest; empty if classes are no input.
        results: the step, the epoch and the metrics of the evaluation at its end.
        facts: what a result must be told with.
        config: the run's config, flat.
    """

    inference: Inference
    variables: Variables
    embeddings: Embeddings
    clips: ClipRecipe
    shape: tuple[int, int, int, int]
    labels: Sequence[str]
    trained_on: Sequence[str]
    text: Mapping[str, str]
    results: Mapping[str, Any]
    facts: Mapping[str, Any]
    config: Mapping[str, Any]

    def recognize(
        self,
        variables: Variables,
        frames: Float[Array, "b m t v c"],
        length: Int[Array, " b"],
        embeddings: Embeddings,
    ) -> Outputs:
        """Return the outputs for raw frames, padded with zeros, of true lengths."""
        return self.inference.apply(variables, eval_clips(self.clips, frames, length), embeddings)


def load(workdir: Path, data: str = "") -> Trained:
    """Return the finished run of a working directory.

    Args:
        workdir: the working directory.
        data: the folder of converted datasets; as in the run's config if it is not given.

    Raises:
        UserError: it is no working directory, or the run is not finished.
        DataError: the dataset that it was trained on is not there.
    """
    plan = read_flat(read_config(workdir))
    if data:
        plan = replace(plan, data=replace(plan.data, dir=data))
    checkpoint = read_newest(workdir)
    state = checkpoint.state
    results = read_results(workdir, plan.train.epochs, checkpoint.step)
    dataset = open_dataset(plan)
    persons, _, joints, coordinates = model.clip_shape(plan, dataset)
    inference = _inference(plan, dataset, workdir)
    left = {"params": state["params"], "batch_stats": state.get("batch_stats") or {}}
    embeddings = inference.embeddings(left)
    return Trained(
        inference=inference,
        variables=jax.tree.map(np.asarray, inference.strip(left)),
        embeddings={name: np.asarray(rows) for name, rows in embeddings.items()},
        clips=model.clip_recipe(plan, dataset),
        shape=(persons, int(dataset.index.frames.max()), joints, coordinates),
        labels=dataset.labels,
        trained_on=checkpoint.trained_on,
        text=_text(plan) if embeddings else {},
        results=results,
        facts=describe(plan, dataset),
        config=plan.flat(),
    )


def _inference(plan: Plan, dataset: Dataset, workdir: Path) -> Inference:
    """Return how the run of a plan recognizes clips."""
    inference = model.build_inference(plan, dataset)
    if not plan.on_features:
        return inference
    upstream = stages(plan, workdir)[-1].upstream
    return with_encoder(inference, load_encoder(plan, dataset, upstream))


def _text(plan: Plan) -> dict[str, str]:
    """Return which text encoder a run has, with the digest of its weights."""
    digest = model.text_embedder(plan).digest
    return {"encoder": plan.text.encoder, "checkpoint": plan.text.checkpoint, "digest": digest}


def with_encoder(method: Inference, encoder: Encoder) -> Inference:
    """Return a method's inference on features as one on clips, the frozen encoder within it."""
    joined = _WithEncoder(method, encoder)
    return replace(method, strip=joined.strip, apply=joined.apply, embeddings=joined.embeddings)


@dataclass(frozen=True)
class _WithEncoder:
    """The functions of an inference whose method has a frozen encoder before it.

    Attributes:
        method: the method's inference, on features.
        encoder: the frozen skeleton encoder.
    """

    method: Inference
    encoder: Encoder

    def strip(self, left: Variables) -> Variables:
        """Return the variables of method and encoder, whose statistics may have drifted."""
        drifted = left["batch_stats"].get("encoder")
        statistics = {"batch_stats": drifted} if drifted else {}
        encoder = {**self.encoder.variables, **statistics}
        return {"method": self.method.strip(_of_method(left)), "encoder": encoder}

    def apply(
        self, variables: Variables, clips: Float[Array, "b m t v c"], embeddings: Embeddings
    ) -> Outputs:
        """Return the method's outputs for the clips' features."""
        features = self.encoder.encode(variables["encoder"], clips)
        return self.method.apply(variables["method"], features, embeddings)

    def embeddings(self, left: Variables) -> Embeddings:
        """Return the embeddings of the classes that the method knows."""
        return self.method.embeddings(_of_method(left))


def _of_method(left: Variables) -> Variables:
    """Return the method's share of what training left (`frozen_encoder.Encoded`)."""
    statistics = left["batch_stats"]
    return {**left, "batch_stats": statistics.get("method", statistics)}
