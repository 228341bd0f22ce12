"""The errors that end a command with one line instead of a traceback, and its exit status.

| status | meaning                                                         |
|--------|-----------------------------------------------------------------|
| 0      | done                                                            |
| 1      | the disk, another host or the numbers failed; may pass          |
| 2      | the user can mend it: a flag, a config, a file                  |
| 75     | stopped by a signal after saving; the same command goes on      |

Both packages raise these, and `data_pipelines.command` alone turns them into lines and statuses.
"""

from typing import ClassVar

# A message may quote a value of a damaged file, which can be of any length.
_LONGEST = 800


class CommandError(Exception):
    """An error whose message is one clear line that says what to do.

    Attributes:
        status: the exit status of a command that it ends.
    """

    status: ClassVar[int] = 1

    def __str__(self) -> str:
        return one_short_line(super().__str__())


class UserError(CommandError, ValueError):
    """A mistake that the user can mend: a flag, a config key, a missing file."""

    status = 2


class DataError(UserError):
    """A data file that cannot be used; the message names the file."""


class FileError(DataError):
    """One raw file that cannot be used: a conversion rejects it and goes on with the others.

    Attributes:
        file: how messages call the file.
        reason: what is wrong with it and what to do.
        line: where, counted from 1; None where the file has no lines or all of it is meant.
    """

    def __init__(self, file: str, reason: str, line: int | None = None) -> None:
        super().__init__(file, reason, line)
        self.file, self.reason, self.line = file, reason, line

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}: "
        return one_short_line(f"{self.file}: {place}{self.reason}")


class DiskError(CommandError, OSError):
    """A file could not be read or written now, but may be later, such as when there is room."""


class HostError(CommandError, RuntimeError):
    """Another process of the run is missing or was lost; starting all of them again may help."""


class Preempted(CommandError):  # noqa: N818
    """The run was told to stop, and has saved; the message says where it goes on."""

    # EX_TEMPFAIL of sysexits.h: run the same command again.
    status = 75


def one_short_line(message: str) -> str:
    r"""Return a message without line ends, and without its middle if it is too long.

    >>> one_short_line("a\nb")
    'a b'
    """
    message = " ".join(message.split())
    if len(message) <= _LONGEST:
        return message
    return f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"
