"""STAR after training: classes are told by texts that are an input, of whatever classes."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from gapjax.methods import Embeddings, EncodeText, Inference, Outputs, Variables
from gapjax.methods.star.losses import similarity
from gapjax.methods.star.network import StarNetwork
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.strings import global_strings, part_strings
from gapjax.registry import chosen

# What may stand for a class where it is recognised.
CLASS_TEXTS = ("label", "paragraph", "description")


def embed(
    texts: Sequence[ClassText], recipe: Mapping[str, Any], encode: EncodeText
) -> dict[str, Float[np.ndarray, "k ..."]]:
    """Return the embeddings of classes.

    Args:
        texts: what is written about the classes.
        recipe: `class_text` and `part_text` as in STAR's options, the names of the `parts` and the
            `scale` of all embeddings.
        encode: the text encoder.

    Returns:
        `label`, of shape [classes, embedding], and `part`, of [classes, parts, embedding].

    Raises:
        UserError: there is no such text.
    """
    parts = tuple(recipe["parts"])
    rows = encode([each for row in _descriptions(texts, parts, recipe) for each in row])
    names = global_strings(texts, chosen("method.class_text", recipe["class_text"], CLASS_TEXTS))
    label = encode([row[0] for row in names])
    scale = recipe["scale"]
    return {"label": scale * label, "part": scale * rows.reshape(len(label), len(parts), -1)}


def _descriptions(
    texts: Sequence[ClassText], parts: Sequence[str], recipe: Mapping[str, Any]
) -> list[list[str]]:
    """Return for every class the string of each part."""
    if tuple(parts) == ("global",):
        return global_strings(texts, "paragraph")
    return part_strings(texts, parts, recipe["part_text"])


def inference(
    network: StarNetwork,
    text: Embeddings,
    prompted: Bool[np.ndarray, " k"],
    recipe: Mapping[str, Any],
    score: str,
    parts: Sequence[str],
) -> Inference:
    """Return how a trained network recognises.

    The trained classes' semantic-part prompts become part of their texts, so that the network has
    none: what is left is the same for classes with prompts and without.

    Args:
        network: the network as it was trained.
        text: the embeddings of the classes that training knew.
        prompted: which of them have trained prompts.
        recipe: how further classes are embedded.
        score: one of STAR's `SCORES`.
        parts: the names of the parts whose similarity is given; none if it was not trained.
    """
    plain = network.clone(semantic_prompts="none")
    by_parts = score == "name_and_parts"

    def strip(variables: Variables) -> Variables:
        """Return the parameters without the prompts."""
        params = variables["params"]
        return {"params": {name: params[name] for name in params if name != "semantic"}}

    def words(variables: Variables) -> Embeddings:
        """Return the trained classes' texts, with their prompts."""
        if "semantic" not in variables["params"]:
            return dict(text)
        prompts = np.asarray(variables["params"]["semantic"]["prompts"])
        augmented = np.where(prompted[:, None, None], text["part"] + prompts, text["part"])
        return {**text, "part": augmented}

    def apply(
        variables: Variables, features: Float[Array, "b t v d"], words: Embeddings
    ) -> Outputs:
        """Return how alike clips and classes are, and their parts."""
        latents = plain.apply(variables, features, words["part"], words["label"])
        alike: Callable[[Array, Array], Array] = partial(similarity, how=network.similarity)
        by_name = alike(latents.whole, latents.label_text)
        by_part = jax.vmap(alike, in_axes=1, out_axes=2)(latents.part, latents.part_text)
        whole = (by_name + by_part.mean(axis=2)) / 2 if by_parts else by_name
        return {"score": whole, "part": by_part} if parts else {"score": whole}

    return Inference(strip, apply, words, recipe, tuple(parts))
