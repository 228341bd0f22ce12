"""Orbax checkpoints of the whole training state."""

from pathlib import Path

import orbax.checkpoint as ocp

from gapjax.train_state import TrainState


class Checkpoints:
    """The checkpoints of one working directory, the newest two of them kept."""

    def __init__(self, workdir: Path) -> None:
        """Open the folder `checkpoints` of a working directory."""
        options = ocp.CheckpointManagerOptions(max_to_keep=2, create=True)
        folder = (workdir / "checkpoints").resolve()
        self._manager = ocp.CheckpointManager(folder, options=options)

    @property
    def latest(self) -> int | None:
        """Return the newest complete checkpoint's step, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState) -> None:
        """Start writing a checkpoint; on disk it is whole or absent, never half-written."""
        self._manager.save(step, args=ocp.args.StandardSave(state))

    def restore(self, template: TrainState) -> TrainState:
        """Return the newest checkpoint, placed as the template's arrays are.

        Args:
            template: a state of the same structure, of shapes with shardings.
        """
        return self._manager.restore(self.latest, args=ocp.args.StandardRestore(template))

    def close(self) -> None:
        """Wait until everything is written."""
        self._manager.close()
