"""One run at a time in a working directory."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import jax
from filelock import FileLock, Timeout

from data_pipelines.errors import UserError
from data_pipelines.storage.disk import writing
from gapjax.parallel import agreement

LOCK = ".lock"


@contextlib.contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Hold a working directory during the block; the first host does so for all hosts of a run.

    The lock is the operating system's, and dies with its process.

    Raises:
        UserError: another run holds it, or the folder cannot be written.
    """
    with tried(workdir) as free:
        if not agreement.on_first_host(free):
            advice = "wait for it or choose another --workdir"
            raise UserError(f"{workdir} is in use by another run; {advice}")
        yield


@contextlib.contextmanager
def tried(workdir: Path) -> Iterator[bool]:
    """Hold a working directory during the block unless another run does; tell the first host so.

    Raises:
        UserError: the folder cannot be written.
    """
    lock, free = FileLock(workdir / LOCK, timeout=0), True
    if jax.process_index() == 0:
        with writing(workdir):
            workdir.mkdir(parents=True, exist_ok=True)
            free = _acquired(lock)
    try:
        yield free
    finally:
        if free and jax.process_index() == 0:
            _forget_if_unused(workdir)
        lock.release()


def _forget_if_unused(workdir: Path) -> None:
    """Remove a folder that a refused run, which still holds it, has written nothing to."""
    with contextlib.suppress(OSError):
        if [path.name for path in workdir.iterdir()] == [LOCK]:
            (workdir / LOCK).unlink()
            workdir.rmdir()


def _acquired(lock: FileLock) -> bool:
    """Return whether a lock is ours now; on a file system without locks, it always is."""
    try:
        lock.acquire()
    except Timeout:
        return False
    except NotImplementedError:
        pass
    return True
