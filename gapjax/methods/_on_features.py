"""What the zero-shot baselines share: pooled features, embedded classes, a score for each pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from gapjax.methods._base import EncodeText, Text, Variables
from gapjax.methods._inference import Embeddings, Inference, Outputs
from gapjax.methods._seen_classes import among, seen_classes
from gapjax.nn.losses import normalize
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.strings import global_strings, word_strings
from gapjax.text.embedding_cache import mean_of_each

# The name of a text, `label`, `verb` or `noun` → its embedding for each class, of unit length.
Words = dict[str, Float[np.ndarray, "k e"]]
Rows = Mapping[str, Float[Array, "k e"]]


@dataclass(frozen=True)
class OnFeatures:
    """A network on the pooled features of a frozen encoder, and on the texts of classes.

    Attributes:
        network: called as (features, texts); its method `score` has those arguments, too.
        text: the embeddings of all classes.
        unseen: the indices of the classes without training samples.
    """

    network: nn.Module
    text: Words
    unseen: tuple[int, ...]

    def prepare_text(self) -> Text:
        """Return the embeddings of the classes."""
        return self.text

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b t v d"]) -> Variables:
        """Return freshly initialized variables."""
        fresh = jax.jit(self.network.init)(rng, pooled(clips), self.text)
        return {"params": fresh["params"], "batch_stats": {}}

    def predict(
        self, variables: Variables, clips: Float[Array, "b t v d"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the scores of the classes."""
        params = {"params": variables["params"]}
        return self.network.apply(params, pooled(clips), text, method="score")

    def seen(self) -> Int[np.ndarray, " n"]:
        """Return the indices of the seen classes, ascending."""
        return seen_classes(len(next(iter(self.text.values()))), self.unseen)

    def among_seen(self, text: Text, labels: Int[Array, " b"]) -> tuple[Rows, Int[Array, " b"]]:
        """Return the rows of the seen classes, and labels as indices of these rows."""
        seen = self.seen()
        return jax.tree.map(lambda rows: rows[seen], text), among(seen, labels)


def pooled(features: Float[Array, "b t v d"]) -> Float[Array, "b d"]:
    """Return the mean over frames and joints, in float32."""
    return features.astype(jnp.float32).mean(axis=(1, 2))


def embed_class(
    texts: Sequence[ClassText], options: Mapping[str, Any], encode: EncodeText
) -> Words:
    """Return the embedding of the text that stands for each class, `options["class_text"]`.

    Raises:
        UserError: there is no such text.
    """
    return {"label": _unit(mean_of_each(global_strings(texts, options["class_text"]), encode))}


def embed_words(
    texts: Sequence[ClassText], options: Mapping[str, Any], encode: EncodeText
) -> Words:
    """Return the embeddings of the verb and of the noun of each class.

    Raises:
        UserError: a class has none.
    """
    del options
    verbs, nouns = zip(*word_strings(texts), strict=True)
    return {"verb": _unit(encode(verbs)), "noun": _unit(encode(nouns))}


def class_strings(texts: Sequence[ClassText], options: Any) -> list[list[str]]:
    """Return the strings by which classes must differ, of `embed_class`."""
    return global_strings(texts, options.class_text)


def any_classes(method: OnFeatures, options: Mapping[str, Any] | None = None) -> Inference:
    """Return the inference of a method that scores any classes with embeddings."""

    def apply(
        variables: Variables, clips: Float[Array, "b t v d"], embeddings: Embeddings
    ) -> Outputs:
        """Return the scores of the classes."""
        text = {name: jnp.asarray(rows) for name, rows in embeddings.items()}
        return {"score": method.predict(variables, clips, text)}

    return Inference(_params, apply, lambda _: method.text, options or {})


def _params(variables: Variables) -> Variables:
    return {"params": variables["params"]}


def _unit(rows: Float[np.ndarray, "k e"]) -> Float[np.ndarray, "k e"]:
    return np.asarray(normalize(jnp.asarray(rows)))
