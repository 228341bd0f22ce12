"""A folder of arrays of one's own, one `.npy` a sample, and the table of what they are.

`samples.csv` has a line per sample: `file` (inside the folder), `label` (the class's name, or its
number from 0) and, where known, `subject`, `camera` and `setup` (whole numbers). An array is frames
x joints x coordinates or, of several persons, frames x persons x joints x coordinates. A person
who is not seen is zero, and so is a joint, which needs a confidence of zero to be known from one
that is there.
"""

import csv
import io
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Shaped

from data_pipelines.errors import DataError, FileError
from data_pipelines.parsers.npz import ARRAY_DAMAGE
from data_pipelines.parsers.sources import State, state_of
from data_pipelines.specs.record import Record

FILE = "samples.csv"
_FACTS = ("label", "subject", "camera", "setup")
_COLUMNS = ("file", *_FACTS)
_LARGEST = 2**31 - 1
# Characters of a file's name, with its folders.
_LONGEST = 1000


@dataclass(frozen=True)
class Sample:
    """A line of the table.

    Attributes:
        path: the array's file.
        state: tells the file's versions; None where there is no such file.
        place: the table and the line.
        metadata: label, subject, camera and setup.
        name: the sample's name.
    """

    path: str
    state: State | None
    place: tuple[str, int]
    metadata: tuple[int, int, int, int]
    name: str

    def __str__(self) -> str:
        return self.path

    def fact(self, column: str) -> int:
        """Return what the table says in a column of numbers, 0 where it lacks the column."""
        return self.metadata[_FACTS.index(column)]


def table(folder: pathlib.Path, labels: Sequence[str]) -> list[Sample]:
    """Return the samples of a folder, in the order of the table.

    Raises:
        DataError: the table is not what it should be; the message names the line.
    """
    path = folder / FILE
    header, rows = _rows(path)
    samples: dict[str, Sample] = {}
    for line, row in rows:
        if len(row) != len(header):
            reason = f"has {len(row)} values, but there are {len(header)} columns; correct it"
            raise DataError(f"{path}: line {line}: {reason}")
        values = dict(zip(header, (value.strip() for value in row), strict=True))
        sample = _sample(path, line, values, labels)
        if sample.name in samples:
            first = samples[sample.name].place[1]
            reason = f"{values['file']} is already in line {first}; remove one"
            raise DataError(f"{path}: line {line}: {reason}")
        samples[sample.name] = sample
    if not samples:
        raise DataError(f"{path}: has no sample; add a line for each")
    return list(samples.values())


def columns(folder: pathlib.Path) -> list[str]:
    """Return the names of the table's columns.

    Raises:
        DataError: the table is not what it should be.
    """
    header, _ = _rows(folder / FILE)
    return header


