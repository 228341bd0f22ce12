"""STAR as a method: its losses, its scores, and how it is built."""

from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from gapjax.methods import Context, LossOut, Text, Variables
from gapjax.methods._seen_classes import among, seen_classes
from gapjax.methods.star.losses import (
    global_loss,
    part_loss,
    semantic_loss,
    similarity,
)
from gapjax.methods.star.network import Latents, StarNetwork
from gapjax.methods.star.options import TEXT_SCALES, Options
from gapjax.methods.star.texts import embed, embed_options, joints_of
from gapjax.nn.adoption import adopt


@dataclass(frozen=True)
class Star:
    """The method STAR.

    Attributes:
        network: the network that is trained.
        options: the options of the method.
        text: the embeddings of all classes: `label` (k e) and `part` (k p e).
        unseen: the indices of the classes without training samples.
        published: variables to start from.
        scale: the factor between the text encoder's embeddings and `text`.
    """

    network: StarNetwork
    options: Options
    text: dict[str, Float[np.ndarray, "..."]]
    unseen: tuple[int, ...]
    published: Variables = field(default_factory=dict)
    scale: float = 1.0

    def prepare_text(self) -> Text:
        """Return the embeddings of the classes."""
        return self.text

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b t v d"]) -> Variables:
        """Return freshly initialized variables."""
        text = jax.tree.map(jnp.asarray, self.text)
        fresh = jax.jit(self.network.init)(rng, clips, text["part"], text["label"])
        return {"params": adopt(fresh, self.published)["params"], "batch_stats": {}}

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b t v d"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return Eq. 8: the weighted sum of the part, semantic and global losses."""
        del keys
        params = {"params": variables["params"]}
        latents = self.network.apply(params, clips, text["part"], text["label"])
        seen = self._seen()
        seen, labels = jnp.asarray(seen), among(seen, labels)
        losses = self._losses(latents, seen, labels)
        weights = {
            "part": self.options.part_weight,
            "semantic": self.options.semantic_weight,
            "global": self.options.global_weight,
        }
        total = sum(weight * losses[name] for name, weight in weights.items())
        scores = similarity(latents.whole, latents.label_text[seen], self.options.similarity)
        accuracy = (scores.argmax(axis=1) == labels).mean()
        return LossOut(total, {}, {"loss": total, "accuracy": accuracy, **losses})

    def predict(
        self, variables: Variables, clips: Float[Array, "b t v d"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the similarity of clips and classes (`Options.score`)."""
        apply = partial(self.network.apply, {"params": variables["params"]}, clips)
        if self.options.score == "name":
            return apply(text["label"], method="score")
        return apply(text["part"], text["label"], self.prompted(), method="score_with_parts")

    def prompted(self) -> Bool[np.ndarray, " k"]:
        """Return which classes have trained semantic-part prompts."""
        classes = np.arange(len(self.text["label"]))
        trains_all = self.options.semantic_classes == "all" and self.options.semantic_weight > 0
        return np.isin(classes, classes if trains_all else self._seen())

    def _seen(self) -> Int[np.ndarray, " n"]:
        """Return the indices of the seen classes, ascending."""
        return seen_classes(len(self.text["label"]), self.unseen)

    def _losses(
        self, latents: Latents, seen: Int[Array, " n"], labels: Int[Array, " b"]
    ) -> dict[str, Float[Array, ""]]:
        """Return the three losses; `labels` are indices in `seen`."""
        names, parts, kind = latents.label_text, latents.part_text, self.options.similarity
        semantic = seen if self.options.semantic_classes == "seen" else slice(None)
        return {
            "part": part_loss(latents.part, parts[seen], labels, kind).mean(),
            "semantic": semantic_loss(parts[semantic], names[semantic]).mean(),
            "global": global_loss(latents.whole, names[seen], labels, kind).mean(),
        }


def build(context: Context, options: Options) -> Star:
    """Return the method of an experiment.

    Raises:
        UserError: the skeleton has no such partition, or a description is missing.
    """
    parts = joints_of(options.partition, context.skeleton)
    text = embed(context.descriptions, embed_options(options, parts), context.encode)
    network = StarNetwork(
        parts=tuple(parts.values()),
        size=text["label"].shape[1],
        attributes=options.attributes,
        heads=options.heads,
        pooling=options.pooling,
        attribute_prompts=options.attribute_prompts,
        semantic_prompts=options.semantic_prompts,
        semantic_prompt_scale=options.semantic_prompt_scale,
        similarity=options.similarity,
    )
    seen = seen_classes(len(text["label"]), context.unseen)
    factor = TEXT_SCALES[options.text_scale](text["part"][seen])
    text = {name: factor * rows for name, rows in text.items()}
    unseen = tuple(context.unseen)
    return Star(network, options, text, unseen, context.published, factor)
