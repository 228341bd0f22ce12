"""Folders and files that are there completely or not at all."""

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(target: Path) -> Iterator[None]:
    """Let one process at a time write `target`; the lock ends with the process, however it ends."""
    import fcntl

    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("w") as file:
        # Some network file systems have no locks; there, the writers must not be started at once.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `target` when the block ends without an error.

    It has the name of `target` and lies in a hidden folder beside it. What a killed process left
    there is removed. Hold the lock of `target` meanwhile.
    """
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    fresh = partial / target.name
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if target.exists():
            target.rename(partial / "replaced")
        fresh.rename(target)
    finally:
        shutil.rmtree(partial)


def replace_file(target: Path, content: bytes) -> None:
    """Write a file, whose folder is made if need be, completely or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Processes on several machines may write the same file at once.
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
