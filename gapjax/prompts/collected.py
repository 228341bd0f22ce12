"""All texts that answers or files give of a class, and the file of descriptions that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing


@dataclass(frozen=True)
class Collected:
    """The texts of a class; the i-th of each belong together.

    Attributes:
        label: the class.
        synonyms: of all answers; the label may be among them.
        paragraphs: one of each answer.
        parts: part of the body → one movement of each answer.
    """

    label: str
    synonyms: Sequence[str] = ()
    paragraphs: Sequence[str] = ()
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """Return the class as a file of descriptions has it (`data_pipelines.specs.class_texts`).

        >>> Collected("bow", ["Bow", "nod"], parts={"hip": ["bends", "bends"]}).entry()
        {'label': 'bow', 'synonyms': ['nod'], 'parts': {'hip': 'bends'}}
        """
        entry: dict[str, Any] = {"label": self.label}
        names: dict[str, str] = {}
        for name in self.synonyms:
            names.setdefault(name.lower(), name)
        names.pop(self.label.lower(), None)
        if names:
            entry["synonyms"] = list(names.values())
        if self.paragraphs:
            entry["paragraph"] = _one_or_several(self.paragraphs)
        if self.parts:
            entry["parts"] = {part: _one_or_several(texts) for part, texts in self.parts.items()}
        return entry


def _one_or_several(texts: Sequence[str]) -> str | list[str]:
    return texts[0] if len(set(texts)) == 1 else list(texts)


def write(file: Path, classes: Sequence[Collected], provenance: Mapping[str, Any]) -> bytes:
    """Write a file of descriptions, whole or not at all, and return its content.

    Args:
        file: a YAML file.
        classes: the classes, in any order.
        provenance: where the texts are from.

    Raises:
        UserError, DiskError: it cannot be written.
    """
    content = {"provenance": dict(provenance), "classes": [each.entry() for each in classes]}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    with writing(file, "choose another --out"), replacing_file(file, single_writer=True) as stream:
        stream.write(text.encode())
    return text.encode()
