"""What recognition needs of a trained method, without what only its training needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from gapjax.methods._base import Variables

# Embeddings by name, each with one row a class; empty where the classes are those of training.
Words = Mapping[str, Float[Any, "k ..."]]

# What a method gives: `score` (b k) and, of a method that compares parts, `part` (b k p).
Outputs = dict[str, Float[Array, "b k ..."]]


def _no_words(variables: Variables) -> Words:
    del variables
    return {}


@dataclass(frozen=True)
class Inference:
    """How a trained method recognises; each module of `gapjax.methods` makes it by `inference`.

    Attributes:
        keep: what training left → the variables that recognition uses.
        apply: (those, clips, words) → outputs.
        words: what training left → the embeddings of the classes it knows; empty where classes are
            fixed.
        recipe: what the `embed` of the method's module embeds any other classes by, as JSON has it.
        parts: the parts of the output `part`, in order.
    """

    keep: Callable[[Variables], Variables]
    apply: Callable[[Variables, Float[Array, "b m t v c"], Words], Outputs]
    words: Callable[[Variables], Words] = _no_words
    recipe: Mapping[str, Any] = field(default_factory=dict)
    parts: Sequence[str] = ()


def of_network(network: nn.Module, keep: Callable[[Variables], Variables]) -> Inference:
    """Return the inference of a network that gives logits of fixed classes."""

    def apply(variables: Variables, clips: Float[Array, "b m t v c"], words: Words) -> Outputs:
        """Return the logits."""
        del words
        return {"score": network.apply(variables, clips, train=False)}

    return Inference(keep, apply)
