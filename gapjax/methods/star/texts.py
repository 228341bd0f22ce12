"""The texts of STAR: the parts of a body, their descriptions, and the embeddings of classes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from data_pipelines.specs.skeletons import Skeleton
from gapjax.methods import EncodeText, joints_of_parts
from gapjax.methods.star.options import Options
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.strings import global_strings, movement_strings, part_variants
from gapjax.text.embedding_cache import mean_of_each


def joints_of(partition: str, skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
    """Return the joints of each part of a partition, by the parts' names.

    Raises:
        UserError: the skeleton has no such partition.
    """
    if partition == "global":
        return {"global": tuple(range(skeleton.num_joints))}
    return joints_of_parts(skeleton, partition, ("global",))


def embed_options(options: Options, parts: Iterable[str], scale: float = 1.0) -> dict[str, Any]:
    """Return the options of `embed` for a trained STAR, JSON-serializable."""
    texts = {"class_text": options.class_text, "part_text": options.part_text}
    return {**texts, "parts": list(parts), "scale": scale}


def class_strings(descriptions: Sequence[ClassText], options: Options) -> list[list[str]]:
    """Return the strings by which classes must differ: those that scores compare a clip with."""
    whole = global_strings(descriptions, options.class_text)
    if options.score == "name":
        return whole
    parts = movement_strings(descriptions)
    return [[*first, *second] for first, second in zip(whole, parts, strict=True)]


def embed(
    descriptions: Sequence[ClassText], options: Mapping[str, Any], encode: EncodeText
) -> dict[str, Float[np.ndarray, "k ..."]]:
    """Return the embeddings of classes; the mean of those of several texts of the same.

    Args:
        descriptions: the descriptions of the classes.
        options: from `embed_options`: `class_text` and `part_text` as in `Options`, the names of
            the `parts`, and the `scale` of all embeddings.
        encode: the text encoder.

    Returns:
        `label`, of shape [classes, embedding], and `part`, of [classes, parts, embedding].

    Raises:
        UserError: there is no such text.
    """
    parts, scale = tuple(options["parts"]), options["scale"]
    part_rows = _part_strings(descriptions, parts, options["part_text"])
    part = mean_of_each([row for rows in part_rows for row in rows], encode)
    label = mean_of_each(global_strings(descriptions, options["class_text"]), encode)
    return {"label": scale * label, "part": scale * part.reshape(len(label), len(parts), -1)}


def _part_strings(
    descriptions: Sequence[ClassText], parts: Sequence[str], style: str
) -> list[list[list[str]]]:
    """Return the strings of each part, for every class."""
    if tuple(parts) == ("global",):
        return [[row] for row in global_strings(descriptions, "paragraph")]
    return part_variants(descriptions, parts, style)
