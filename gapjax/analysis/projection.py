"""Vectors as points in a plane: principal components, or t-SNE where scikit-learn is installed."""

import importlib.util
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import UserError

Project = Callable[[Float[np.ndarray, "n d"]], Float[np.ndarray, "n 2"]]

# The effective number of neighbors of t-SNE (van der Maaten and Hinton, JMLR 2008), where there are
# more points than three times as many.
PERPLEXITY = 30.0
# The most points whose gradient is exact: a tree is slower for few, and waits for idle cores.
EXACT = 2000


def pca(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 2"]:
    """Return the first two principal components.

    >>> pca(np.array([[0.0, 5.0, 2.0], [4.0, 5.0, 2.0]])).round(6).tolist()
    [[-2.0, 0.0], [2.0, 0.0]]
    """
    # Padded, so that there are two components in any case.
    centered = np.pad(vectors - vectors.mean(axis=0), ((0, 2), (0, 2)))
    axes = np.linalg.svd(centered, full_matrices=False)[2][:2]
    # The sign of an axis is arbitrary: its largest coordinate is positive.
    signs = np.sign(axes[[0, 1], np.abs(axes).argmax(axis=1)])
    return centered[: len(vectors)] @ (axes * signs[:, None]).T


def tsne(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 2"]:
    """Return t-SNE's points; the seed is fixed.

    Raises:
        UserError: scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        told = "t-SNE needs scikit-learn: pip install gapjax[tsne], or take --projection=pca"
        raise UserError(told) from error
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    method = "exact" if len(vectors) <= EXACT else "barnes_hut"
    machine = TSNE(perplexity=perplexity, method=method, init="pca", random_state=0)
    return machine.fit_transform(vectors)


PROJECTIONS: dict[str, tuple[str, Project]] = {"tsne": ("t-SNE", tsne), "pca": ("PCA", pca)}


def default() -> str:
    """Return the name of t-SNE where it can be computed, or of principal components."""
    return "tsne" if importlib.util.find_spec("sklearn") else "pca"
