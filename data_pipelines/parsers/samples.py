"""A folder of arrays, one `.npy` file for each sample, and the table of their metadata.

`samples.csv` has one line for each sample: `file` (inside the folder), `label` (the class's name or
index) and, if known, `subject`, `camera` and `setup` (whole numbers) and `split` (a word, such as
train or test; empty for neither). An array is frames x joints x
coordinates or, for several persons, frames x persons x joints x coordinates. Unseen persons and
joints are zero; an unseen joint should also have a confidence of zero.
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
from data_pipelines.specs import wrong_file
from data_pipelines.specs.record import Record

FILE = "samples.csv"
_NUMBERS = ("label", "subject", "camera", "setup")
_COLUMNS = ("file", *_NUMBERS, "split")
# Other words for the sides of a split.
_SIDES = {"training": "train", "testing": "test", "validation": "val", "valid": "val", "dev": "val"}
_LARGEST = 2**31 - 1
# The most characters of a file's name with its folders.
_LONGEST = 1000


@dataclass(frozen=True)
class Sample:
    """A line of the table.

    Attributes:
        path: the array's file.
        state: the file's state; None if it does not exist.
        place: the table and the line.
        metadata: label, subject, camera and setup.
        name: the sample's name.
        split: the word for its side of a split; empty for none.
    """

    path: str
    state: State | None
    place: tuple[str, int]
    metadata: tuple[int, int, int, int]
    name: str
    split: str = ""

    def __str__(self) -> str:
        return self.path

    def column(self, name: str) -> int:
        """Return the value of a column of numbers; 0 if the table does not have it."""
        return self.metadata[_NUMBERS.index(name)]


def table(folder: pathlib.Path, labels: Sequence[str]) -> list[Sample]:
    """Return the samples of a folder, in the order of the table; DataError if it is invalid."""
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


def split_word(text: str) -> str:
    """Return a word of the column `split`, in the spelling that protocols know.

    >>> split_word("Training"), split_word("fold 1")
    ('train', 'fold 1')
    """
    word = text.strip().casefold()
    return _SIDES.get(word, word)


def columns(folder: pathlib.Path) -> list[str]:
    """Return the names of the table's columns; DataError if the table is invalid."""
    return _rows(folder / FILE)[0]


def _rows(path: pathlib.Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the columns' names, and the number and the values of each nonempty line."""
    if not path.is_file():
        raise DataError(f"{path}: is missing; write it, with the columns {', '.join(_COLUMNS)}")
    wrong_file.refuse(path, empty=False)
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
            known = f"the columns are {', '.join(_COLUMNS)}, with commas"
            raise DataError(f"{path}: line 1: {known}; found {name!r}")
    if not {"file", "label"} <= set(header):
        raise DataError(f"{path}: line 1: names no column file, or no column label; add it")
    return header, iter(rows[1:])


def _sample(
    table: pathlib.Path, line: int, values: Mapping[str, str], labels: Sequence[str]
) -> Sample:
    name = pathlib.PurePosixPath(values["file"].replace("\\", "/"))
    long = len(values["file"]) > _LONGEST
    if name.suffix != ".npy" or name.is_absolute() or ".." in name.parts or long:
        fault = f"{values['file']!r} is not a .npy file inside the folder"
        raise DataError(f"{table}: line {line}: {fault}; correct it")
    path = table.parent / name
    label = _label(table, line, values["label"], labels)
    subject, camera, setup = (
        _number(table, line, column, values.get(column, "0"))
        for column in ("subject", "camera", "setup")
    )
    return Sample(
        path=str(path),
        state=state_of(path) if path.is_file() else None,
        place=(str(table), line),
        metadata=(label, subject, camera, setup),
        name=str(name.with_suffix("")),
        split=split_word(values.get("split", "")),
    )


def _label(table: pathlib.Path, line: int, text: str, labels: Sequence[str]) -> int:
    """Return the class that a label or an index stands for."""
    if text in labels:
        return labels.index(text)
    number = _parsed_int(text)
    if number is not None and number < len(labels):
        return number
    fault = f"{text!r} is neither a label nor a number from 0 to {len(labels) - 1}"
    raise DataError(f"{table}: line {line}: {fault}; correct it")


def _number(table: pathlib.Path, line: int, column: str, text: str) -> int:
    number = _parsed_int(text)
    if number is None:
        fault = f"{column} {text!r} is not a whole number from 0"
        raise DataError(f"{table}: line {line}: {fault}; number them")
    return number


def _parsed_int(text: str) -> int | None:
    """Return the integer from 0 to `_LARGEST` that a text is, or None."""
    if not (text.isdecimal() and text.isascii() and len(text) < 20):
        return None
    return int(text) if int(text) <= _LARGEST else None


def record(sample: Sample, joints: Sequence[str], coordinates: int) -> Record:
    """Return a sample; FileError if its file cannot be used."""
    if sample.state is None:
        where, line = sample.place
        raise FileError(where, f"there is no file {sample.path}; add it or correct the name", line)
    array = read_array(sample.path)
    frames = array[:, None] if array.ndim == 3 else array
    if frames.ndim != 4 or frames.shape[2:] != (len(joints), coordinates) or frames.size == 0:
        shape = " x ".join(map(str, array.shape)) or "a single number"
        wanted = f"frames (x persons) x {len(joints)} joints x {coordinates}"
        reason = f"is {shape}, not {wanted}; correct the array or dataset.yaml"
        raise FileError(sample.path, reason)
    return Record(checked(frames, sample.path, joints), *sample.metadata, sample.name)


def checked(
    array: Shaped[np.ndarray, "t m v c"], where: str, joints: Sequence[str]
) -> Float32[np.ndarray, "t m v c"]:
    """Return the coordinates of an array.

    Raises:
        FileError: a number is not finite.
    """
    # Converting signaling NaNs or numbers too large for float32 warns.
    with np.errstate(over="ignore", invalid="ignore"):
        skeleton = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(skeleton).all():
        frame, _, joint, _ = np.argwhere(~np.isfinite(skeleton))[0]
        advice = "write zeros for what is not seen, with a confidence of zero"
        raise FileError(where, f"frame {frame}, joint {joints[joint]!r} is not finite; {advice}")
    return skeleton


def read_array(path: str) -> Shaped[np.ndarray, "..."]:
    """Return the array of a `.npy` file, mapped into memory; FileError if it has none."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ARRAY_DAMAGE as error:
        wrong_file.refuse(path)
        cause = wrong_file.cause(error)
        reason = f"is not a complete .npy file of numbers ({cause}); write it by numpy.save"
        raise FileError(path, reason) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise FileError(path, "is not an array of numbers; write it by numpy.save, ending in .npy")
    return array
