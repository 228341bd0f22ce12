"""Checks of an index: its samples' metadata, and what protocols and splits select."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Int

from data_pipelines.specs.dataset import DatasetSpec, Protocol, said_sizes
from data_pipelines.storage.digests import DIGITS, protocol_digest, split_digest
from data_pipelines.storage.index import FILE, Index, select


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes:
        name: the check's name.
        summary: what to print if it holds.
        faults: one line for each fault, with its file or sample.
        partial: whether samples of the papers are missing, which is not a fault.
        remedy: what to do about faults; empty for converting again.
    """

    name: str
    summary: str
    faults: Sequence[str] = field(default_factory=tuple)
    partial: bool = False
    remedy: str = ""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "file"), counted(2000, "file")
    ('1 file', '2,000 files')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def index_checks(index: Index, spec: DatasetSpec) -> Iterator[Check]:
    """Check the metadata of all samples."""
    yield Check("index", f"{counted(len(index), 'sample')}; digest {index.digest[:DIGITS]}")
    yield _names(index)
    yield _range(index, "label", "class", 0, len(spec.labels) - 1)
    yield _range(index, "bodies", "number of persons", 1, spec.persons)
    yield _range(index, "frames", "number of frames", 1, max(1, int(index.frames.max())))


def selection_checks(index: Index, spec: DatasetSpec) -> Iterator[Check]:
    """Check all protocols and zero-shot splits."""
    for name in spec.protocols:
        yield protocol_check(index, spec, name)
    for name in spec.zero_shot:
        yield split_check(index, spec, name)


def _names(index: Index) -> Check:
    _, first, inverse = np.unique(index.name, return_index=True, return_inverse=True)
    faults = _lines(
        index,
        first[inverse] != np.arange(len(index)),
        lambda row: f"has the name of line {first[inverse[row]] + 2}",
    )
    return Check("names", "no two are equal", faults)


def _range(index: Index, column: str, noun: str, low: int, high: int) -> Check:
    """Check that all values of a column lie in low ... high."""
    values = getattr(index, column)
    faults = _lines(
        index,
        (values < low) | (values > high),
        lambda row: f"has the {noun} {values[row]}, not {low} to {high}",
    )
    summary = f"the {noun} is {values.min()} to {values.max()} of {low} to {high}"
    return Check(column, summary, faults)


def _lines(index: Index, bad: Bool[np.ndarray, " n"], fault: Callable[[int], str]) -> list[str]:
    rows = np.flatnonzero(bad).tolist()
    return [f"{FILE}, line {row + 2}: sample {str(index.name[row])!r} {fault(row)}" for row in rows]


def protocol_check(index: Index, spec: DatasetSpec, name: str) -> Check:
    """Check that a protocol splits all samples into two sides with the published counts.

    A side with fewer samples is partial; without missing samples, both must have every class.
    """
    protocol = spec.protocols[name]
    sides = dict(zip(("train", "test"), select(index, protocol), strict=True))
    counts = dict(zip(sides, protocol.counts or (None, None), strict=True))
    lacking = {side: _lacking(index, rows, spec) for side, rows in sides.items()}
    gaps = [f"{side} has no sample of {text}" for side, text in lacking.items() if text]
    complete = all(counts[side] == len(rows) for side, rows in sides.items())
    faults = [
        f"{side} has {len(rows):,} samples, more than the published {counts[side]:,}"
        for side, rows in sides.items()
        if (count := counts[side]) is not None and len(rows) > count
    ]
    faults += _overlap(index, sides, protocol) + (gaps if complete else [])
    summary = [f"{len(rows):,}{_of(counts[side])} {side}" for side, rows in sides.items()]
    unused = len(index) - sum(map(len, sides.values()))
    summary += [f"{unused:,} on neither side"] if unused else []
    summary = [
        ", ".join(summary),
        *([] if complete else gaps),
        f"digest {protocol_digest(index, protocol)}",
    ]
    partial = not complete and (protocol.counts is not None or bool(gaps))
    return Check(f"protocol {name}", "; ".join(summary), faults, partial)


def _of(count: int | None) -> str:
    return "" if count is None else f" of {count:,}"


def _lacking(index: Index, rows: Int[np.ndarray, " n"], spec: DatasetSpec) -> str:
    """Return the number of classes without a sample in these rows, and the first; or empty."""
    absent = sorted(set(range(len(spec.labels))) - set(index.label[rows].tolist()))
    if not absent:
        return ""
    return f"{len(absent)} of {len(spec.labels)} classes ({spec.labels[absent[0]]!r} first)"


def _overlap(
    index: Index, sides: Mapping[str, Int[np.ndarray, " _"]], protocol: Protocol
) -> list[str]:
    """Return faults: samples on both sides of a protocol, or on neither unless it lists both."""
    train, test = (set(index.name[rows].tolist()) for rows in sides.values())
    faults = [f"sample {name!r} is in train and in test" for name in sorted(train & test)]
    forgotten = set(index.name.tolist()) - train - test if protocol.test is None else set()
    return faults + [f"sample {name!r} is in neither" for name in sorted(forgotten)]


def split_check(index: Index, spec: DatasetSpec, name: str) -> Check:
    """Check that a zero-shot split's unseen classes exist and number what its name says."""
    unseen, classes = spec.zero_shot[name], len(spec.labels)
    remedy = f"correct data_pipelines/datasets/{spec.name}.py"
    faults = [f"class {k} is not one of 0 to {classes - 1}" for k in unseen if not 0 <= k < classes]
    if len(set(unseen)) != len(unseen):
        faults.append("a class is there twice")
    if said_sizes(name) not in (None, (classes - len(unseen), len(unseen))):
        faults.append(f"has {len(unseen)} unseen classes of {classes}")
    if faults:
        return Check(f"split {name}", "", faults, remedy=remedy)
    empty = [spec.labels[k] for k in unseen if k not in index.label]
    summary = [f"{len(unseen)} unseen classes of {classes}"]
    if empty:
        summary.append(f"there is no sample of {', '.join(map(repr, empty))}")
    summary.append(f"digest {split_digest(spec.labels, unseen)}")
    return Check(f"split {name}", "; ".join(summary), partial=bool(empty))
