"""The errors that end a command with a one-line message, and the exit statuses.

| status | meaning                                                            |
|--------|--------------------------------------------------------------------|
| 0      | done                                                               |
| 1      | a disk, another host or the numbers failed; may be transient       |
| 2      | the user can correct it: a flag, a config, a file                  |
| 75     | stopped by a signal after saving: run the same command to continue |
| 130    | interrupted by Ctrl-C, with nothing to save                        |

Both packages raise these errors; `data_pipelines.command` turns them into messages and statuses.
"""

import difflib
from typing import ClassVar

# A message may quote a value of a damaged file, which can be of any length.
_LONGEST = 800


class CommandError(Exception):
    """An error whose message is one line and says what to do.

    Attributes:
        status: the exit status of the command.
    """

    status: ClassVar[int] = 1

    def __str__(self) -> str:
        return one_short_line(super().__str__())


class UserError(CommandError, ValueError):
    """An error that the user can correct: a flag, a config key, a missing file."""

    status = 2


class DataError(UserError):
    """A data file that cannot be used; the message names the file."""


class FileError(DataError):
    """One raw file that cannot be used: a conversion rejects it and goes on with the others.

    Attributes:
        file: the file's name in messages.
        reason: what is wrong with it and what to do.
        line: the line at fault, from 1; None if the whole file is.
    """

    def __init__(self, file: str, reason: str, line: int | None = None) -> None:
        super().__init__(file, reason, line)
        self.file, self.reason, self.line = file, reason, line

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}: "
        return one_short_line(f"{self.file}: {line}{self.reason}")


class DiskError(CommandError, OSError):
    """A file cannot be read or written now; the cause may be transient, such as a full disk."""


class HostError(CommandError, RuntimeError):
    """Another process of the run is missing or was lost; restarting all of them may help."""


# The status of a process that SIGINT ends, as shells tell it.
INTERRUPTED = 130


class Preempted(CommandError):  # noqa: N818
    """The run has saved and stopped on a signal; the message says where it continues."""

    # EX_TEMPFAIL of sysexits.h: run the same command again.
    status = 75


def suggestion(name: str, choices: list[str]) -> str:
    """Return "; did you mean ...?" for a name close to a choice, else an empty string.

    >>> suggestion("ctr_gnc", ["ctr_gcn", "st_gcn"])
    "; did you mean 'ctr_gcn'?"
    """
    close = difflib.get_close_matches(name, choices, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def one_short_line(message: str) -> str:
    r"""Return a message as one line, without its middle if it is too long.

    >>> one_short_line("a\nb")
    'a b'
    """
    message = " ".join(message.split())
    if len(message) <= _LONGEST:
        return message
    return f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"
