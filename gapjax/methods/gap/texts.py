"""The texts of GAP: those of the classes, those of the heads, and which of several a step takes."""

from collections.abc import Iterable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from data_pipelines.errors import UserError
from gapjax.methods import Context, EncodeText
from gapjax.methods.gap.options import Options
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.part_states import nearest_states
from gapjax.prompts.strings import global_strings, movement_strings, part_variants
from gapjax.text import string_table
from gapjax.text.encoder import LoadedText

# The deviation of a learned prompt's initial values, as in CoOp (Zhou et al., IJCV 2022).
PROMPT_SCALE = 0.02


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


def make_tables(
    context: Context, options: Options, parts: Sequence[str]
) -> tuple[LoadedText | None, dict[str, string_table.TextTable]]:
    """Return the text encoder that steps need, if any, and the tables of `head_strings`.

    Steps encode strings if the text encoder is trained, or a prompt before them is learned.

    Raises:
        UserError: the text encoder does not read a prompt of that length before all strings.
    """
    needed = options.train_text or options.prompt_tokens
    text_encoder = context.load_text() if needed else None
    convert = text_encoder.tokenize if text_encoder else context.encode
    strings = head_strings(context.descriptions, options, parts, context.encode)
    tables = {name: string_table.make_table(rows, convert) for name, rows in strings.items()}
    if text_encoder and options.prompt_tokens:
        _check_prompt(text_encoder, tables.values(), options.prompt_tokens)
    return text_encoder, tables


def _check_prompt(
    text_encoder: LoadedText, tables: Iterable[string_table.TextTable], prompt_tokens: int
) -> None:
    """Raise UserError if a text encoder does not read a prompt before all strings."""
    if not text_encoder.width:
        raise UserError("method.prompt_tokens: this text.encoder takes no prompt; choose another")
    longest = max(table.rows.shape[1] for table in tables)
    limit = text_encoder.longest
    if limit is not None and longest + prompt_tokens > limit:
        raise UserError(
            f"method.prompt_tokens={prompt_tokens}: with the {longest} tokens of the longest text, "
            f"the text encoder reads at most {max(limit - longest, 0)} more"
        )


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
