"""The texts of GAP: those of the classes, those of the heads, and which of several a step takes."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from gapjax.methods import EncodeText
from gapjax.methods.gap.options import Options
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.part_states import nearest_states
from gapjax.prompts.strings import global_strings, movement_strings, part_variants
from gapjax.text import string_table


def class_strings(descriptions: Sequence[ClassText], options: Options) -> list[list[str]]:
    """Return the strings by which classes must differ: of the whole body and of its parts."""
    whole = [[] for _ in descriptions]
    if options.global_text != "none":
        # Part states are found by the label, so classes differ by it alone.
        whole = global_strings(descriptions, options.global_text, lambda labels: [()] * len(labels))
    if options.partition == "global":
        return whole
    parts = movement_strings(descriptions)
    return [[*first, *second] for first, second in zip(whole, parts, strict=True)]


def head_strings(
    descriptions: Sequence[ClassText],
    options: Options,
    parts: Sequence[str],
    encode: EncodeText,
) -> dict[str, list[list[str]]]:
    """Return the strings that each head may be compared to.

    Args:
        descriptions: the descriptions of the classes.
        options: the options of the method.
        parts: the names of the parts; none for no part heads.
        encode: the frozen text encoder, which finds part states.

    Returns:
        `global`, with a row for each class, and `parts`, with a row for each part of each class.
    """
    strings, texts = {}, descriptions
    if options.several_texts == "first":
        texts = [text.variants()[0] for text in texts]
    if options.global_text != "none":
        nearest = partial(nearest_states, encode=encode, count=options.part_states)
        strings["global"] = global_strings(texts, options.global_text, nearest)
    if parts:
        rows = part_variants(texts, parts, options.part_text)
        strings["parts"] = [row for of_class in rows for row in of_class]
    return strings


def draw_parts(
    table: string_table.TextTable, parts: int, labels: Int[Array, " b"], keys: Key[Array, " b"]
) -> Int[Array, "b p"]:
    """Return for every sample and part the index of one of its strings, uniformly at random.

    Args:
        table: with `parts` rows for each class, from `head_strings`.
        parts: how many parts there are.
        labels: the classes of the samples.
        keys: the samples' keys, by which a string of the whole body is drawn as well.
    """
    rows = labels[:, None] * parts + jnp.arange(parts)[None]
    if table.ids.shape[1] == 1:
        return jnp.asarray(table.ids)[rows, 0]
    split = jax.vmap(lambda key: jax.random.split(jax.random.fold_in(key, 1), parts))
    drawn = string_table.draw(table, rows.reshape(-1), split(keys).reshape(-1))
    return drawn.reshape(rows.shape)
