"""Operating-system errors while reading and writing, reported in one line."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from data_pipelines.errors import DiskError, UserError

# Only another folder or other permissions help against these; other errors may be transient.
_PERMANENT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


@contextlib.contextmanager
def writing(
    path: Path,
    remedy: str = "choose another --workdir",
    advice: str = "what was saved is whole: run the same command to continue",
) -> Iterator[None]:
    """Report an operating-system error of the block, which writes a file or folder, in one line.

    Args:
        path: the file or folder.
        remedy: what to do if writing there is not allowed.
        advice: what to do if the error may be transient.

    Raises:
        UserError: writing there is not allowed.
        DiskError: the disk is full or does not answer.
    """
    try:
        yield
    except DiskError:
        raise
    except (OSError, ValueError) as error:
        number = _error_number(error)
        if number is None:
            raise
        reason = f"{path} cannot be written: {os.strerror(number)}"
        if number in _PERMANENT:
            raise UserError(f"{reason}; {remedy}") from error
        raise DiskError(f"{reason}; {advice}") from error


def raise_if_transient(path: Path, error: Exception) -> None:
    """Raise DiskError if an error of reading a file is not caused by its content."""
    number = _error_number(error)
    if number not in (None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        reason = f"{path} cannot be read: {os.strerror(number)}"
        raise DiskError(f"{reason}; once it can, run the same command to continue") from error


def _error_number(error: Exception) -> int | None:
    """Return the errno of an error; TensorStore has it in its message."""
    if isinstance(error, OSError):
        return error.errno
    match = re.search(r"\[os_error_code='(\d+)'\]", str(error))
    return int(match[1]) if match else None
