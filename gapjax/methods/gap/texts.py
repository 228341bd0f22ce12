"""The strings by which the classes of a run of GAP must differ."""

from collections.abc import Sequence

from gapjax.methods.gap.method import Options
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.strings import global_strings, movement_strings


def class_strings(descriptions: Sequence[ClassText], options: Options) -> list[list[str]]:
    """Return the strings of every class: of the whole body and of its parts."""
    whole = [[] for _ in descriptions]
    if options.global_text != "none":
        whole = global_strings(descriptions, options.global_text)
    if options.partition == "global":
        return whole
    parts = movement_strings(descriptions)
    return [[*first, *second] for first, second in zip(whole, parts, strict=True)]
