"""Scores of samples, and the metrics computed from them.

Batches are padded, so that scores do not depend on the batch size.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from data_pipelines.readers.order import eval_batches
from data_pipelines.storage.disk import writing
from gapjax.analysis.metrics import mean_class_accuracy, top_k_accuracy
from gapjax.inputs.feed import Feed, first_step
from gapjax.inputs.present import by_request, known
from gapjax.methods import Text, Variables
from gapjax.training.run import Run
from gapjax.training.step import TrainState
from gapjax.training.step_metrics import DIVERGED
from gapjax.workdir import score_tables
from gapjax.workdir.scores import Scores, scores_path, write_scores

# (variables, the feed's store, request of one batch, text) → scores.
Predict = Callable[[Variables, Any, Any, Text], Float[Array, "b k"]]


def make_predict(run: Run) -> Predict:
    """Return the jitted function that scores one batch."""

    def predict(variables: Variables, store: Any, request: Any, text: Text) -> Float[Array, "b k"]:
        """Return the scores of one batch, whose request has one step."""
        batch = run.feed.load(store, first_step(request))
        clips = run.eval_input(batch.frames, batch.length)
        with known(request):
            return run.method.predict(variables, clips, text)

    return jax.jit(predict, out_shardings=run.layout.replicated)


def evaluate(
    run: Run,
    predict: Predict,
    state: TrainState,
    text: Text,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Scores]:
    """Return the scores of every evaluation of a run, by name.

    Args:
        run: the run, with the samples of its evaluations.
        predict: the result of `make_predict`.
        state: the trained state.
        text: the method's text, on the devices.
        check: called before every batch; it may raise.

    Raises:
        FloatingPointError: a score is not finite.
    """
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    text = run.fit(variables, text)

    def predict_request(request: Any) -> Float[Array, "b k"]:
        """Return the scores of one batch."""
        check()
        return predict(variables, run.feed.store, request, text)

    return {
        name: Scores(
            score=check_scores(in_batches(run.feed, predict_request, rows, run.eval_batch_size)),
            label=run.index.label[rows].astype(np.int32),
            name=np.asarray(run.index.name)[rows],
            facts={**run.facts, "evaluation": name},
        )
        for name, rows in run.evaluations.items()
    }


def in_batches(
    feed: Feed, compute: Callable[[Any], Any], rows: Int[np.ndarray, " n"], batch_size: int
) -> Any:
    """Return what is computed of samples, in the order of `rows`: one array, or a pytree of them.

    Args:
        feed: where batches come from.
        compute: the request of one batch → arrays, whose first axis is the batch.
        rows: the samples.
        batch_size: the samples of a batch; the last one is padded.
    """
    batches, _ = eval_batches(rows, batch_size)
    found, on_device = [], None
    for request in by_request(feed).requests(batches, 0, [1] * len(batches)):
        previous, on_device = on_device, compute(request)
        # A batch is fetched while the next one is computed.
        if previous is not None:
            found.append(jax.tree.map(np.asarray, previous))
    found.append(jax.tree.map(np.asarray, on_device))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(rows)], *found)


def check_scores(score: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    """Return scores, or raise FloatingPointError if one of them is not finite."""
    if count := int((~np.isfinite(score)).any(axis=1).sum()):
        raise FloatingPointError(
            f"the scores of {count} of {len(score)} samples are not finite; {DIVERGED}"
        )
    return score


def summary(name: str, scores: Scores) -> dict[str, float]:
    """Return the metrics of one evaluation under their names in metrics.jsonl.

    Those of the test samples start with `eval/`, all others with the name of the evaluation.
    """
    prefix = "eval" if name == "test" else name
    return {
        f"{prefix}/top1": top_k_accuracy(scores.score, scores.label, 1),
        f"{prefix}/top5": top_k_accuracy(scores.score, scores.label, 5),
        f"{prefix}/mean_class": mean_class_accuracy(scores.score, scores.label),
    }


def save(workdir: Path, results: Mapping[str, Scores], labels: Sequence[str] = ()) -> None:
    """Write the scores of every evaluation and their tables; only the first host writes."""
    if jax.process_index():
        return
    with writing(workdir / "scores"):
        for name, scores in results.items():
            write_scores(scores_path(workdir, name), scores)
            score_tables.write(workdir / "scores", name, scores, labels)


def metrics_of(run: Run, results: Mapping[str, Scores]) -> dict[str, float]:
    """Return the metrics of every evaluation, under their names in metrics.jsonl."""
    metrics = {}
    for name, scores in results.items():
        metrics |= run.summarize(name, scores)
    return metrics
