"""Datasets that are made of others: equal shares of training, and metrics of each."""

import numpy as np
from jaxtyping import Int64, Shaped

from data_pipelines.readers.order import equal_visits
from gapjax.experiment.plan import Plan
from gapjax.training.run import Summarize
from gapjax.workdir.scores import Scores
from gapjax.zero_shot.metrics import unseen_indices


def of_names(name: Shaped[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
    """Return the source of each sample: what its name has before the first `/`, or else nothing.

    >>> of_names(np.array(["nw_ucla/a01_s01", "utd_mhad/a1_s1_t1", "b"])).tolist()
    ['nw_ucla', 'utd_mhad', '']
    """
    before, slash, _ = np.char.partition(name.astype(np.str_), "/").T
    return np.where(slash == "/", before, "")


def visits(plan: Plan, name: Shaped[np.ndarray, " n"]) -> Int64[np.ndarray, " n"] | None:
    """Return how often an epoch visits each of the named training samples; None for once."""
    return equal_visits(of_names(name)) if plan.data.balance == "sources" else None


def summary_by_source(summarize: Summarize) -> Summarize:
    """Return the function that adds the metrics of each source, which begin with its name.

    Where a source has samples of unseen classes alone, the metrics that need seen ones are left
    out.
    """

    def of_all(name: str, scores: Scores) -> dict[str, float]:
        """Return the metrics of an evaluation and of its sources."""
        metrics, source = summarize(name, scores), of_names(scores.name)
        for each in filter(None, np.unique(source).tolist()):
            part = scores.take(np.flatnonzero(source == each))
            found = summarize(name, part)
            only_unseen = np.isin(part.label, unseen_indices(scores)).all()
            metrics |= {
                f"{each}/{key}": value
                for key, value in found.items()
                if not (only_unseen and "gzsl" in key)
            }
        return metrics

    return of_all
