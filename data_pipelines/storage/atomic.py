"""Atomic writing: no reader sees half a file or folder; a replaced folder is absent a moment."""

import contextlib
import errno
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import filelock

# A folder that is replaced lies under this name in the hidden folder during the exchange.
_REPLACED = "replaced"


@contextlib.contextmanager
def locked(target: Path) -> Iterator[None]:
    """Let one process at a time write `target`; the lock ends with the process, however it ends.

    A file system without locks (ENOLCK: NFS without lockd) is written without one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(filelock.FileLock(target.with_name(f".{target.name}.lock")))
        except OSError as error:
            if error.errno != errno.ENOLCK:
                raise
        yield


@contextlib.contextmanager
def replacing_file(target: Path, single_writer: bool = False) -> Iterator[BinaryIO]:
    """Yield an open file that takes the place of `target` when the block ends without an error.

    Args:
        target: the file; its folder is created if missing.
        single_writer: whether only one process writes `target` at a time. The temporary file then
            has a fixed name, and what a killed process left of it is overwritten.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = "" if single_writer else f".{uuid.uuid4().hex}"
    partial = target.with_name(f".{target.name}{writer}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `target` when the block ends without an error.

    It has the name of `target` and lies in a hidden folder next to it; what a killed process left
    there is removed. The caller holds the lock of `target`. The exchange is two renames: between
    them a reader finds no folder. If a process is killed there, the next call puts the old back.
    """
    partial = target.with_name(f".{target.name}.partial")
    _put_back(target, partial)
    shutil.rmtree(partial, ignore_errors=True)
    fresh = partial / target.name
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if target.exists():
            target.rename(partial / _REPLACED)
        fresh.rename(target)
    finally:
        _put_back(target, partial)
        shutil.rmtree(partial)


def _put_back(target: Path, partial: Path) -> None:
    """Undo the first of the two renames if the second did not follow."""
    if not target.exists() and (partial / _REPLACED).exists():
        (partial / _REPLACED).rename(target)
