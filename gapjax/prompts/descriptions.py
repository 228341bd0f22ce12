"""Descriptions of classes: gapjax's own, in `texts/*.yaml`, and those of users.

`data_pipelines.specs.class_texts` has the format.
"""

from collections.abc import Sequence
from pathlib import Path

from data_pipelines.errors import UserError
from data_pipelines.specs import class_texts
from data_pipelines.specs.class_texts import ClassText
from data_pipelines.specs.skeletons import PARTS, described_parts
from gapjax.registry import suggestion

TEXTS = Path(__file__).parent / "texts"


def load_texts(name_or_path: str, labels: Sequence[str]) -> tuple[ClassText, ...]:
    """Return the descriptions of a label set, in its order.

    Args:
        name_or_path: a file in `texts`, without its suffix, or the path of another file; or
            several joined by `+`, `nw_ucla+utd_mhad` or `nw_ucla+mine.yaml`, the path last: the
            first that describes a class counts.
        labels: the classes' names; a file may describe others, too, in any order.

    Raises:
        UserError: there is no such file, or it is invalid; the message names the file, the class
            and the field.
    """
    return class_texts.of_labels(load_all(name_or_path), labels, file_names(name_or_path))


def file_names(name_or_path: str) -> str:
    """Return the paths of the files, joined by ` + `, that `load_texts` reads."""
    return " + ".join(map(str, _files(name_or_path)))


def load_all(name_or_path: str) -> tuple[ClassText, ...]:
    """Return all descriptions of a file, or of several; see `load_texts`."""
    texts: list[ClassText] = []
    for file in _files(name_or_path):
        known = {text.label for text in texts}
        texts += [text for text in class_texts.load(file) if text.label not in known]
    return tuple(texts)


def from_name(label: str, parts: Sequence[str] = PARTS) -> ClassText:
    """Return the description of a class made from its name.

    Args:
        label: the name.
        parts: the names of the parts of a partition; `global`, the whole body, is none.

    >>> from_name("wave").parts["hand"]
    'as in wave'
    """
    names: dict[str, None] = {}
    as_in = f"as in {label}"
    for part in [part for part in parts if part != "global"] or PARTS:
        covered = described_parts(part)
        names |= dict.fromkeys(covered if set(covered) <= set(PARTS) else (part,))
    parts_text = dict.fromkeys(names, as_in)
    return ClassText(label, (label,), label, parts_text, verb=label, noun=label, manual=as_in)


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
