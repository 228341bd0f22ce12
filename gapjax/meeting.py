"""Where several processes wait for one another; one alone never waits."""

from collections.abc import Callable

import jax
import numpy as np
from jax.experimental import multihost_utils

LOST = "another process of this run was lost, or this one failed (see above); start all again"


def wait(name: str) -> None:
    """Return when every process has come to the place of this name."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def decided(question: Callable[[], bool]) -> bool:
    """Return the first process's answer to a question, which the others do not ask.

    What one process finds on a shared file system another may not see yet.
    """
    answer = jax.process_index() == 0 and question()
    if jax.process_count() == 1:
        return answer
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(answer)))
