"""`data.json`: which data the run of a working directory was trained on.

Converted data may be exchanged under a run. A network then names other classes than it was trained
on, so that whatever goes on with a run, or uses it, compares its data first.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_pipelines.errors import UserError
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.workdir import json_object

FILE = "data.json"

# What the inputs and outputs of a network mean.
MEANING = ("classes", "labels", "trained_on", "joints", "body", "coordinates", "protocol")
# Which samples it was trained on; `index` is of all samples, in their order.
SAMPLES = ("training_samples", "persons", "contents")
# The descriptions of its classes.
TEXTS = "descriptions"

# key → what messages call it; of a list, one item of it.
_NAMES = {
    "classes": "class",
    "labels": "score",
    "trained_on": "trained class",
    "joints": "joint",
    "training_samples": "the digest of training samples and their classes",
    "contents": "the digest of the joints' coordinates",
    "descriptions": "the digest of the classes' descriptions",
    "index": "the digest of all samples",
}

Facts = Mapping[str, Any]


def write(workdir: Path, facts: Facts) -> None:
    """Record the data of a working directory.

    Raises:
        UserError: the directory cannot be written.
        DiskError: the disk is full.
    """
    with writing(workdir), replacing_file(workdir / FILE, single_writer=True) as file:
        file.write((json.dumps(facts, indent=2, sort_keys=True) + "\n").encode())


def read(workdir: Path) -> Facts:
    """Return the recorded data of a working directory; empty if it is older than the file.

    Raises:
        UserError: the file is damaged.
    """
    return json_object.read(workdir / FILE, "choose another working directory")


def difference(there: Facts, here: Facts, keys: Iterable[str]) -> str:
    """Return the first difference between two records in words, or an empty string.

    What one of them does not know is not compared.

    >>> difference({"classes": ["wave", "kick"]}, {"classes": ["kick", "wave"]}, ["classes"])
    "class 0 is 'wave' there, 'kick' here"
    """
    here = json.loads(json.dumps(here))
    for key in keys:
        first, second = there.get(key), here.get(key)
        if None not in (first, second) and first != second:
            return _in_words(key, first, second)
    return ""


def check_same(workdirs: Sequence[Path]) -> None:
    """Refuse runs that were trained on data of different classes, bodies or protocols.

    Raises:
        UserError: names the first two that differ, and in what.
    """
    first = read(workdirs[0])
    for workdir in workdirs[1:]:
        different = difference(read(workdir), first, MEANING)
        if different:
            here = different.replace(" here", f" in {workdirs[0]}")
            raise UserError(f"{workdir} was trained on other data ({here})")


def _in_words(key: str, there: Any, here: Any) -> str:
    name = _NAMES.get(key, key)
    if isinstance(there, Sequence) and not isinstance(there, str):
        longest = max(len(there), len(here))
        first, second = ([*items, *["missing"] * (longest - len(items))] for items in (there, here))
        number = next(i for i in range(longest) if first[i] != second[i])
        return f"{name} {number} is {first[number]!r} there, {second[number]!r} here"
    if isinstance(there, Mapping):
        field = next(k for k in sorted({*there, *here}) if there.get(k) != here.get(k))
        return _in_words(f"{name}.{field}", str(there.get(field)), str(here.get(field)))
    shown = (str(value)[:40] for value in (there, here))
    return f"{name} is {' there, '.join(shown)} here"
