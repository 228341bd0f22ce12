"""STAR: fine-grained side information guided dual-prompts (Chen et al., ACM MM 2024).

Features of a frozen skeleton encoder are aligned, part by part, with descriptions of how each part
moves; an unseen class is recognised by its name alone (Eq. 1-9, facts D.3, D.4).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from data_pipelines.specs.skeletons import Skeleton
from gapjax.methods import (
    Context,
    Inference,
    LossOut,
    MethodSpec,
    Text,
    Variables,
    joints_of_parts,
)
from gapjax.methods.star import inference as star_inference
from gapjax.methods.star.inference import embed
from gapjax.methods.star.losses import (
    SIMILARITIES,
    global_loss,
    part_loss,
    semantic_loss,
    similarity,
)
from gapjax.methods.star.network import Latents, StarNetwork, from_torch
from gapjax.nn.heads import adopt
from gapjax.registry import chosen

# `from_torch` reads a published STAR, `embed` embeds further classes.
__all__ = ["METHOD", "Options", "Star", "build", "embed", "from_torch", "inference"]

# How embeddings are scaled before anything else: arrays → the factor.
TEXT_SCALES: dict[str, Callable[[np.ndarray], float]] = {
    "encoder": lambda _: 1.0,
    "unit": lambda text: 1.0 / float(np.sqrt(np.square(text).mean())),
}

# How clips and classes are compared where clips are recognised: by names, or by parts as well.
SCORES = ("name", "name_and_parts")

# The classes among which each class's parts should find its name (Eq. 6).
SEMANTIC_CLASSES = ("seen", "all")


@dataclass(frozen=True)
class Options:
    """The choices of STAR (docs/fidelity.md says where paper and release differ).

    Attributes:
        partition: a partition of the skeleton (`2`, `4`, `6`, ...), or `global`: one part, the
            whole body, described by the class's paragraph.
        class_text: what stands for a class where it is recognised (F_cn): its `label`, as in the
            paper, its `paragraph`, or its `description`, the label with the movements of all parts.
        part_text: how a part's string is written (`prompts.PART`).
        text_scale: `encoder`, as it gives the text (CLIP is near one in each dimension), or `unit`:
            divided by the seen classes' root mean square, so that prompts, which start at one, do
            not drown it.
        attributes: m, the attributes of each part and the size of the shared space.
        heads: attention heads; 8 in the paper, 4 as released.
        pooling: `attention`, or `mean` for the ablation without it.
        attribute_prompts: visual-attribute prompts: `learnt`, or `none`.
        semantic_prompts: semantic-part prompts: `learnt`, or `none`.
        semantic_prompt_scale: the standard deviation that semantic-part prompts start with: 1 as
            released, where they drown the text unless its scale is larger.
        similarity: `cosine` (released) or `dot` (Eq. 5, 7 and 9).
        score: how a clip finds its class: by `name` (Eq. 9), or by `name_and_parts`: the
            descriptions of its parts as well, which for unseen classes go without prompts.
        part_weight: the weight of the part loss (MPCE, Eq. 5); 0 switches it off.
        semantic_weight: α of Eq. 8, the weight of the semantic loss (SCE, Eq. 6).
        global_weight: β of Eq. 8, the weight of the global loss (GCE, Eq. 7).
        semantic_classes: whether the semantic loss knows the names and descriptions of the `seen`
            classes alone, or of `all`, as released.
    """

    partition: str = "6"
    class_text: str = "label"
    part_text: str = "plain"
    text_scale: str = "encoder"
    attributes: int = 100
    heads: int = 8
    pooling: str = "attention"
    attribute_prompts: str = "learnt"
    semantic_prompts: str = "learnt"
    semantic_prompt_scale: float = 1.0
    similarity: str = "cosine"
    score: str = "name"
    part_weight: float = 1.0
    semantic_weight: float = 0.1
    global_weight: float = 0.1
    semantic_classes: str = "seen"


@dataclass(frozen=True)
class Star:
    """The method.

    Attributes:
        network: what is trained.
        options: the choices of STAR.
        text: the embeddings of all classes: `label` (k e) and `part` (k p e).
        unseen: the places of the classes that no training sample has.
        published: variables to start from.
        scale: the factor by which the embeddings are those of the encoder.
    """

    network: StarNetwork
    options: Options
    text: dict[str, Float[np.ndarray, "..."]]
    unseen: tuple[int, ...]
    published: Variables = field(default_factory=dict)
    scale: float = 1.0

    def prepare_text(self) -> Text:
        """Return the embeddings of names and descriptions."""
        return self.text

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b t v d"]) -> Variables:
        """Return freshly initialised variables."""
        words = jax.tree.map(jnp.asarray, self.text)
        fresh = jax.jit(self.network.init)(rng, clips, words["part"], words["label"])
        return {"params": adopt(fresh, self.published)["params"], "batch_stats": {}}

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b t v d"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return Eq. 8: part loss, semantic loss and global loss, weighted."""
        del keys
        params = {"params": variables["params"]}
        latents = self.network.apply(params, clips, text["part"], text["label"])
        seen = self._seen()
        label = jnp.asarray(np.searchsorted(seen, np.arange(len(text["label"]))))[labels]
        terms = self._terms(latents, jnp.asarray(seen), label)
        options = self.options
        weights = {
            "part": options.part_weight,
            "semantic": options.semantic_weight,
            "global": options.global_weight,
        }
        total = sum(weight * terms[name] for name, weight in weights.items())
        names = latents.label_text[jnp.asarray(seen)]
        scores = similarity(latents.whole, names, options.similarity)
        accuracy = (scores.argmax(axis=1) == label).mean()
        return LossOut(total, {}, {"loss": total, "accuracy": accuracy, **terms})

    def predict(
        self, variables: Variables, clips: Float[Array, "b t v d"], text: Text
    ) -> Float[Array, "b k"]:
        """Return how alike clips and classes are: by names, and by parts if they are asked for."""
        apply = partial(self.network.apply, {"params": variables["params"]}, clips)
        if self.options.score == "name":
            return apply(text["label"], method="score")
        return apply(text["part"], text["label"], self.prompted(), method="score_with_parts")

    def prompted(self) -> Bool[np.ndarray, " k"]:
        """Return which classes' semantic-part prompts are trained."""
        classes = np.arange(len(self.text["label"]))
        trains_all = self.options.semantic_classes == "all" and self.options.semantic_weight > 0
        return np.isin(classes, classes if trains_all else self._seen())

    def _seen(self) -> Int[np.ndarray, " n"]:
        """Return the places of the seen classes, ascending."""
        return np.setdiff1d(np.arange(len(self.text["label"])), self.unseen)

    def _terms(
        self, latents: Latents, seen: Int[Array, " n"], label: Int[Array, " b"]
    ) -> dict[str, Float[Array, ""]]:
        """Return the three losses; `label` counts the seen classes."""
        names, parts, how = latents.label_text, latents.part_text, self.options.similarity
        known = seen if self.options.semantic_classes == "seen" else slice(None)
        return {
            "part": part_loss(latents.part, parts[seen], label, how).mean(),
            "semantic": semantic_loss(parts[known], names[known]).mean(),
            "global": global_loss(latents.whole, names[seen], label, how).mean(),
        }


