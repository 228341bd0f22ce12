"""Descriptions of classes, read from YAML.

A file of descriptions (`texts/*.yaml`, or a user's own) has, for every class, its label, synonyms,
a paragraph, and the movement of each of the six parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import PARTS
from gapjax.registry import suggestion

TEXTS = Path(__file__).parent / "texts"
_FIELDS = ("label", "synonyms", "paragraph", "parts")


@dataclass(frozen=True)
class ClassText:
    """The description of a class.

    Attributes:
        label: the class's name.
        synonyms: other names.
        paragraph: a description of the whole action.
        parts: each of the six `PARTS` → its movement, a phrase that follows the part's name.
    """

    label: str
    synonyms: tuple[str, ...]
    paragraph: str
    parts: Mapping[str, str]


def load_texts(name_or_path: str, labels: Sequence[str]) -> tuple[ClassText, ...]:
    """Return the descriptions of a label set, in its order.

    Args:
        name_or_path: a file in `texts`, without its suffix, or the path of another file; or
            several joined by `+`, `nw_ucla+utd_mhad` or `nw_ucla+mine.yaml`, the path last: the
            first that describes a class counts, and the classes may come in any order.
        labels: the classes' names; a file may describe further classes after them.

    Raises:
        UserError: there is no such file, or it is invalid; the message names the file, the class
            and the field.
    """
    files, texts = _files(name_or_path), load_all(name_or_path)
    file, described = " + ".join(map(str, files)), [text.label for text in texts]
    for i, label in enumerate(labels):
        if described.count(label) > 1:
            raise UserError(f"{file}: class {label!r} is described {described.count(label)} times")
        if label not in described:
            raise UserError(
                f"{file}: class {label!r} is not described{suggestion(label, described)}"
            )
        if len(files) == 1 and described[i] != label:
            raise UserError(f"{file}: class {i} is {described[i]!r}, it should be {label!r}")
    return tuple(texts[described.index(label)] for label in labels)


def load_all(name_or_path: str) -> tuple[ClassText, ...]:
    """Return all descriptions of a file, or of several; see `load_texts`."""
    texts: list[ClassText] = []
    for file in _files(name_or_path):
        known = {text.label for text in texts}
        further = [_class_text(file, i, entry) for i, entry in enumerate(_entries(file))]
        texts += [text for text in further if text.label not in known]
    return tuple(texts)


def from_name(label: str) -> ClassText:
    """Return the description of a class made from its name.

    >>> from_name("wave").parts["hand"]
    'as in wave'
    """
    return ClassText(label, (label,), label, dict.fromkeys(PARTS, f"as in {label}"))


def _files(name_or_path: str) -> list[Path]:
    """Return the files joined by `+`, which the last path may contain, too."""
    first, _, others = name_or_path.partition("+")
    if others and (TEXTS / f"{first}.yaml").is_file():
        return [_find(first), *_files(others)]
    return [_find(name_or_path)]


def _find(name_or_path: str) -> Path:
    names = sorted(file.stem for file in TEXTS.glob("*.yaml"))
    if name_or_path in names:
        return TEXTS / f"{name_or_path}.yaml"
    file = Path(name_or_path).expanduser()
    if not file.is_file():
        hint = suggestion(name_or_path, names)
        raise UserError(
            f"no file of class descriptions {name_or_path!r}{hint} (there are: {', '.join(names)}; "
            "or give the path of your own)"
        )
    return file


def _entries(file: Path) -> list[Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{file} is not readable YAML: {reason}") from error
    if not isinstance(content, dict) or list(content) != ["classes"]:
        raise UserError(f"{file}: it should have one key, `classes`")
    if not isinstance(content["classes"], list) or not content["classes"]:
        raise UserError(f"{file}: `classes` should be a list of descriptions")
    return content["classes"]


def _class_text(file: Path, index: int, entry: Any) -> ClassText:
    where = f"{file}: class {index}"
    _require_keys(where, entry, _FIELDS)
    label = _text(f"{where}: label", entry["label"])
    where = f"{where} ({label})"
    _require_keys(f"{where}: parts", entry["parts"], PARTS)
    synonyms = entry["synonyms"]
    if not isinstance(synonyms, list) or not synonyms:
        raise UserError(f"{where}: synonyms should be a list of texts")
    return ClassText(
        label=label,
        synonyms=tuple(_text(f"{where}: synonyms", synonym) for synonym in synonyms),
        paragraph=_text(f"{where}: paragraph", entry["paragraph"]),
        parts={part: _text(f"{where}: parts: {part}", entry["parts"][part]) for part in PARTS},
    )


def _require_keys(where: str, value: Any, keys: Sequence[str]) -> None:
    if not isinstance(value, dict):
        raise UserError(f"{where} should have the fields {', '.join(keys)}")
    for key in keys:
        if key not in value:
            raise UserError(f"{where} lacks the field {key!r}")
    for key in value:
        if key not in keys:
            hint = suggestion(str(key), list(keys))
            raise UserError(f"{where} has an unknown field {key!r}{hint}")


def _text(where: str, value: Any) -> str:
    """Return a text on one line. YAML reads an unquoted yes, no or number as another type."""
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where} is {value!r}, it should be a text (in quotes if need be)")
    return " ".join(value.split())
