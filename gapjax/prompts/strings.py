"""The strings that a method encodes, made from the descriptions of classes.

One table lists the strings about the whole action, another those about a body part. A class whose
description has several texts of the same has as many strings.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NoReturn

from data_pipelines.specs.class_texts import ClassText, MissingTextError, read_parts
from data_pipelines.specs.skeletons import PARTS
from gapjax.registry import chosen

# The label with a prefix, in a cloze, and with a suffix, as Figure 4 of GAP has them.
TEMPLATES = (
    "{}, a video of action",
    "{}, this is an action",
    "This is {}, a video of action",
    "Human action of {}",
    "Playing a kind of action, {}",
)

# Strings for the whole action: recipe → all strings that may stand for a class.
GLOBAL: Mapping[str, Callable[[ClassText], list[str]]] = {
    "label": lambda text: [text.label],
    "template": lambda text: [template.format(text.label) for template in TEMPLATES],
    # A method draws one of these for each sample and step (facts A.3, A.4).
    "synonym": lambda text: [text.label, *text.synonyms],
    "paragraph": lambda text: _of_variants(text, _paragraph),
    "manual": lambda text: [_plain(text.label, [text.manual or _refuse(text, "manual")])],
    "description": lambda text: _of_variants(text, lambda one: _plain(one.label, _movements(one))),
}

# A recipe that reads no description: the label and the states of body parts that it is near to.
PART_STATES = "part_states"
FindStates = Callable[[Sequence[str]], Sequence[Sequence[str]]]


def _of_variants(text: ClassText, make: Callable[[ClassText], str]) -> list[str]:
    """Return the distinct strings that a class's descriptions make."""
    return list(dict.fromkeys(make(one) for one in text.variants()))


def _paragraph(text: ClassText) -> str:
    return text.paragraph or _refuse(text, "paragraph")


def _movements(text: ClassText) -> list[str]:
    return [_movement(text, part) for part in text.parts] or _refuse(text, "parts")


def _movement(text: ClassText, part: str) -> str:
    """Return what a part does, a phrase that starts with the part's name."""
    return f"{part.replace('_', ' ')} {text.parts[part]}"


def _refuse(text: ClassText, field: str) -> NoReturn:
    raise MissingTextError(
        f"class {text.label!r} has no {field} in its description, which this config reads: add "
        f"`{field}` to the file of descriptions (text.file, `texts` in dataset.yaml, or "
        "--descriptions of gapjax.classify)"
    )


def _plain(label: str, movements: Sequence[str]) -> str:
    return ", ".join((label, *movements))


def _released(label: str, movements: Sequence[str]) -> str:
    """Return the string as released code joins it (facts A.4).

    A comma and a space separate fields, but no space follows the comma before the head's, and no
    comma precedes the hand's. A period follows the foot's, the last of a line.
    """
    first = movements[0]
    joint = {"head": ",", "hand": " "}.get(first.split()[0], ", ")
    return f"{label}{joint}{', '.join(movements)}{_end(movements)}"


def _star_released(label: str, movements: Sequence[str]) -> str:
    """Return the string as STAR's release joins it (facts D.3): "label, Head: Tilts ...".

    The release has six parts; where a part is several of them, each has its head. A period follows
    the foot's, the last of a line.
    """
    fields = []
    for part, _, movement in (each.partition(" ") for each in movements):
        fields.append(f"{part.capitalize()}: {movement[:1].upper()}{movement[1:]}")
    return f"{', '.join((label, *fields))}{_end(movements)}"


def _end(movements: Sequence[str]) -> str:
    """Return the period that released code has after the foot's movement."""
    return "." if movements[-1].split()[0] == PARTS[-1] else ""


# Strings for a body part: style → the string of (label, movements).
PART: Mapping[str, Callable[[str, Sequence[str]], str]] = {
    "plain": _plain,
    "released": _released,
    "star_released": _star_released,
}


def global_strings(
    texts: Sequence[ClassText],
    recipe: str,
    states: FindStates | None = None,
) -> list[list[str]]:
    """Return for every class the strings that stand for the whole action.

    Args:
        texts: the classes.
        recipe: one of `GLOBAL`, or several joined by `+`, of which each has as many strings:
            `label`, `template` (the label in each of `TEMPLATES`), `synonym` (the label and its
            synonyms), `paragraph`, `manual` (the label and the atomic movements of the action), or
            `description` (the label and the movements of all parts). With `states`, `part_states`
            is another: the label and its states.
        states: labels → the part states of each (`gapjax.prompts.part_states`).

    Raises:
        UserError: there is no such recipe, or a class lacks what it reads (MissingTextError).
    """
    known = [*GLOBAL, PART_STATES] if states else GLOBAL
    names = [chosen("method.global_text", name, known) for name in recipe.split("+")]
    columns = [_of_recipe(texts, name, states) for name in names]
    return [_mixed(rows) for rows in zip(*columns, strict=True)]


def _of_recipe(texts: Sequence[ClassText], name: str, states: FindStates | None) -> list[list[str]]:
    """Return for every class the strings of one recipe."""
    if states and name == PART_STATES:
        labels = [text.label for text in texts]
        return [[_plain(*row)] for row in zip(labels, states(labels), strict=True)]
    return [GLOBAL[name](text) for text in texts]


def _mixed(rows: Sequence[list[str]]) -> list[str]:
    """Return the strings of all rows, repeated so that each row has as many.

    >>> _mixed([["sip", "gulp"], ["She drinks."]])
    ['sip', 'gulp', 'She drinks.', 'She drinks.']
    """
    most = math.lcm(*map(len, rows))
    return [string for row in rows for string in row * (most // len(row))]


def word_strings(texts: Sequence[ClassText]) -> list[list[str]]:
    """Return for every class its verb and its noun.

    Raises:
        UserError: a class has none.
    """
    return [[_word(text, "verb"), _word(text, "noun")] for text in texts]


def _word(text: ClassText, field: str) -> str:
    return getattr(text, field) or _refuse(text, field)


def movement_strings(texts: Sequence[ClassText]) -> list[list[str]]:
    """Return for every class the strings of each of the parts that its text describes.

    Raises:
        MissingTextError: a class describes no part.
    """
    return [
        list(
            dict.fromkeys(
                _plain(text.label, [movement])
                for one in text.variants()
                for movement in _movements(one)
            )
        )
        for text in texts
    ]


def part_strings(texts: Sequence[ClassText], parts: Sequence[str], style: str) -> list[list[str]]:
    """Return for every class one string, the first, for each part; see `part_variants`."""
    return [[row[0] for row in rows] for rows in part_variants(texts, parts, style)]


def part_variants(
    texts: Sequence[ClassText], parts: Sequence[str], style: str
) -> list[list[list[str]]]:
    """Return for every class, and for each part of a partition, all strings that may stand for it.

    Args:
        texts: the classes.
        parts: the parts' names in a `Skeleton.partitions`, such as `hand_arm` or `upper`.
        style: one of `PART`: `plain` ("label, hand ..., arm ..."), or `released` and
            `star_released`, as the code of GAP and of STAR joins them.

    Raises:
        UserError: there is no such style, or a class does not describe a part.
    """
    join = PART[chosen("method.part_text", style, PART)]

    def make(text: ClassText, part: str) -> str:
        """Return the string of a part, which may join several movements."""
        return join(text.label, [_movement(text, name) for name in read_parts(part, text)])

    return [[_of_variants(text, partial(make, part=part)) for part in parts] for text in texts]
