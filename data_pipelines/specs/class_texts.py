"""Descriptions of classes in YAML: the format, which readers of both packages check.

    classes:
    - label: wave
      synonyms: [greet, beckon]                     optional, as all that follow
      paragraph: A person lifts a hand and waves.
      manual: arm rises, hand swings from side to side, arm lowers
      parts: {hand: swings from side to side, ...}  part of the body → its movement
      verb: wave                                    what is done, for methods that read words
      noun: hand                                    the object of it; else what of the body moves
    provenance: {model: ..., date: ...}             optional: where the texts are from

A class is asked for a field only by a method that reads it. Parts have the names that a partition
of the body has; a part `hand_arm` without a text of its own reads those of `hand` and `arm`. The
paragraph and a part's movement may be lists: several texts of the same, as a language model gives.
"""

import functools
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from data_pipelines.errors import DataError, UserError, suggestion
from data_pipelines.specs import wrong_file
from data_pipelines.specs.skeletons import PARTS, Partition, described_parts

_FIELDS = ("label", "synonyms", "paragraph", "manual", "parts", "verb", "noun")
# libyaml reads ten times faster; a PyYAML that was built without it has no such loader.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class MissingTextError(UserError):
    """A description lacks what a method reads; the message names the class and what it lacks."""


@dataclass(frozen=True)
class ClassText:
    """The description of a class.

    Attributes:
        label: the class's name.
        synonyms: other names, if any.
        paragraph: a description of the whole action; empty for none.
        parts: part of the body → its movement, a phrase that follows the part's name.
        verb: what is done, a word or phrase; empty for none.
        noun: the object of the action, or else what of the body it moves; empty for none.
        manual: the atomic movements of the action in their order, each a part and what it does,
            separated by commas; empty for none.
        others: the class as the further texts of lists describe it: the i-th of every list, which
            starts over where it is shorter than another.
    """

    label: str
    synonyms: tuple[str, ...]
    paragraph: str
    parts: Mapping[str, str]
    verb: str = ""
    noun: str = ""
    manual: str = ""
    others: tuple["ClassText", ...] = ()

    def variants(self) -> tuple["ClassText", ...]:
        """Return the descriptions of the class, each with one text of everything."""
        return (replace(self, others=()), *self.others)


