"""Whether a checkpoint is whole, and which is the newest that is.

The storage has no checksums of arrays, so that a changed byte may read as other numbers: a
checkpoint carries its own.
"""

import contextlib
import hashlib
import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from absl import logging

from data_pipelines.errors import UserError
from data_pipelines.storage.disk import raise_if_transient
from gapjax import echoes
from gapjax.parallel import agreement
from gapjax.workdir.checksums import checksums

Found = TypeVar("Found")
# Name → the values that consecutive steps logged.
Logged = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Whole(Generic[Found]):
    """The newest checkpoint that is whole.

    Attributes:
        step: its step.
        found: what was read of it.
        damaged: the newer ones' folders, and what is wrong with each.
    """

    step: int
    found: Found
    damaged: Mapping[Path, str]

    def warn(self) -> None:
        """Print a line for each checkpoint that is damaged."""
        for path, reason in self.damaged.items():
            text = f"{path} is damaged, {self.step} is used instead ({reason})"
            print(f"gapjax: warning: {text}", file=sys.stderr)


def newest_whole(folder: Path, steps: Iterable[int], read: Callable[[int], Found]) -> Whole[Found]:
    """Return the newest checkpoint that every process can read.

    Args:
        folder: where the checkpoints are.
        steps: their steps.
        read: step → what is wanted of it; what it raises is damage, unless it may pass.

    Raises:
        UserError: none can be read.
        DiskError: the disk does not answer, which is no fault of a checkpoint.
    """
    echoes.silence()
    damaged: dict[Path, str] = {}
    for step in sorted(steps, reverse=True):
        path = folder / str(step)
        if (path / "default").is_dir():
            raise UserError(f"{path} is of an older gapjax; use a new --workdir")
        reason = "another process cannot read it"
        found = None
        try:
            with silence():
                found = read(step)
        # The libraries behind it raise anything, from KeyError to what their C++ says.
        except Exception as error:
            raise_if_transient(path, error)
            reason = textwrap.shorten(str(error) or repr(error), 120)
        if agreement.all_agree(found is not None):
            return Whole(step, found, damaged)
        damaged[path] = reason
    path, reason = next(iter(damaged.items()))
    raise UserError(f"{path} is damaged, and no older checkpoint is whole ({reason})")


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep Orbax from telling what is wrong before it raises."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def facts_of(state: Any, logged: Logged, trained_on: Sequence[str]) -> dict[str, Any]:
    """Return what a checkpoint says of itself, as JSON has it."""
    facts = {"checksums": checksums(state), "logged": dict(logged)}
    return {**facts, "digest": _digest(facts, trained_on)}


def check(state: Any, facts: Mapping[str, Any], trained_on: Sequence[str]) -> None:
    """Compare what was read of a checkpoint with what it says of itself.

    Raises:
        ValueError: something is not as it was saved.
    """
    if facts["digest"] != _digest(facts, trained_on):
        raise ValueError("its facts or its classes are not as they were saved")
    now, saved = checksums(state), facts["checksums"]
    altered = [name for name in sorted({*now, *saved}) if now.get(name) != saved.get(name)]
    if altered:
        raise ValueError(f"{len(altered)} arrays are not as they were saved: {altered[0]}")


def _digest(facts: Mapping[str, Any], trained_on: Sequence[str]) -> str:
    content = [facts["checksums"], facts["logged"], list(trained_on)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
