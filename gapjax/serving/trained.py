"""A finished run, read from its working directory for inference."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from data_pipelines.errors import DataError, UserError
from gapjax.experiment import model
from gapjax.experiment.build import describe
from gapjax.experiment.data import Dataset, find_dataset, open_dataset, training_frames
from gapjax.experiment.data_facts import check_used
from gapjax.experiment.features import load_encoder
from gapjax.experiment.plan import Plan
from gapjax.experiment.schema import read_flat
from gapjax.experiment.stages import stages
from gapjax.inputs.clips import ClipRecipe, eval_clips
from gapjax.methods import Embeddings, Inference, Outputs, Variables
from gapjax.serving.ranges import figure_of, ranges_of
from gapjax.training.frozen_encoder import Encoder
from gapjax.workdir.checkpoints import read_newest
from gapjax.workdir.config_file import read_config
from gapjax.workdir.history import read_results

# How many training samples are measured for the ranges of a bundle.
MEASURED = 300


@dataclass(frozen=True)
class Trained:
    """A finished run, without the optimizer and whatever else only training needs.

    Attributes:
        inference: the functions that recognize clips.
        variables: its parameters and running statistics.
        embeddings: the embeddings of `labels`; empty if classes are no input.
        clips: how raw frames become clips.
        shape: (persons, longest clip of the dataset in frames, joints, coordinates).
        labels: the names of the classes that scores are given for.
        trained_on: the names of the classes whose samples were trained on.
        text: the text encoder, its checkpoint and its digest; empty if scores need no text.
        results: the step, the epoch and the metrics of the evaluation at its end.
        facts: the metadata of its results.
        config: the run's config, flat.
        space: the number of coordinates of a joint, without its confidence.
        person_order: who is the first person, one of `clip_rule.ORDERS`.
        ranges: () → what bodies look like in the training samples (`gapjax.serving.ranges`), of
            which some are read.
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
    space: int
    person_order: str
    ranges: Callable[[], Mapping[str, Any]]

    def recognize(
        self,
        variables: Variables,
        frames: Float[Array, "b m t v c"],
        length: Int[Array, " b"],
        embeddings: Embeddings,
    ) -> Outputs:
        """Return the outputs for raw frames, padded with zeros, of true lengths."""
        return self.inference.apply(variables, eval_clips(self.clips, frames, length), embeddings)


def load(
    workdir: Path,
    data: str = "",
    build: Callable[[Plan, Dataset], Inference] = model.build_inference,
) -> Trained:
    """Return the finished run of a working directory.

    Args:
        workdir: the working directory.
        data: the folder of converted datasets; if empty, that of the run's config.
        build: returns what is inferred; by default the scores of classes.

    Raises:
        UserError: it is no working directory, the run is not finished, or its dataset is not there.
    """
    plan = read_flat(read_config(workdir))
    if data:
        plan = replace(plan, data=replace(plan.data, dir=data))
    checkpoint = read_newest(workdir)
    state = checkpoint.state
    results = read_results(workdir, plan.train.epochs, checkpoint.step)
    directory, _ = find_dataset(plan)
    # What was trained on is not made anew: it could be something else.
    if not directory.exists():
        raise UserError(f"{directory}: this dataset is not here; say by --data where it is")
    dataset = open_dataset(plan)
    check_used(workdir, plan, dataset, checkpoint.trained_on)
    persons, _, joints, coordinates = model.clip_shape(plan, dataset)
    inference = _inference(plan, dataset, workdir, build(plan, dataset))
    variables = {"params": state["params"], "batch_stats": state.get("batch_stats") or {}}
    embeddings = inference.embeddings(variables)
    return Trained(
        inference=inference,
        variables=jax.tree.map(np.asarray, inference.strip(variables)),
        embeddings={name: np.asarray(rows) for name, rows in embeddings.items()},
        clips=model.clip_recipe(plan, dataset),
        shape=(persons, int(dataset.index.frames.max()), joints, coordinates),
        labels=dataset.labels,
        trained_on=checkpoint.trained_on,
        text=_text(plan) if embeddings or inference.fits else {},
        results=results,
        facts=describe(plan, dataset),
        config=plan.flat(),
        space=dataset.spec.space,
        person_order=dataset.spec.person_order,
        ranges=partial(_ranges, dataset),
    )


def _ranges(dataset: Dataset) -> Mapping[str, Any]:
    """Return what bodies look like in training samples; empty where those cannot be read."""
    spec = dataset.spec
    try:
        clips = list(training_frames(dataset, MEASURED))
    except DataError as error:
        print(f"gapjax: warning: classify will not check units and axes: {error}", file=sys.stderr)
        return {}
    figures = (figure_of(clip, spec.space, spec.skeleton.bones) for clip in clips)
    return ranges_of([figure for figure in figures if figure])


def without_scores(plan: Plan, dataset: Dataset) -> Inference:
    """Return an inference that scores no class, and needs no text encoder."""
    del plan, dataset
    return Inference(_nothing, _no_scores)


def _inference(plan: Plan, dataset: Dataset, workdir: Path, method: Inference) -> Inference:
    if not plan.on_features:
        return method
    upstream = stages(plan, workdir)[-1].upstream
    return with_encoder(method, load_encoder(plan, dataset, upstream))


def _nothing(variables: Variables) -> Variables:
    del variables
    return {}


def _no_scores(
    variables: Variables, features: Float[Array, "b t v d"], embeddings: Embeddings
) -> Outputs:
    del variables, embeddings
    return {"score": jnp.zeros((len(features), 0))}


def _text(plan: Plan) -> dict[str, str]:
    """Return which text encoder a run has, with the digest of its weights."""
    digest = model.text_embedder(plan).digest
    return {"encoder": plan.text.encoder, "checkpoint": plan.text.checkpoint, "digest": digest}


def with_encoder(method: Inference, encoder: Encoder) -> Inference:
    """Return an inference on clips: a frozen skeleton encoder, then a method on its features."""

    def of_method(trained: Variables) -> Variables:
        """Return the method's own variables."""
        # As `frozen_encoder.Encoded` leaves them.
        statistics = trained["batch_stats"]
        return {**trained, "batch_stats": statistics.get("method", statistics)}

    def strip(trained: Variables) -> Variables:
        """Return the variables that recognition needs."""
        # The statistics of an encoder that encodes in every step may have drifted.
        drifted = trained["batch_stats"].get("encoder")
        statistics = {"batch_stats": drifted} if drifted else {}
        stripped = method.strip(of_method(trained))
        return {"method": stripped, "encoder": {**encoder.variables, **statistics}}

    def apply(
        variables: Variables, clips: Float[Array, "b m t v c"], embeddings: Embeddings
    ) -> Outputs:
        """Return the outputs for clips."""
        features = encoder.encode(variables["encoder"], clips)
        return method.apply(variables["method"], features, embeddings)

    def embeddings(trained: Variables) -> Embeddings:
        """Return the embeddings of the run's own classes."""
        return method.embeddings(of_method(trained))

    def encode(variables: Variables, clips: Float[Array, "b m t v c"]) -> Float[Array, "b t2 v d"]:
        """Return the features of the frozen encoder."""
        return encoder.encode(variables["encoder"], clips)

    return replace(method, strip=strip, apply=apply, embeddings=embeddings, encode=encode)