def load(path: str | os.PathLike) -> tuple[ClassText, ...]:
    """Return the descriptions in a file; DataError names the file, the line and the class."""
    file = Path(path)
    wrong_file.refuse(file, empty=False)
    try:
        return _parsed(file, file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not readable YAML: {error}") from None


@functools.lru_cache(maxsize=16)
def _parsed(file: Path, text: str) -> tuple[ClassText, ...]:
    """Return the descriptions in a text, which a run asks for several times."""
    try:
        content = yaml.load(text, _LOADER)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{file} is not readable YAML: {error}") from None
    if not isinstance(content, dict) or set(content) - {"provenance"} != {"classes"}:
        raise DataError(f"{file}: it should have one key, `classes`, besides a `provenance`")
    if not isinstance(content["classes"], list) or not content["classes"]:
        raise DataError(f"{file}: `classes` should be a list of descriptions")
    texts = []
    for number, entry in enumerate(content["classes"]):
        try:
            texts.append(_class_text(f"class {number}", entry))
        except UserError as error:
            raise DataError(f"{file}: line {_line(text, number)}: {error}") from None
    return tuple(texts)


def _line(text: str, number: int) -> int:
    """Return the line of a class, from 1."""
    node: Any = yaml.compose(text, _LOADER)
    (classes,) = (value for key, value in node.value if key.value == "classes")
    return classes.value[number].start_mark.line + 1


def _class_text(where: str, entry: Any) -> ClassText:
    _check_keys(where, entry)
    label = _text(f"{where}: label", entry["label"])
    where, parts = f"{where} ({label})", entry.get("parts", {})
    synonyms = entry.get("synonyms", [])
    if not isinstance(synonyms, list):
        raise UserError(f"{where}: synonyms should be a list of texts")
    if not isinstance(parts, dict):
        raise UserError(f"{where}: parts should map names of parts to their movements")
    # The six parts come in their order, a body's own in that of the file.
    ordered = sorted(parts, key=lambda part: PARTS.index(part) if part in PARTS else len(PARTS))
    paragraphs = [""]
    if "paragraph" in entry:
        paragraphs = _variants(f"{where}: paragraph", entry["paragraph"])
    movements = {
        _text(f"{where}: the name of a part", part): _variants(
            f"{where}: parts: {part}", parts[part]
        )
        for part in ordered
    }
    manual, verb, noun = (
        _text(f"{where}: {field}", entry[field]) if field in entry else ""
        for field in ("manual", "verb", "noun")
    )
    first, *others = (
        ClassText(
            label=label,
            synonyms=tuple(_text(f"{where}: synonyms", synonym) for synonym in synonyms),
            paragraph=paragraphs[i % len(paragraphs)],
            parts={part: texts[i % len(texts)] for part, texts in movements.items()},
            verb=verb,
            noun=noun,
            manual=manual,
        )
        for i in range(max(map(len, (paragraphs, *movements.values()))))
    )
    return replace(first, others=tuple(others))


def _check_keys(where: str, entry: Any) -> None:
    if not isinstance(entry, dict):
        raise UserError(f"{where} should have the fields {', '.join(_FIELDS)}")
    if "label" not in entry:
        raise UserError(f"{where} lacks the field 'label'")
    for key in entry:
        if key not in _FIELDS:
            hint = suggestion(str(key), list(_FIELDS))
            raise UserError(f"{where} has an unknown field {key!r}{hint}")


def _variants(where: str, value: Any) -> list[str]:
    """Return the texts of a field: one, or a list of several."""
    if not isinstance(value, list):
        return [_text(where, value)]
    if not value:
        raise UserError(f"{where} is an empty list; give a text, or remove the field")
    return [_text(where, each) for each in value]


def _text(where: str, value: Any) -> str:
    """Return a text on one line. YAML reads an unquoted yes, no or number as another type."""
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where} is {value!r}, it should be a text (in quotes if need be)")
    return " ".join(value.split())


def of_labels(
    texts: Sequence[ClassText], labels: Sequence[str], file: str
) -> tuple[ClassText, ...]:
    """Return the descriptions of classes, in their order; DataError if one is not there once."""
    described = [text.label for text in texts]
    for label in labels:
        if described.count(label) > 1:
            raise DataError(f"{file}: class {label!r} is described {described.count(label)} times")
        if label not in described:
            hint = suggestion(label, described)
            raise DataError(f"{file}: class {label!r} is not described{hint}")
    return tuple(texts[described.index(label)] for label in labels)


def read_parts(part: str, text: ClassText) -> tuple[str, ...]:
    """Return the parts whose texts a part of a partition reads.

    That is its own, or those of the parts that its name joins.

    Raises:
        MissingTextError: the class does not describe them.
    """
    joined = (part,) if part in text.parts else _joined(part, text.parts)
    names = joined or described_parts(part)
    if not set(names) <= set(text.parts):
        reads = f", which reads the texts of {', '.join(names)}" if names != (part,) else ""
        there = f"describes {', '.join(text.parts)}" if text.parts else "has no parts"
        raise MissingTextError(
            f"no text describes the part {part!r}{reads}: class {text.label!r} {there}; describe "
            "them, or use a partition of described parts"
        )
    return names


def _joined(part: str, names: Collection[str]) -> tuple[str, ...]:
    """Return the names, which may contain `_` themselves, that a part's name joins by `_`."""
    for name in names:
        if part == name:
            return (name,)
        rest = _joined(part.removeprefix(f"{name}_"), names) if part.startswith(f"{name}_") else ()
        if rest:
            return (name, *rest)
    return ()


def check_partitions(
    texts: Collection[ClassText], partitions: Mapping[str, Partition], file: str
) -> None:
    """Refuse descriptions with parts that lack those that a partition reads.

    Raises:
        DataError: names the file, the partition, the class and what it lacks.
    """
    for name, partition in partitions.items() if any(text.parts for text in texts) else ():
        for text in texts:
            for part in partition:
                try:
                    read_parts(part, text)
                except UserError as error:
                    raise DataError(f"{file}: parts {name!r} of dataset.yaml: {error}") from None
