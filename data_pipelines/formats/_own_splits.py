"""An official list of training and test samples: the column `split` of `samples.csv`.

The index has no such column: a sample's `setup` numbers the pairs of its setup and its word, and
the protocols that go by either are translated.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from data_pipelines.errors import DataError
from data_pipelines.parsers import samples
from data_pipelines.parsers.samples import Sample
from data_pipelines.specs.checked_yaml import Metadata

COLUMN = "split"

# A setup and a word of `split` → the number that stands for both.
_Numbers = Mapping[tuple[int, str], int]


def translated(
    metadata: Metadata, rows: Sequence[Sample], columns: Collection[str], table: str
) -> tuple[Metadata, list[Sample]]:
    """Return the metadata and the samples with a `setup` instead of a `split`.

    `train` and `test` (or else `val`) make the protocol `split`; where all three are there, `val`
    is tested by the protocol `split_val`. Other words need a protocol that names those that train.

    Raises:
        DataError: no protocol goes by the column, or one goes by words that are not there.
    """
    protocols = metadata.mapping("protocols")
    listed = [name for name, values in protocols.items() if _goes_by(values, COLUMN)]
    if COLUMN not in columns:
        if listed:
            fault = f"{listed[0]!r} goes by split, but {samples.FILE} has no column split; add it"
            raise metadata.error("protocols", fault)
        return metadata, list(rows)
    pairs = sorted({(row.column("setup"), row.split) for row in rows})
    numbers = {pair: number for number, pair in enumerate(pairs, 1)}
    words = {word for _, word in pairs} - {""}
    made = {name: _translated(metadata, name, protocols[name], numbers) for name in protocols}
    made = _automatic(words, numbers) | made
    if not listed and not made.keys() - protocols.keys():
        found = ", ".join(sorted(words)) or "no word"
        example = f"protocols: {{official: {{split: [{min(words, default='train')}]}}}}"
        advice = f"name in dataset.yaml those that train: {example}"
        raise DataError(f"{table}: the column split has {found}, not train and test; {advice}")
    values = {**metadata.values, "protocols": made}
    return dataclasses.replace(metadata, values=values), [_numbered(row, numbers) for row in rows]


def _goes_by(values: Any, column: str) -> bool:
    return isinstance(values, dict) and isinstance(values.get(column), list)


def _numbered(row: Sample, numbers: _Numbers) -> Sample:
    setup = numbers[row.column("setup"), row.split]
    return dataclasses.replace(row, metadata=(*row.metadata[:-1], setup))


def _automatic(words: Collection[str], numbers: _Numbers) -> dict[str, Any]:
    """Return the protocols that the usual words make."""
    if "train" not in words:
        return {}
    tests = {"test", "val"} & set(words) or set(words) - {"train"}
    both = tests == {"test", "val"}
    made = {"split": _protocol(numbers, {"train"}, {"test"} if both else tests)} if tests else {}
    return made | ({"split_val": _protocol(numbers, {"train"}, {"val"})} if both else {})


def _protocol(
    numbers: _Numbers, train: Collection[str], test: Collection[str] | None
) -> dict[str, list[int]]:
    """Return a protocol over `setup`; without `test`, all other words test."""
    sides = {"setup": [number for (_, word), number in numbers.items() if word in train]}
    others = {word for _, word in numbers} - set(train)
    tests = others - {""} if test is None else test
    if others != set(tests):
        sides["test"] = [number for (_, word), number in numbers.items() if word in tests]
    return sides


def _translated(metadata: Metadata, name: str, values: Any, numbers: _Numbers) -> Any:
    """Return a protocol of the metadata, over the new setups if it goes by the old or by words."""
    if _goes_by(values, "setup"):
        return values | {
            key: [new for (setup, _), new in numbers.items() if setup in values[key]]
            for key in ("setup", "test")
            if isinstance(values.get(key), list)
        }
    if not _goes_by(values, COLUMN):
        return values
    if set(values) != {COLUMN}:
        raise metadata.error("protocols", f"{name!r} should name split alone: {{split: [train]}}")
    train, there = list(map(samples.split_word, map(str, values[COLUMN]))), {w for _, w in numbers}
    for word in train:
        if word not in there:
            known = ", ".join(sorted(there - {""}))
            fault = f"{name!r} trains on {word!r}, which is no word of the column split ({known})"
            raise metadata.error("protocols", fault)
    return _protocol(numbers, train, None)
