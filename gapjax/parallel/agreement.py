"""Where several processes wait for one another; one alone never waits."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Shaped

LOST = "another process of this run was lost, or this one failed; start all again"
# More steps than checkpoints are kept of.
_STEPS = 16


def wait(name: str) -> None:
    """Return when every process has come to the place of this name."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def decided(mine: bool) -> bool:
    """Return the first process's answer to a question that every process asked.

    What one process finds on a shared file system another may not see yet.
    """
    return mine if jax.process_count() == 1 else bool(_first(np.asarray(mine)))


def listed(mine: Sequence[int]) -> list[int]:
    """Return the newest of the steps that the first process lists, ascending."""
    if jax.process_count() == 1:
        return sorted(mine)
    newest = sorted(mine)[-_STEPS:]
    every = _first(np.asarray(newest + [-1] * (_STEPS - len(newest))))
    return [int(step) for step in every if step >= 0]


def all_agree(mine: bool) -> bool:
    """Return whether every process says so."""
    if jax.process_count() == 1:
        return mine
    return bool(multihost_utils.process_allgather(np.asarray(mine)).all())


def _first(mine: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """Return the first process's array."""
    return multihost_utils.broadcast_one_to_all(mine)
