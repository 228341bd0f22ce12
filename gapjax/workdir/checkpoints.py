"""Checkpoints of the training state, written by Orbax and verified when they are read.

Reading takes the newest checkpoint that every host can read and verify by its checksums
(`gapjax.workdir.integrity`), and reports newer ones as damaged.
"""

import functools
import gc
import itertools
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from data_pipelines.errors import UserError
from data_pipelines.storage.disk import raise_if_transient, writing
from gapjax.parallel import agreement
from gapjax.workdir.integrity import Logged, make_metadata, verify

_WRITE = ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True)
# Orbax's `read_only` would log three lines.
_READ = ocp.CheckpointManagerOptions(create=False, save_root_metadata=False)


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


class Checkpoints:
    """The checkpoints of a run, of which the newest two are kept."""

    def __init__(
        self, workdir: Path, trained_on: Sequence[str] = (), read_only: bool = False
    ) -> None:
        """Open the folder `checkpoints` of a working directory.

        Args:
            workdir: the working directory.
            trained_on: the names of the classes that the run trains on, for zero-shot runs that use
                its backbone.
            read_only: leave the folder as it is, partial checkpoints included.

        Raises:
            UserError: the folder cannot be written.
            DiskError: the disk is full.
        """
        self._folder, self._trained_on, self._read_only = _folder(workdir), trained_on, read_only
        with writing(self._folder):
            options = _READ if read_only else _WRITE
            self._manager = ocp.CheckpointManager(self._folder, options=options)

    def save(self, step: int, state: Any, logged: Logged | None = None) -> None:
        """Save a checkpoint atomically, in the background.

        Raises:
            DiskError: the disk is full, or was for the previous checkpoint.
        """
        metadata = make_metadata(state, self._trained_on, logged or {})
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state), metadata=ocp.args.JsonSave(metadata)
        )
        with writing(self._folder):
            self._manager.save(step, args=args)

    def restore(self, template: Any) -> Checkpoint | None:
        """Return the newest intact checkpoint, or None if there are no checkpoints.

        Damaged ones are renamed, so that their steps can be saved again.

        Args:
            template: the state as `jax.ShapeDtypeStruct`s with shardings.

        Raises:
            UserError: all are damaged.
            DiskError: the disk does not answer.
        """
        steps = agreement.newest_steps(self._manager.all_steps())
        if not steps:
            return None
        read = functools.partial(_read, self._manager, ocp.args.StandardRestore(template))
        checkpoint = _newest_intact(self._folder, steps, read)
        damaged = [step for step in steps if step > checkpoint.step]
        if damaged and not self._read_only:
            self._set_aside(damaged)
        return checkpoint

    def _set_aside(self, steps: Iterable[int]) -> None:
        """Rename checkpoints to `<step>.damaged`."""
        if jax.process_index() == 0:
            for step in steps:
                (self._folder / str(step)).rename(_unused_name(self._folder, step))
        agreement.wait("damaged checkpoints are renamed")
        self._manager.reload()

    def close(self) -> None:
        """Wait until everything is written.

        Raises:
            DiskError: the disk is full.
        """
        with writing(self._folder):
            self._manager.close()


def read_newest(workdir: Path) -> Checkpoint:
    """Return the newest intact checkpoint, its state as host arrays.

    Raises:
        UserError: there is no checkpoint, or all are damaged.
    """
    checkpoint = _read_newest(workdir)
    if checkpoint is None:
        raise UserError(f"{workdir} has no checkpoints; it is not the workdir of a finished run")
    return checkpoint


def newest_step(workdir: Path) -> int | None:
    """Return the step of the newest intact checkpoint; None if there are no checkpoints.

    Raises:
        UserError: all are damaged.
    """
    checkpoint = _read_newest(workdir)
    return checkpoint and checkpoint.step


def _read_newest(workdir: Path) -> Checkpoint | None:
    folder = _folder(workdir)
    if not folder.is_dir():
        return None
    handlers = {"state": ocp.PyTreeCheckpointHandler(), "metadata": ocp.JsonCheckpointHandler()}
    with ocp.CheckpointManager(folder, options=_READ, item_handlers=handlers) as manager:
        steps = agreement.newest_steps(manager.all_steps())
        if not steps:
            return None
        return _newest_intact(folder, steps, functools.partial(_read_to_host, manager))


def _newest_intact(
    folder: Path, steps: Iterable[int], read: Callable[[int], Checkpoint]
) -> Checkpoint:
    """Return the newest checkpoint that every host can read, and warn of newer ones."""
    damaged: dict[Path, str] = {}
    for step in sorted(steps, reverse=True):
        path = folder / str(step)
        checkpoint, reason = _try(read, step, path)
        if agreement.on_all_hosts(checkpoint is not None) and checkpoint:
            for path, reason in damaged.items():
                text = f"{path} is damaged, {step} is used instead ({reason})"
                print(f"gapjax: warning: {text}", file=sys.stderr)
            return checkpoint
        damaged[path] = reason
    path, reason = next(iter(damaged.items()))
    raise UserError(f"{path} is damaged, and so is every older checkpoint ({reason})")


def _try(read: Callable[[int], Checkpoint], step: int, path: Path) -> tuple[Checkpoint | None, str]:
    """Return a checkpoint, or None and the reason why it cannot be read."""
    try:
        return read(step), "another host cannot read it"
    # Orbax and TensorStore raise errors of any type for damaged files.
    except Exception as error:
        raise_if_transient(path, error)
        reason = textwrap.shorten(str(error) or repr(error), 120)
    # TensorStore reports the errors of other reads when they are collected: before our message.
    gc.collect()
    return None, reason


def _read(
    manager: ocp.CheckpointManager, state_args: ocp.args.CheckpointArgs, step: int
) -> Checkpoint:
    """Return a checkpoint after verifying it."""
    args = ocp.args.Composite(state=state_args, metadata=ocp.args.JsonRestore())
    items = manager.restore(step, args=args)
    verify(items.state, items.metadata)
    return Checkpoint(step, items.state, items.metadata["trained_on"], items.metadata["logged"])


def _read_to_host(manager: ocp.CheckpointManager, step: int) -> Checkpoint:
    """Return a verified checkpoint as host arrays, whatever devices it was saved from."""
    host = ocp.RestoreArgs(restore_type=np.ndarray)
    tree = jax.tree.map(lambda _: host, manager.item_metadata(step)["state"].tree)
    return _read(manager, ocp.args.PyTreeRestore(restore_args=tree), step)


def _unused_name(folder: Path, step: int) -> Path:
    """Return the new path of a damaged checkpoint."""
    names = (f"{step}.damaged{number or ''}" for number in itertools.count())
    return next(folder / name for name in names if not (folder / name).exists())


def _folder(workdir: Path) -> Path:
    return (workdir / "checkpoints").resolve()
