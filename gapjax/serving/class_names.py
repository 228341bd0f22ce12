"""The classes that a user names, matched with those that a bundle knows."""

import difflib
from collections.abc import Iterator, Mapping, Sequence

from data_pipelines.errors import UserError
from gapjax.prompts.descriptions import ClassText, load_all
from gapjax.registry import suggestion

# Names at least this alike may be the same name with a slip.
_ALIKE = 0.8


def folded(name: str) -> str:
    """Return a name without case, and with one space for spaces, underscores and hyphens.

    >>> folded("Fall_Down"), folded("fall-down ")
    ('fall down', 'fall down')
    """
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def known_as(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that a name is, whatever its case and separators; None for another."""
    if name in known:
        return name
    return next((other for other in known if folded(other) == folded(name)), None)


def requested_classes(
    classes: str | None, descriptions: str, labels: Sequence[str] = ()
) -> tuple[list[str], dict[str, ClassText]]:
    """Return the requested classes, and the descriptions of a file by class.

    A class of the bundle has the bundle's name, however it is written.

    Args:
        classes: names separated by semicolons; None for those in `descriptions`.
        descriptions: a file of descriptions, or "".
        labels: the classes of the bundle.

    Raises:
        UserError: a name is repeated or not described in the file, or there is none.
    """
    described = {text.label: text for text in load_all(descriptions)} if descriptions else {}
    split = list(described) if classes is None else classes.split(";")
    wanted = [name for name in (" ".join(text.split()) for text in split) if name]
    if not wanted:
        raise UserError('--classes names no class; write --classes="wave; fall down"')
    names = [known_as(name, labels) or name for name in wanted]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--classes names {name!r} twice")
    return names, dict(_texts(wanted, names, described, descriptions))


def _texts(
    wanted: Sequence[str], names: Sequence[str], described: Mapping[str, ClassText], file: str
) -> Iterator[tuple[str, ClassText]]:
    """Yield the name and the description of every class, if any are described."""
    for written, name in zip(wanted, names, strict=True) if described else ():
        title = known_as(written, list(described))
        if title is None:
            hint = suggestion(written, list(described))
            raise UserError(f"{file}: class {written!r} is not described{hint}")
        yield name, described[title]


def doubts(names: Sequence[str], labels: Sequence[str]) -> Iterator[str]:
    """Yield hints for names that are none of the bundle's, but may be meant to be."""
    for name in names:
        if name in labels:
            continue
        if "," in name:
            yield f"{name!r} is one class; separate several by semicolons: {_separated(name)}"
        spellings = {folded(label): label for label in labels}
        close = difflib.get_close_matches(folded(name), list(spellings), 1, _ALIKE)
        if close:
            yield (
                f"{name!r} is none of the bundle's classes, and is described by its name or file; "
                f"did you mean {spellings[close[0]]!r}?"
            )


def _separated(name: str) -> str:
    parts = "; ".join(" ".join(part.split()) for part in name.split(",") if part.strip())
    return f'--classes="{parts}"'
