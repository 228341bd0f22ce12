"""Checkpoints of the training state, written by Orbax and verified when they are read.

`gapjax.workdir.restoring` chooses the one that is read, and `gapjax.workdir.integrity` verifies it.
"""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from data_pipelines.errors import UserError
from data_pipelines.storage.disk import writing
from gapjax.parallel import agreement
from gapjax.workdir import restoring
from gapjax.workdir.integrity import Logged, make_metadata
from gapjax.workdir.restoring import Checkpoint

_WRITE = ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True)
# Orbax's `read_only` would log three lines.
_READ = ocp.CheckpointManagerOptions(create=False, save_root_metadata=False)


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
            # Named, they know the shapes of a checkpoint that they have not written.
            handlers = {
                "state": ocp.StandardCheckpointHandler(),
                "metadata": ocp.JsonCheckpointHandler(),
            }
            self._manager = ocp.CheckpointManager(
                self._folder, options=options, item_handlers=handlers
            )

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

    def restore(self, template: Callable[[], Any]) -> Checkpoint | None:
        """Return the newest intact checkpoint, or None if there are no checkpoints.

        Damaged ones are renamed, so that their steps can be saved again.

        Args:
            template: returns the state as `jax.ShapeDtypeStruct`s with shardings; it is called
                where there are checkpoints.

        Raises:
            UserError: all are damaged, or of another network.
            DiskError: the disk does not answer.
        """
        if not agreement.newest_steps(self._manager.all_steps()):
            return None
        checkpoint = restoring.newest(self._manager, restoring.reader(self._manager, template()))
        if checkpoint:
            # A run may have started from weights that know other classes.
            self._trained_on = tuple(dict.fromkeys((*self._trained_on, *checkpoint.trained_on)))
        if checkpoint and not self._read_only:
            steps = agreement.newest_steps(self._manager.all_steps())
            self._set_aside([step for step in steps if step > checkpoint.step])
        return checkpoint

    def _set_aside(self, steps: Sequence[int]) -> None:
        """Rename damaged checkpoints, if there are any, to `<step>.damaged`."""
        if not steps:
            return
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


def steps_in(workdir: Path) -> list[int]:
    """Return the steps of the checkpoints in a working directory, damaged ones included."""
    folders = _folder(workdir).glob("[0-9]*")
    return sorted(int(folder.name) for folder in folders if folder.name.isdigit())


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
        return restoring.newest(manager, restoring.host_reader(manager))


def _unused_name(folder: Path, step: int) -> Path:
    """Return the new path of a damaged checkpoint."""
    names = (f"{step}.damaged{number or ''}" for number in itertools.count())
    return next(folder / name for name in names if not (folder / name).exists())


def _folder(workdir: Path) -> Path:
    return (workdir / "checkpoints").resolve()
