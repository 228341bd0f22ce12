"""What every raw parser yields, and the errors by which it refuses a file."""

import tokenize
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# What NumPy raises for a file that is no whole array, whose header is text of Python's; it asks for
# the memory of as long a header as the file says.
ARRAY_DAMAGE = (
    *(OSError, ValueError, EOFError, OverflowError, MemoryError),
    *(SyntaxError, tokenize.TokenError),
)


# Characters of a message: a value that it shows, of a damaged file, may be of any length.
_LONGEST = 800


class DataError(ValueError):
    """A data file that cannot be used: the message names the file and what to do, in one line."""

    def __str__(self) -> str:
        return _one_short_line(super().__str__())


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
        return _one_short_line(f"{self.file}: {place}{self.reason}")


def _one_short_line(message: str) -> str:
    """Return a message without line ends, and without its middle if it is too long."""
    message = " ".join(message.splitlines())
    if len(message) <= _LONGEST:
        return message
    return f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"


@dataclass(frozen=True)
class LeftOut:
    """A recording that gives no sample, which is no fault of its file: nobody is in it, say.

    Attributes:
        file: how messages call the file.
        reason: why there is no sample.
        line: where, counted from 1; None where all of the file is meant.
    """

    file: str
    reason: str
    line: int | None = None


@dataclass(frozen=True)
class Record:
    """One skeleton sequence.

    Attributes:
        skeleton: coordinates of the persons that are present: in metres from depth sensors, else as
            the files have them, and after them a confidence where the dataset has one.
        label: the class, 0-based.
        subject: who moves, as numbered by the dataset.
        camera: the viewpoint, as numbered by the dataset.
        setup: the recording setup, as numbered by the dataset; 0 where there is none.
        name: the sample's unique name.
    """

    skeleton: Float[np.ndarray, "t m v c"]
    label: int
    subject: int
    camera: int
    setup: int
    name: str
