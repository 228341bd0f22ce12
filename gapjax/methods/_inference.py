"""The inference of a trained method, without what only training needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Array, Float

from gapjax.methods._base import Variables
from gapjax.nn.heads import Recognizer

# The embeddings of classes by name, one row per class; empty for a method of fixed classes.
Embeddings = Mapping[str, Float[Any, "k ..."]]

# `score` (b k) and, for a method that compares parts, `part` (b k p); of `MethodSpec.alignment`,
# `whole` (b a) and `part` (b p a).
Outputs = dict[str, Float[Array, "b ..."]]

# (stripped variables, clips) → the features of the skeleton encoder, the persons merged into one.
Encode = Callable[[Variables, Float[Array, "b m t v c"]], Float[Array, "b t2 v d"]]


def _no_embeddings(variables: Variables) -> Embeddings:
    del variables
    return {}


@dataclass(frozen=True)
class Inference:
    """How a trained method recognizes clips.

    Attributes:
        strip: (trained variables) → the variables that inference uses.
        apply: (stripped variables, clips, embeddings of classes) → outputs.
        embeddings: (trained variables) → the embeddings of the training classes.
        embed_options: the JSON-serializable options of `MethodSpec.embed` for any other classes.
        parts: the names of the parts of the output `part`, in order.
        fits: whether `strip` fits something to the texts of the training classes.
        encode: the skeleton encoder; None for a method that learns from features, or without one.
    """

    strip: Callable[[Variables], Variables]
    apply: Callable[[Variables, Float[Array, "b ..."], Embeddings], Outputs]
    embeddings: Callable[[Variables], Embeddings] = _no_embeddings
    embed_options: Mapping[str, Any] = field(default_factory=dict)
    parts: Sequence[str] = ()
    fits: bool = False
    encode: Encode | None = None


def fixed_classes(network: Recognizer, strip: Callable[[Variables], Variables]) -> Inference:
    """Return the inference of a network whose outputs are the logits of fixed classes."""

    def apply(
        variables: Variables, clips: Float[Array, "b m t v c"], embeddings: Embeddings
    ) -> Outputs:
        """Return the logits."""
        del embeddings
        return {"score": network.apply(variables, clips, train=False)}

    def encode(variables: Variables, clips: Float[Array, "b m t v c"]) -> Float[Array, "b t2 v d"]:
        """Return the features."""
        return network.apply(variables, clips, method=network.encode)

    return Inference(strip, apply, encode=encode)
