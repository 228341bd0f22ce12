"""Scores of samples: computed in padded batches, and exact for any batch size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from data_pipelines.readers.order import eval_batches
from data_pipelines.storage.disk import writing
from gapjax.analysis.metrics import mean_class_accuracy, top_k_accuracy
from gapjax.methods import Text, Variables
from gapjax.training.run import Run
from gapjax.training.step import TrainState
from gapjax.training.step_metrics import DIVERGED
from gapjax.workdir.scores import Scores, write_scores

Predict = Callable[[Variables, Any, Any, Text], Float[Array, "b k"]]


def make_predict(run: Run) -> Predict:
    """Return the jitted (variables, store, request of one batch, text) → scores."""

    def predict(variables: Variables, store: Any, request: Any, text: Text) -> Float[Array, "b k"]:
        """Return the scores of one batch, whose request has one step."""
        batch = run.feed.load(store, jax.tree.map(lambda leaf: leaf[0], request))
        clips = run.eval_input(batch.frames, batch.length)
        return run.method.predict(variables, clips, text)

    return jax.jit(predict, out_shardings=run.layout.replicated)


def score(
    run: Run,
    predict: Predict,
    state: TrainState,
    text: Text,
    rows: Int[np.ndarray, " n"],
    check: Callable[[], None],
) -> Float[np.ndarray, "n k"]:
    """Return the scores of samples, in the order of `rows`; `evaluate` says what `check` is."""
    padded, _ = eval_batches(rows, run.eval_batch_size)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    scores, last = [], None
    for request in run.feed.requests(padded, 0, [1] * len(padded)):
        check()
        last, before = predict(variables, run.feed.store, request, text), last
        # A batch is fetched when the next one is under way.
        if before is not None:
            scores.append(np.asarray(before))
    return np.concatenate([*scores, np.asarray(last)])[: len(rows)]


def evaluate(
    run: Run,
    predict: Predict,
    state: TrainState,
    text: Text,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Scores]:
    """Return the scores of every evaluation of a run, by name.

    Args:
        run: what is evaluated, and on what.
        predict: `make_predict`.
        state: the trained state.
        text: the method's text.
        check: is called before every batch, and may raise.

    Raises:
        FloatingPointError: a score is not finite.
    """
    return {
        name: Scores(
            score=check_scores(score(run, predict, state, text, rows, check)),
            label=run.index.label[rows].astype(np.int32),
            name=np.asarray(run.index.name)[rows],
            facts={**run.facts, "evaluation": name},
        )
        for name, rows in run.evaluations.items()
    }


def check_scores(score: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    """Return scores, or raise FloatingPointError if one of them is not finite."""
    bad = int((~np.isfinite(score)).any(axis=1).sum())
    if bad:
        raise FloatingPointError(
            f"the scores of {bad} of {len(score)} samples are not finite; {DIVERGED}"
        )
    return score


def summary(name: str, scores: Scores) -> dict[str, float]:
    """Return the metrics of one evaluation under the names of metrics.jsonl.

    The official test samples are `eval`, everything else goes by its own name.
    """
    prefix = "eval" if name == "test" else name
    return {
        f"{prefix}/top1": top_k_accuracy(scores.score, scores.label, 1),
        f"{prefix}/top5": top_k_accuracy(scores.score, scores.label, 5),
        f"{prefix}/mean_class": mean_class_accuracy(scores.score, scores.label),
    }


def save(workdir: Path, results: dict[str, Scores]) -> None:
    """Write the scores of every evaluation to the folder `scores` of a working directory.

    Only the first host of several writes.
    """
    if jax.process_index():
        return
    for name, scores in results.items():
        with writing(workdir / "scores"):
            write_scores(workdir / "scores" / f"{name}.npz", scores)
