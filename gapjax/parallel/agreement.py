"""Decisions that all hosts take together; with one host, functions return at once."""

from collections.abc import Iterable

import jax
import numpy as np
from jax.experimental import multihost_utils

LOST = "another process of this run was lost, or this one failed; start all again"
# More than the number of checkpoints at any time.
_MOST_STEPS = 16


def wait(name: str) -> None:
    """Return when every host has called this with the same name."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def on_first_host(condition: bool) -> bool:
    """Return whether a condition holds on the first host.

    Hosts may see changes of a shared file system at different times.
    """
    if jax.process_count() == 1:
        return condition
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(condition)))


def on_all_hosts(condition: bool) -> bool:
    """Return whether a condition holds on every host."""
    if jax.process_count() == 1:
        return condition
    return bool(multihost_utils.process_allgather(np.asarray(condition)).all())


def newest_steps(steps: Iterable[int]) -> list[int]:
    """Return the newest of the steps that the first host lists, ascending."""
    newest = sorted(steps)[-_MOST_STEPS:]
    if jax.process_count() == 1:
        return newest
    # All hosts must pass an array of the same shape.
    padded = np.asarray(newest + [-1] * (_MOST_STEPS - len(newest)))
    return [int(step) for step in multihost_utils.broadcast_one_to_all(padded) if step >= 0]
