"""Which classes are taken for which: an order that shows blocks, the largest, and a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from gapjax.workdir import score_tables


@dataclass(frozen=True)
class Confusion:
    """Samples of one class that were recognized as another.

    Attributes:
        true, recognized: the classes' indices.
        count: how many samples.
        share: of the true class's samples.
    """

    true: int
    recognized: int
    count: int
    share: float


def shares(counts: Int[np.ndarray, "k k2"]) -> Float[np.ndarray, "k k2"]:
    """Return counts as shares of each true class's samples; zeros for a class without samples."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def similarity_order(counts: Int[np.ndarray, "k k"]) -> Int[np.ndarray, " k"]:
    """Return the classes in an order in which those that are confused are neighbors.

    The order is that of the leaves of a tree of average linkage, with neighbors as alike as the
    tree allows (Bar-Joseph et al., Bioinformatics 2001).
    """
    if len(counts) < 3:
        return np.arange(len(counts))
    share = shares(counts)
    distance = 1 - np.clip((share + share.T) / 2, 0, 1)
    np.fill_diagonal(distance, 0)
    tree = hierarchy.linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return hierarchy.leaves_list(tree)


def largest(counts: Int[np.ndarray, "k k"], most: int | None = None) -> list[Confusion]:
    """Return the confusions by their share, the largest first; at most `most` of them."""
    share = shares(counts)
    pairs = [(i, j) for i, j in np.argwhere(counts).tolist() if i != j]
    pairs.sort(key=lambda pair: (-share[pair], pair))
    return [Confusion(i, j, int(counts[i, j]), float(share[i, j])) for i, j in pairs[:most]]


def write_confusions(counts: Int[np.ndarray, "k k"], labels: Sequence[str], path: Path) -> None:
    """Write all confusions as CSV, the largest first."""
    rows = [
        (labels[c.true], labels[c.recognized], c.count, f"{c.share:.4f}") for c in largest(counts)
    ]
    score_tables.write_rows(path, [("true", "recognized", "samples", "share"), *rows])