def _rows(path: pathlib.Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the columns' names, and the number and the values of every line that is not empty."""
    if not path.is_file():
        raise DataError(f"{path}: is missing; write it, with the columns {', '.join(_COLUMNS)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.reader(io.StringIO(text), strict=True)
        rows = [(reader.line_num, row) for row in reader if row]
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8; save it as CSV in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}; correct it") from None
    header = [name.strip() for name in rows[0][1]] if rows else []
    for name in header:
        if name not in _COLUMNS or header.count(name) > 1:
            what = f"the columns are {', '.join(_COLUMNS)}, with commas; found {name!r}"
            raise DataError(f"{path}: line 1: {what}")
    if not {"file", "label"} <= set(header):
        raise DataError(f"{path}: line 1: names no column file, or no column label; add it")
    return header, iter(rows[1:])


def _sample(
    table: pathlib.Path, line: int, values: Mapping[str, str], labels: Sequence[str]
) -> Sample:
    """Return the sample of a line."""
    name = pathlib.PurePosixPath(values["file"].replace("\\", "/"))
    long = len(values["file"]) > _LONGEST
    if name.suffix != ".npy" or name.is_absolute() or ".." in name.parts or long:
        what = f"{values['file']!r} is no .npy file inside the folder; correct it"
        raise DataError(f"{table}: line {line}: {what}")
    path = table.parent / name
    return Sample(
        path=str(path),
        state=state_of(path) if path.is_file() else None,
        place=(str(table), line),
        metadata=(
            _label(table, line, values["label"], labels),
            *(_number(table, line, column, values.get(column, "0")) for column in _COLUMNS[2:]),
        ),
        name=str(name.with_suffix("")),
    )


def _label(table: pathlib.Path, line: int, given: str, labels: Sequence[str]) -> int:
    """Return the class that a name or a number stands for."""
    if given in labels:
        return labels.index(given)
    number = _whole(given)
    if number is not None and number < len(labels):
        return number
    what = f"{given!r} is neither a label nor a number from 0 to {len(labels) - 1}; correct it"
    raise DataError(f"{table}: line {line}: {what}")


def _number(table: pathlib.Path, line: int, column: str, given: str) -> int:
    """Return a fact that is a whole number."""
    number = _whole(given)
    if number is not None:
        return number
    what = f"{column} {given!r} is no whole number from 0; number them"
    raise DataError(f"{table}: line {line}: {what}")


def _whole(given: str) -> int | None:
    """Return the whole number from 0 to `_LARGEST` that a text is, or None."""
    if not (given.isdecimal() and given.isascii() and len(given) < 20):
        return None
    return int(given) if int(given) <= _LARGEST else None


def record(sample: Sample, joints: Sequence[str], coordinates: int) -> Record:
    """Return a sample.

    Raises:
        FileError: its file cannot be used.
    """
    if sample.state is None:
        where, line = sample.place
        raise FileError(where, f"there is no file {sample.path}; add it or correct the name", line)
    array = read_array(sample.path)
    whole = array[:, None] if array.ndim == 3 else array
    if whole.ndim != 4 or whole.shape[2:] != (len(joints), coordinates) or whole.size == 0:
        shape = " x ".join(map(str, array.shape)) or "a single number"
        wanted = f"frames (x persons) x {len(joints)} joints x {coordinates}"
        reason = f"is {shape}, not {wanted}; correct the array or dataset.yaml"
        raise FileError(sample.path, reason)
    return Record(checked(whole, sample.path, joints), *sample.metadata, sample.name)


def checked(
    whole: Shaped[np.ndarray, "t m v c"], where: str, joints: Sequence[str]
) -> Float32[np.ndarray, "t m2 v c"]:
    """Return the coordinates of an array, without the persons after the last who is there.

    Raises:
        FileError: a number is not finite, or all are zero.
    """
    # Some values that are not numbers give warnings where they are converted.
    with np.errstate(over="ignore", invalid="ignore"):
        skeleton = np.ascontiguousarray(whole, np.float32)
    if not np.isfinite(skeleton).all():
        frame, _, joint, _ = np.argwhere(~np.isfinite(skeleton))[0]
        advice = "write zeros for what is not seen, with a confidence of zero"
        raise FileError(where, f"frame {frame}, joint {joints[joint]!r} is not finite; {advice}")
    if not skeleton.any():
        raise FileError(where, "is zero everywhere; remove it")
    return _without_absent(skeleton)


def read_array(path: str) -> Shaped[np.ndarray, "..."]:
    """Return the array of a file, mapped into memory.

    Raises:
        FileError: the file is no array of numbers.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ARRAY_DAMAGE as error:
        what = " ".join(str(error).split()) or type(error).__name__
        reason = f"is no whole .npy file of numbers ({what}); write it by numpy.save"
        raise FileError(path, reason) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise FileError(path, "is no array of numbers; write it by numpy.save, ending in .npy")
    return array


def _without_absent(skeleton: Float32[np.ndarray, "t m v c"]) -> Float32[np.ndarray, "t m2 v c"]:
    """Return the persons up to the last who is there at all."""
    there = np.flatnonzero(skeleton.any(axis=(0, 2, 3)))
    return np.ascontiguousarray(skeleton[:, : there[-1] + 1])
