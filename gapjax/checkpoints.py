"""Orbax checkpoints of the whole training state, with the names of the classes behind it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from gapjax.lookup import UserError
from gapjax.train_state import TrainState


class Checkpoints:
    """The checkpoints of one working directory, the newest two of them kept."""

    def __init__(self, workdir: Path, trained_on: Sequence[str] = ()) -> None:
        """Open the folder `checkpoints` of a working directory.

        Args:
            workdir: the working directory.
            trained_on: the names of the classes whose samples are trained on; every checkpoint
                carries them, so that a zero-shot run can tell what its encoder has seen.
        """
        options = ocp.CheckpointManagerOptions(max_to_keep=2, create=True)
        self._manager = ocp.CheckpointManager(_folder(workdir), options=options)
        self._trained_on = list(trained_on)

    @property
    def latest(self) -> int | None:
        """Return the newest complete checkpoint's step, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState) -> None:
        """Start writing a checkpoint; on disk it is whole or absent, never half-written."""
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state), trained_on=ocp.args.JsonSave(self._trained_on)
        )
        self._manager.save(step, args=args)

    def restore(self, template: TrainState) -> TrainState:
        """Return the newest checkpoint, placed as the template's arrays are.

        Args:
            template: a state of the same structure, of shapes with shardings.
        """
        args = ocp.args.Composite(state=ocp.args.StandardRestore(template))
        return self._manager.restore(self.latest, args=args).state

    def close(self) -> None:
        """Wait until everything is written."""
        self._manager.close()


def read_newest(workdir: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the newest checkpoint's state as a tree of host arrays, and its classes' names.

    Raises:
        UserError: there is no checkpoint.
    """
    if not _folder(workdir).is_dir():
        raise UserError(f"{workdir} has no checkpoints; it is not the workdir of a finished run")
    handlers = {"state": ocp.PyTreeCheckpointHandler(), "trained_on": ocp.JsonCheckpointHandler()}
    with ocp.CheckpointManager(_folder(workdir), item_handlers=handlers) as manager:
        step = manager.latest_step()
        if step is None:
            raise UserError(f"{workdir} has no checkpoint yet; train it first")
        # As host arrays, whatever devices they were saved from.
        host = ocp.RestoreArgs(restore_type=np.ndarray)
        kinds = jax.tree.map(lambda _: host, manager.item_metadata(step)["state"].tree)
        args = ocp.args.Composite(
            state=ocp.args.PyTreeRestore(restore_args=kinds), trained_on=ocp.args.JsonRestore()
        )
        restored = manager.restore(step, args=args)
    return restored.state, restored.trained_on


def _folder(workdir: Path) -> Path:
    return (workdir / "checkpoints").resolve()
