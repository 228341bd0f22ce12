"""Orbax checkpoints of the whole training state, with the names of the classes behind it.

One that is torn or altered (`gapjax.workdir.integrity`) is passed over, with a warning, for the
one before.
"""

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from data_pipelines.errors import UserError
from data_pipelines.storage.disk import writing
from gapjax import echoes
from gapjax.parallel import agreement
from gapjax.workdir.integrity import Logged, Whole, check, facts_of, newest_whole, silence

_TRAINING = {"max_to_keep": 2, "cleanup_tmp_directories": True}
# Orbax's own `read_only` talks of it in three lines.
_READING = {"create": False, "save_root_metadata": False}


class Restored(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        state: the training state, a pytree of arrays.
        logged: what the steps since the last line of the log logged
        (`gapjax.training.step_metrics`).
    """

    state: Any
    logged: Logged


class Checkpoints:
    """The checkpoints of one working directory, the newest two of them kept."""

    def __init__(
        self, workdir: Path, trained_on: Sequence[str] = (), read_only: bool = False
    ) -> None:
        """Open the folder `checkpoints` of a working directory.

        Args:
            workdir: the working directory.
            trained_on: the names of the classes whose samples are trained on; every checkpoint
                carries them, so that a zero-shot run can tell what its encoder has seen.
            read_only: leave the folder as it is; otherwise what a killed run half wrote is removed.
        """
        options = ocp.CheckpointManagerOptions(**_READING if read_only else _TRAINING)
        self._folder = _folder(workdir)
        echoes.silence()
        with silence(), writing(self._folder):
            self._manager = ocp.CheckpointManager(self._folder, options=options)
        self._trained_on = list(trained_on)
        self._damaged: list[int] = []

    def save(self, step: int, state: Any, logged: Logged | None = None) -> None:
        """Start writing a checkpoint; on disk it is whole or absent, never half-written."""
        facts = facts_of(state, {} if logged is None else logged, self._trained_on)
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            trained_on=ocp.args.JsonSave(self._trained_on),
            facts=ocp.args.JsonSave(facts),
        )
        # It waits for the checkpoint before, and raises what went wrong with it.
        with writing(self._folder):
            self._manager.save(step, args=args)

    def restore(self, template: Any) -> Restored | None:
        """Return what the newest checkpoint that is whole holds, or None if there is none at all.

        Args:
            template: a state of the same structure, of shapes with shardings.

        Raises:
            UserError: there are checkpoints, and none can be read.
        """

        def read(step: int) -> Restored:
            """Return what a checkpoint holds."""
            wanted = _items(self._folder, step, ocp.args.StandardRestore(template))
            found = self._manager.restore(step, args=wanted)
            return Restored(found.state, _logged(found))

        with silence():
            steps = agreement.listed(self._manager.all_steps())
        if not steps:
            return None
        newest = newest_whole(self._folder, steps, read)
        newest.warn()
        self._damaged = [step for step in steps if step > newest.step]
        return newest.found

    def set_damaged_aside(self) -> None:
        """Rename the checkpoints that `restore` passed over, so that their steps can be saved."""
        if jax.process_index() == 0:
            for step in self._damaged:
                (self._folder / str(step)).rename(_aside(self._folder, step))
        agreement.wait("damaged checkpoints are set aside")
        if self._damaged:
            self._manager.reload()
            self._damaged = []

    def close(self) -> None:
        """Wait until everything is written."""
        with writing(self._folder):
            self._manager.close()


def read_newest(workdir: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the newest whole checkpoint's state as a tree of host arrays, and its classes' names.

    Raises:
        UserError: there is no checkpoint, or none can be read.
    """
    newest = _read_newest(workdir)
    if newest is None:
        raise UserError(f"{workdir} has no checkpoints; it is not the workdir of a finished run")
    newest.warn()
    return newest.found.state, newest.found.trained_on


def newest_step(workdir: Path) -> int | None:
    """Return the step of the newest checkpoint that is whole, or None if there is none at all.

    Raises:
        UserError: there are checkpoints, and none can be read.
    """
    newest = _read_newest(workdir)
    return newest and newest.step


def _read_newest(workdir: Path) -> Whole[ocp.args.Composite] | None:
    """Return the newest whole checkpoint's items, with arrays on the host."""
    folder = _folder(workdir)
    if not folder.is_dir():
        return None
    kinds = {"state": ocp.PyTreeCheckpointHandler()}
    kinds |= {name: ocp.JsonCheckpointHandler() for name in ("trained_on", "facts")}
    options = ocp.CheckpointManagerOptions(**_READING)
    with silence(), ocp.CheckpointManager(folder, options=options, item_handlers=kinds) as manager:
        steps = agreement.listed(manager.all_steps())
        if not steps:
            return None
        return newest_whole(folder, steps, functools.partial(_read, manager, folder))


def _read(manager: ocp.CheckpointManager, folder: Path, step: int) -> ocp.args.Composite:
    """Return the items of a checkpoint, with host arrays whatever devices they were saved from."""
    host = ocp.RestoreArgs(restore_type=np.ndarray)
    tree = jax.tree.map(lambda _: host, manager.item_metadata(step)["state"].tree)
    wanted = _items(folder, step, ocp.args.PyTreeRestore(restore_args=tree))
    found = manager.restore(step, args=wanted)
    _logged(found)
    return found


def _items(folder: Path, step: int, state: ocp.args.CheckpointArgs) -> ocp.args.Composite:
    """Return what to restore of a checkpoint; the first ones that gapjax wrote had no facts."""
    names = ["trained_on", *(["facts"] if _has_facts(folder / str(step)) else [])]
    return ocp.args.Composite(state=state, **{name: ocp.args.JsonRestore() for name in names})


def _has_facts(path: Path) -> bool:
    """Return whether a checkpoint has facts, or had some that are lost."""
    described = path / "_CHECKPOINT_METADATA"
    lost = described.is_file() and '"facts"' in described.read_text(errors="replace")
    return lost or (path / "facts").is_dir()


def _logged(found: ocp.args.Composite) -> Logged:
    """Return what the items of a checkpoint say was logged, having checked them all."""
    facts = found.get("facts")
    if facts is None:
        return {}
    check(found.state, facts, found.trained_on)
    return facts["logged"]


def _aside(folder: Path, step: int) -> Path:
    """Return where a damaged checkpoint is kept."""
    names = (f"{step}.damaged{number or ''}" for number in itertools.count())
    return next(folder / name for name in names if not (folder / name).exists())


def _folder(workdir: Path) -> Path:
    return (workdir / "checkpoints").resolve()
