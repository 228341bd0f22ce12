"""Which checkpoint of a run is read: the newest that every host can read and verify.

Newer ones are reported as damaged. One of another network is not read at all, and not called
damaged.
"""

import gc
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from data_pipelines.errors import UserError
from data_pipelines.storage.disk import raise_if_transient
from gapjax.parallel import agreement
from gapjax.parallel.tree_paths import path_name
from gapjax.workdir.integrity import Logged, verify


class Checkpoint(NamedTuple):
    """The content of a checkpoint.

    Attributes:
        step: the number of steps that were trained.
        state: the training state; of `read_newest`, nested dictionaries of host arrays.
        trained_on: the names of the classes that the run trains on.
        logged: the scalars of the steps since the last line of metrics.
    """

    step: int
    state: Any
    trained_on: Sequence[str]
    logged: Logged


class OtherNetworkError(ValueError):
    """A checkpoint has other arrays than the network that it is read for."""


Read = Callable[[int], Checkpoint]


def newest(manager: ocp.CheckpointManager, read: Read) -> Checkpoint | None:
    """Return the newest checkpoint that can be read, or None if there are no checkpoints.

    Args:
        manager: of the checkpoints.
        read: reads the checkpoint of a step (`reader`, `host_reader`).

    Raises:
        UserError: all are damaged, or of another network.
        DiskError: the disk does not answer.
    """
    folder = Path(manager.directory)
    while steps := agreement.newest_steps(manager.all_steps()):
        checkpoint, failures = _first_intact(folder, sorted(steps, reverse=True), read)
        if checkpoint:
            for step, error in failures.items():
                text = f"{folder / str(step)} is damaged, {checkpoint.step} is used instead"
                print(f"gapjax: warning: {text} ({_reason(error)})", file=sys.stderr)
            return checkpoint
        # A run that goes on removes old checkpoints while others read.
        if agreement.on_all_hosts(all((folder / str(step)).exists() for step in steps)):
            raise _refusal(folder, failures)
        manager.reload()
    return None


def _first_intact(
    folder: Path, steps: Sequence[int], read: Read
) -> tuple[Checkpoint | None, dict[int, Exception]]:
    """Return the first checkpoint that every host can read, and why those before it are not."""
    failures: dict[int, Exception] = {}
    for step in steps:
        checkpoint, error = _try(read, step, folder / str(step))
        if agreement.on_all_hosts(checkpoint is not None) and checkpoint:
            return checkpoint, failures
        failures[step] = error
    return None, failures


def _try(read: Read, step: int, path: Path) -> tuple[Checkpoint | None, Exception]:
    """Return a checkpoint, or None and why it cannot be read."""
    try:
        return read(step), ValueError("another host cannot read it")
    # Orbax and TensorStore raise errors of any type for damaged files.
    except Exception as error:
        raise_if_transient(path, error)
        failure = error.with_traceback(None)
    # TensorStore reports the errors of other reads when they are collected: before our message.
    gc.collect()
    return None, failure


def _reason(error: Exception) -> str:
    return textwrap.shorten(str(error) or repr(error), 120)


def _refusal(folder: Path, failures: dict[int, Exception]) -> UserError:
    """Return the error of checkpoints of which none can be read."""
    for step, error in failures.items():
        if isinstance(error, OtherNetworkError):
            return UserError(
                f"{folder / str(step)} is of another network ({error}); choose another --workdir, "
                "or restore the data and the config that it was trained with"
            )
    step, error = next(iter(failures.items()))
    return UserError(
        f"{folder / str(step)} is damaged, and so is every older checkpoint ({_reason(error)})"
    )


def reader(manager: ocp.CheckpointManager, template: Any) -> Read:
    """Return the function that reads and verifies a checkpoint of a step.

    Args:
        manager: of the checkpoints.
        template: the state as `jax.ShapeDtypeStruct`s with shardings.
    """

    def read(step: int) -> Checkpoint:
        """Return a checkpoint of the template's arrays."""
        _check_shapes(manager.item_metadata(step)["state"].tree, template)
        return _read(manager, ocp.args.StandardRestore(template), step)

    return read


def host_reader(manager: ocp.CheckpointManager) -> Read:
    """Return the function that reads a checkpoint, of any network and devices, as host arrays."""
    host = ocp.RestoreArgs(restore_type=np.ndarray)

    def read(step: int) -> Checkpoint:
        """Return a checkpoint of whatever arrays it has."""
        tree = jax.tree.map(lambda _: host, manager.item_metadata(step)["state"].tree)
        return _read(manager, ocp.args.PyTreeRestore(restore_args=tree), step)

    return read


def _read(
    manager: ocp.CheckpointManager, state_args: ocp.args.CheckpointArgs, step: int
) -> Checkpoint:
    """Return a checkpoint after verifying it."""
    args = ocp.args.Composite(state=state_args, metadata=ocp.args.JsonRestore())
    items = manager.restore(step, args=args)
    verify(items.state, items.metadata)
    return Checkpoint(step, items.state, items.metadata["trained_on"], items.metadata["logged"])


def _check_shapes(saved: Any, template: Any) -> None:
    """Raise OtherNetworkError, which names an array, if a network's arrays have other shapes."""
    there, here = _shapes(saved), _shapes(template)
    names = [name for name in {**here, **there} if there.get(name) != here.get(name)]
    if names:
        before, now = (shapes.get(names[0], "missing") for shapes in (there, here))
        raise OtherNetworkError(
            f"{len(names)} of {len(here)} arrays differ: {names[0]} is {before} there, {now} here"
        )


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Return path → shape of every array of a network, or of what describes one."""
    leaves = [(path_name(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]
    kinds = ("params/", "batch_stats/")
    return {name: tuple(leaf.shape) for name, leaf in leaves if name.startswith(kinds)}
