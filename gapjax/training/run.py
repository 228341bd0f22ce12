"""A training run: `gapjax.experiment.build` makes it, `gapjax.training.loop` trains it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import optax
from jaxtyping import Int

from data_pipelines.readers.order import TrainOrder
from data_pipelines.storage.index import Index
from gapjax.inputs.feed import Feed
from gapjax.methods import Fit, Method, make_fit
from gapjax.parallel.sharding import Layout
from gapjax.training.optimizer import Schedule
from gapjax.training.step import EvalInput, TrainInput
from gapjax.workdir.scores import Scores

# (name of an evaluation, its scores) → metrics under their names in metrics.jsonl.
Summarize = Callable[[str, Scores], dict[str, float]]


@dataclass(frozen=True)
class Inputs:
    """The input of a method: a feed and the functions from its frames to clips.

    Attributes:
        feed: where batches come from.
        train_input: makes the method's input of a batch's frames in training.
        eval_input: makes it in evaluation.
        clip_shape: (persons, frames, joints, coordinates) of that input; of features (frames,
            joints, channels).
    """

    feed: Feed
    train_input: TrainInput
    eval_input: EvalInput
    clip_shape: tuple[int, ...]


@dataclass(frozen=True)
class Cadence:
    """How often a run logs, saves and evaluates.

    Attributes:
        steps_per_dispatch: steps of one call of the jitted function.
        log_every: steps between two lines of metrics; 0 for once an epoch.
        checkpoint_every: steps between two checkpoints; 0 for once an epoch.
        evaluate_every: epochs between two evaluations; the last epoch is always evaluated.
    """

    steps_per_dispatch: int = 1
    log_every: int = 0
    checkpoint_every: int = 0
    evaluate_every: int = 1


@dataclass(frozen=True)
class Run(Inputs):
    """A training run.

    Attributes:
        method: what is trained.
        optimizer: updates the parameters.
        schedule: step → learning rate, for the log.
        index: the metadata of the dataset's samples.
        order: which samples each training step sees.
        evaluations: name → the rows to evaluate, such as `test` and `validation`.
        eval_batch_size: samples of a batch in evaluation.
        epochs: how many epochs to train.
        seed: the seed of initialization and of every draw.
        cadence: how often it logs, saves and evaluates.
        layout: the sharding of arrays over the devices.
        trained_on: the names of the classes whose samples are trained on.
        learned_before: those that the weights know that training starts from.
        labels: the names of the classes that scores are given for; empty if they have none.
        summarize: computes metrics from scores.
        facts: the metadata that a result is reported with: dataset, protocol, text, seed, ...
    """

    method: Method
    optimizer: optax.GradientTransformation
    schedule: Schedule
    index: Index
    order: TrainOrder
    evaluations: Mapping[str, Int[np.ndarray, " n"]]
    eval_batch_size: int
    epochs: int
    seed: int
    cadence: Cadence
    layout: Layout
    trained_on: Sequence[str]
    summarize: Summarize
    facts: Mapping[str, str]
    labels: Sequence[str] = ()
    learned_before: Sequence[str] = ()

    @property
    def steps(self) -> int:
        """Return the number of steps of all epochs."""
        return self.epochs * self.order.steps_per_epoch

    @cached_property
    def fit(self) -> Fit:
        """Return `make_fit` of the method, whose jitted function is compiled once."""
        return make_fit(self.method)
