"""The `.npz` files that CTR-GCN's scripts write: NTU60_CS, NTU60_CV, NTU120_CSub, NTU120_CSet.

`x_train` and `x_test` are samples x frames x 150 numbers (2 persons x 25 joints x 3), padded with
zeros. An absent second person is zero in NTU60's files and a copy of the first, which is kept, in
NTU120's. `y_train` and `y_test` are one-hot (facts C.2 to C.4). The files have no subjects or
cameras: `setup` is 1 for training and 0 for test.
"""

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from data_pipelines.datasets import ntu60, ntu120
from data_pipelines.errors import DataError
from data_pipelines.parsers import npz
from data_pipelines.parsers.sources import State, state_of
from data_pipelines.specs.dataset import DatasetSpec, Protocol, RawDataset
from data_pipelines.specs.record import Record
from data_pipelines.specs.skeletons import NTU25

WANTED = "an .npz file with x_train, y_train, x_test and y_test"

_PERSONS, _JOINTS = 2, 25
_MOST_CLASSES = 2**15
_SIDES = {"test": 0, "train": 1}
# Suffix of a file's name → protocol.
_PROTOCOLS = {"cs": "xsub", "csub": "xsub", "cv": "xview", "cset": "xset"}


@dataclass(frozen=True)
class Row:
    """A sample: a row of the arrays of a side, `train` or `test`, of an archive."""

    path: str
    state: State
    side: str
    row: int
    label: int

    def __str__(self) -> str:
        return f"{self.path}: x_{self.side}, row {self.row}"


def open_raw(raw: pathlib.Path, name: str) -> RawDataset:
    """Return the contents of an archive; DataError if its arrays are not as expected."""
    path, state = str(raw), state_of(raw)
    counts, items, classes = {}, [], {}
    for side in ("train", "test"):
        labels, classes[side] = _labels(path, side, state)
        shape = npz.rows(path, f"x_{side}", state).shape
        width = _PERSONS * _JOINTS * 3
        if len(shape) != 3 or shape[0] != len(labels) or shape[2] != width:
            wanted = f"{len(labels)} x frames x {width}"
            fault = f"x_{side} is {' x '.join(map(str, shape))}, not {wanted}"
            raise DataError(f"{path}: {fault}; --raw takes {WANTED}")
        counts[side] = len(labels)
        items += [Row(path, state, side, row, label) for row, label in enumerate(labels.tolist())]
    if items and not any(item.label == 0 for item in items):
        raise DataError(f"{path}: has no sample of class 0: number the classes from 0, not from 1")
    spec = _spec(raw, name, max(classes.values()), (counts["train"], counts["test"]))
    return RawDataset(spec, items)


def _labels(path: str, side: str, state: State) -> tuple[Int64[np.ndarray, " n"], int]:
    """Return the classes of a side's samples, and the number of classes."""
    values = npz.rows(path, f"y_{side}", state).all()
    if values.ndim == 1 and np.isin(values, np.arange(_MOST_CLASSES)).all():
        return values.astype(np.int64), int(values.max(initial=0)) + 1
    ones = values == 1
    if values.ndim != 2 or (ones.sum(1) != 1).any() or ((values != 0) & ~ones).any():
        raise DataError(f"{path}: y_{side} has a row that is not one-hot; write the file again")
    return ones.argmax(1), values.shape[1]


def _spec(raw: pathlib.Path, name: str, classes: int, counts: tuple[int, int]) -> DatasetSpec:
    """Return the metadata, from NTU RGB+D (120) if the number of classes is the same."""
    known = {len(module.SPEC.labels): module.SPEC for module in (ntu60, ntu120)}.get(classes)
    suffix = raw.stem.rpartition("_")[2].lower()
    return DatasetSpec(
        name=name,
        skeleton=NTU25,
        labels=known.labels if known else tuple(f"class {number}" for number in range(classes)),
        persons=_PERSONS,
        protocols={_PROTOCOLS.get(suffix, "stored"): Protocol("setup", (1,), counts)},
        texts=known.texts if known else "",
        obtain="CTR-GCN's scripts write it from NTU RGB+D",
        zero_shot=known.zero_shot if known else {},
        format="ctr_gcn",
        person_order="cleaned",
    )


def read(item: Row) -> Iterator[Record]:
    """Yield a sample with its padding."""
    values = npz.rows(item.path, f"x_{item.side}", item.state).row(item.row)
    with np.errstate(over="ignore", invalid="ignore"):
        skeleton = np.array(values, np.float32).reshape(-1, _PERSONS, _JOINTS, 3)
    name = f"{item.side}{item.row:06}"
    yield Record(skeleton, item.label, 0, 0, _SIDES[item.side], name)