def joints_of(partition: str, skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
    """Return the joints of the parts of a partition, by the parts' names.

    Raises:
        UserError: the skeleton has no such partition.
    """
    if partition == "global":
        return {"global": tuple(range(skeleton.num_joints))}
    return joints_of_parts(skeleton, partition, ("global",))


def build(context: Context, options: Options) -> Star:
    """Return the method of an experiment.

    Raises:
        UserError: an option's value is not among its choices.
    """
    chosen("method.similarity", options.similarity, SIMILARITIES)
    chosen("method.semantic_classes", options.semantic_classes, SEMANTIC_CLASSES)
    chosen("method.score", options.score, SCORES)
    parts = joints_of(options.partition, context.skeleton)
    text = embed(context.descriptions, recipe(options, parts), context.text.embed)
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
    scale = TEXT_SCALES[chosen("method.text_scale", options.text_scale, TEXT_SCALES)]
    seen = np.setdiff1d(np.arange(len(text["label"])), context.unseen)
    factor = scale(text["part"][seen])
    text = {name: factor * rows for name, rows in text.items()}
    unseen = tuple(context.unseen)
    return Star(network, options, text, unseen, context.published, factor)


def recipe(options: Options, parts: Iterable[str], scale: float = 1.0) -> dict[str, Any]:
    """Return what `embed` must know of a trained STAR."""
    texts = {"class_text": options.class_text, "part_text": options.part_text}
    return {**texts, "parts": list(parts), "scale": scale}


def inference(context: Context, options: Options) -> Inference:
    """Return how the trained method recognises any classes by their texts."""
    star = build(context, options)
    parts = joints_of(options.partition, context.skeleton)
    shown = tuple(parts) if options.part_weight > 0 else ()
    how = recipe(options, parts, star.scale), options.score, shown
    return star_inference.inference(star.network, star.text, star.prompted(), *how)


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    learns_from="features",
    embed=embed,
    from_torch=from_torch,
)
