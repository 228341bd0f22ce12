"""Features of clips by the skeleton encoder of a finished run; `embed` gives those of its dataset.

For code of your own, `of_clips` is a pure function of arrays, which may be jitted:

    run = trained.load(Path("runs/x"))
    parts = features.parts_of(run)
    encode = jax.jit(lambda variables, clips: features.of_clips(run, variables, clips, parts))
    found = encode(run.variables, eval_clips(run.clips, frames, length))
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from data_pipelines.errors import UserError
from gapjax.experiment import model
from gapjax.experiment.data import Dataset, open_dataset
from gapjax.experiment.feeds import count_bodies, open_feed
from gapjax.experiment.plan import Plan
from gapjax.experiment.schema import read_flat
from gapjax.inputs.clips import eval_clips
from gapjax.inputs.feed import first_step
from gapjax.inputs.present import known
from gapjax.methods import Embeddings, Variables
from gapjax.nn.pooling import pool, pool_parts
from gapjax.parallel.sharding import make_layout
from gapjax.registry import chosen
from gapjax.serving.trained import Trained, load, without_scores
from gapjax.training import evaluation
from gapjax.workdir.config_file import read_config

# (variables, clips, embeddings of the classes) → a pytree of arrays of a batch.
Compute = Callable[[Variables, Float[Array, "b m t v c"], Embeddings], Any]

# Part name → its joints.
Parts = Mapping[str, Sequence[int]]


class Features(NamedTuple):
    """Features of clips: means over frames, persons and joints of what the encoder returns.

    Attributes:
        whole: those of all joints; the classifier of GAP and of a supervised run reads them.
        part: those of each part's joints.
    """

    whole: Float[Any, "n d"]
    part: Float[Any, "n p d"]


@dataclass(frozen=True)
class Embedded:
    """The features of samples of a dataset.

    Attributes:
        features: the features.
        score: the scores of the classes, as in `scores/test.npz`: logits, or similarities of STAR;
            without columns where the text encoder of such a run is not here.
        label: the true classes, positions in `labels`; -1 for a class that is not among them.
        name: the samples' names.
        labels: the names of the classes.
        parts: the names of the parts.
        facts: the metadata of the run's results, the selection of the samples among them.
    """

    features: Features
    score: Float[np.ndarray, "n k"]
    label: Int[np.ndarray, " n"]
    name: Shaped[np.ndarray, " n"]
    labels: Sequence[str]
    parts: Sequence[str]
    facts: Mapping[str, Any]


def embed(
    workdir: str | Path, samples: str = "test", data: str = "", partition: str = ""
) -> Embedded:
    """Return the features of samples by a finished run, on one device.

    Clips are as in evaluation, training samples included.

    Args:
        workdir: the working directory.
        samples: `test`, `train`, `validation` where the run has one, or `all` of the dataset.
        data: the folder of converted datasets; if empty, that of the run's config.
        partition: the body's partition into parts; see `parts_of`.

    Raises:
        UserError: the run is not finished, its dataset is not there, or there is no such choice.
        DataError: the dataset is damaged.
    """
    run = _loaded(Path(workdir), data)
    parts = parts_of(run, partition)
    plan = read_flat(run.config)
    dataset = open_dataset(plan)
    every = {"train": dataset.problem.train, "all": np.arange(len(dataset.index))}
    selections = {**dataset.problem.evaluations, **every}
    rows = np.asarray(selections[chosen("samples", samples, selections)])

    def compute(
        variables: Variables, clips: Float[Array, "b m t v c"], embeddings: Embeddings
    ) -> tuple[Features, Float[Array, "b k"]]:
        """Return the features and the scores of clips."""
        score = run.inference.apply(variables, clips, embeddings)["score"]
        return of_clips(run, variables, clips, parts), score

    features, score = in_batches(run, plan, dataset, rows, compute)
    return Embedded(
        features=features,
        score=score,
        label=dataset.index.label[rows].astype(np.int32),
        name=np.asarray(dataset.index.name)[rows],
        labels=run.labels,
        parts=tuple(parts),
        facts={**run.facts, "evaluation": samples},
    )


def of_clips(
    run: Trained, variables: Variables, clips: Float[Array, "b m t v c"], parts: Parts
) -> Features:
    """Return the features of clips, as `gapjax.inputs.clips.eval_clips` makes them of frames.

    Args:
        run: the finished run.
        variables: `run.variables`, an argument so that they are no constants of a jitted function.
        clips: what the network sees.
        parts: the joints of each part, such as `parts_of` returns.

    Raises:
        UserError: the run's method has no skeleton encoder.
    """
    if run.inference.encode is None:
        name = run.config["method.name"]
        raise UserError(
            f"method.name={name!r} has no skeleton encoder: give its Inference an `encode`"
        )
    # One body, whose persons are merged already.
    features = run.inference.encode(variables, clips)[:, None]
    return Features(pool(features), pool_parts(features, tuple(parts.values())))


def parts_of(run: Trained, partition: str = "") -> dict[str, tuple[int, ...]]:
    """Return the joints of each part of a run's body; empty if the body has no parts.

    Args:
        run: the finished run.
        partition: one of the body's partitions. If empty, that of the run's method; the one of
            the most parts where the method has none.

    Raises:
        UserError: there is no such partition.
    """
    partitions = run.clips.skeleton.partitions
    if partition:
        return dict(partitions[chosen("partition", partition, partitions)])
    default: Parts = max(partitions.values(), key=len, default={})
    return {
        name: tuple(joints)
        for name, joints in partitions.get(run.config.get("method.partition", ""), default).items()
    }


def _loaded(workdir: Path, data: str) -> Trained:
    """Return a run, without scores if they need a text encoder that is not here."""
    plan, build = read_flat(read_config(workdir)), model.build_inference
    if plan.on_features:
        try:
            _ = model.text_embedder(plan).digest
        except UserError as error:
            print(f"gapjax: warning: features without scores: {error}", file=sys.stderr)
            build = without_scores
    return load(workdir, data, build)


def write(file: BinaryIO, embedded: Embedded) -> None:
    """Write features as `.npz`, whose arrays docs/serving.md describes."""
    np.savez_compressed(
        file,
        **{"global": np.asarray(embedded.features.whole)},
        part=np.asarray(embedded.features.part),
        **({"score": embedded.score} if embedded.score.size else {}),
        label=embedded.label,
        name=embedded.name.astype(np.str_),
        labels=np.asarray(embedded.labels, np.str_),
        parts=np.asarray(embedded.parts, np.str_),
        facts=json.dumps(dict(embedded.facts), sort_keys=True),
    )


def in_batches(
    run: Trained, plan: Plan, dataset: Dataset, rows: Int[np.ndarray, " n"], compute: Compute
) -> Any:
    """Return what is computed of the clips of samples, in the order of `rows`, on one device.

    Args:
        run: the finished run.
        plan: its plan.
        dataset: its dataset.
        rows: the samples.
        compute: (variables, clips, embeddings of the classes) → arrays, whose first axis is the
            batch; jitted here.
    """
    layout = make_layout(1)
    feed = count_bodies(plan, dataset, layout, open_feed(plan, dataset, layout))

    @jax.jit
    def step(variables: Variables, embeddings: Embeddings, store: Any, request: Any) -> Any:
        """Return what is computed of one batch, whose request has one step."""
        batch = feed.load(store, first_step(request))
        with known(request):
            return compute(variables, eval_clips(run.clips, batch.frames, batch.length), embeddings)

    trained = jax.device_put((run.variables, dict(run.embeddings)), jax.devices()[0])
    return evaluation.in_batches(
        feed, partial(step, *trained, feed.store), rows, plan.eval.batch_size
    )
