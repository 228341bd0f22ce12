"""The classes that have training samples, and labels as positions among them."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int


def seen_classes(classes: int, unseen: Sequence[int]) -> Int[np.ndarray, " n"]:
    """Return the indices of the seen ones of so many classes, ascending.

    >>> seen_classes(5, (1, 4))
    array([0, 2, 3])
    """
    return np.setdiff1d(np.arange(classes), unseen)


def among(seen: Int[np.ndarray, " n"], labels: Int[Array, " b"]) -> Int[Array, " b"]:
    """Return labels, all of seen classes, as positions in `seen`.

    >>> among(np.array([0, 2, 3]), jnp.array([3, 0, 2])).tolist()
    [2, 0, 1]
    """
    return jnp.asarray(np.searchsorted(seen, np.arange(seen.max() + 1)))[labels]
