"""Writing where it may fail: one line says what cannot be written, and why."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from data_pipelines.errors import DiskError, UserError

# What only another folder, or other permissions, mend; anything else may pass.
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


@contextlib.contextmanager
def writing(
    path: Path,
    flag: str = "--workdir",
    advice: str = "what was saved is whole: the same command goes on",
) -> Iterator[None]:
    """Let errors of a block that writes a file or folder say so in one line.

    Args:
        path: what is written.
        flag: what chooses another place.
        advice: what to do where it could be written another time.

    Raises:
        UserError: writing there is not allowed.
        DiskError: the disk is full, or does not answer.
    """
    try:
        yield
    except DiskError:
        raise
    except (OSError, ValueError) as error:
        number = _number(error)
        if number is None:
            raise
        why = f"{path} cannot be written: {os.strerror(number)}"
        if number in _REFUSED:
            raise UserError(f"{why}; choose another {flag}") from error
        raise DiskError(f"{why}; {advice}") from error


def refuse_passing(path: Path, error: Exception) -> None:
    """Raise DiskError if an error of reading a file says nothing of what is in it."""
    number = _number(error)
    if number not in (None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        why = f"{path} cannot be read: {os.strerror(number)}"
        raise DiskError(f"{why}; once it can, the same command goes on") from error


def _number(error: Exception) -> int | None:
    """Return the number of an error of the system; TensorStore tells it in words."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\[os_error_code='(\d+)'\]", str(error))
    return int(found[1]) if found else None
