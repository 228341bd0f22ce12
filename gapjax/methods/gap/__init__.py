"""GAP: generative action-description prompts (Xiang et al., ICCV 2023).

A skeleton encoder is trained with cross-entropy and, for the whole body and for each body part,
with a contrastive loss against text that describes the class's movement (Eq. 1, 5, 6). The text
encoder and the heads are for training alone: `predict` uses the backbone and the classifier.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from data_pipelines.errors import UserError
from gapjax.methods import (
    Context,
    Inference,
    LossOut,
    MethodSpec,
    Text,
    Variables,
    fixed_classes,
    joints_of_parts,
    supervised,
)
from gapjax.methods.gap.network import DescribedRecognizer, from_torch
from gapjax.nn.heads import Recognizer, adopt
from gapjax.nn.losses import TARGETS, cross_entropy, match_targets, matching_loss
from gapjax.prompts.strings import global_strings, part_strings
from gapjax.registry import chosen
from gapjax.text import string_table
from gapjax.text.encoder import LoadedText

# The inverse temperature: a free factor as released, a constant, or CLIP's exponential.
CLIP_SCALE = float(np.log(1 / 0.07))
SCALES: dict[str, Callable[[Array], Array]] = {
    "released": lambda scale: scale,
    "paper": lambda scale: jnp.full_like(scale, 1 / 0.1),
    "clip": jnp.exp,
}
# What the sum of the heads' losses is divided by (Eq. 6's K), of (parts, global heads).
AVERAGES: dict[str, Callable[[int, int], int]] = {
    "parts_and_global": lambda parts, whole: parts + whole,
    "parts": lambda parts, whole: max(parts, 1),
}


@dataclass(frozen=True)
class Options:
    """The choices of GAP (docs/fidelity.md says where paper and release differ).

    Attributes:
        partition: `none` (no text), `global`, or a partition of the skeleton (`2`, `4`, `6`, ...).
        global_text: the whole body's string: `synonym`, `label`, `paragraph`, or `none`.
        part_text: how a part's string is written: `plain` or `released`.
        train_text: whether the text encoder is trained.
        loss_weight: the trade-off λ of Eq. 1.
        learn_loss_weight: whether λ is a parameter, as section 3.1 of the paper has it. Its
            gradient is the contrastive loss: it falls to zero, where text has no effect any more.
        temperature: `released` (a free factor), `paper` (τ = 0.1) or `clip` (a free exponent).
        targets: `released` (softmax of ten times the 0/1 matrix) or `paper` (equal shares).
        average: `parts_and_global` (as released) or `parts` (K of Eq. 6 counts parts alone).
    """

    partition: str = "4"
    global_text: str = "synonym"
    part_text: str = "plain"
    train_text: bool = True
    loss_weight: float = 0.8
    learn_loss_weight: bool = False
    temperature: str = "released"
    targets: str = "released"
    average: str = "parts_and_global"


@dataclass(frozen=True)
class Gap:
    """The method.

    Attributes:
        network: the skeleton encoder with classifier and heads.
        options: the choices of GAP.
        tables: the strings of the classes: `global` and `parts`, as far as there are such heads.
        text_encoder: the text encoder to train; None if it is frozen.
        published: variables of the network to start from.
    """

    network: DescribedRecognizer
    options: Options
    tables: dict[str, string_table.TextTable]
    text_encoder: LoadedText | None
    published: Variables = field(default_factory=dict)

    def prepare_text(self) -> Text:
        """Return the tables of strings, encoded if the text encoder is frozen."""
        return self.tables

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b m t v c"]) -> Variables:
        """Return the network freshly initialised beside the pretrained text encoder."""
        fresh = jax.jit(partial(self.network.init, train=False, method="describe"))(rng, clips)
        network = adopt(fresh, self.published)
        heads = len(self.network.parts) + self.network.whole
        params = {"network": network["params"], "scale": jnp.full((heads,), CLIP_SCALE)}
        if self.options.learn_loss_weight:
            params["loss_weight"] = jnp.asarray(self.options.loss_weight)
        if self.text_encoder:
            params["text_encoder"] = jax.tree.map(jnp.asarray, self.text_encoder.params)
        return {"params": params, "batch_stats": network["batch_stats"]}

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b m t v c"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return Eq. 1: cross-entropy plus λ times the multi-part contrastive loss (Eq. 6)."""
        params = variables["params"]
        network = {"params": params["network"], "batch_stats": variables["batch_stats"]}
        (logits, heads), updates = self.network.apply(
            network, clips, train=True, mutable=["batch_stats"], method="describe"
        )
        classification = cross_entropy(logits, labels).mean()
        words = self._text_features(params.get("text_encoder"), text, labels, keys)
        contrast = self._contrast(heads, words, labels, params["scale"])
        # A learnt one falls as long as there is a loss; below zero it would reward mismatches.
        weight = jax.nn.relu(params.get("loss_weight", self.options.loss_weight))
        total = classification + weight * contrast
        scalars = {
            "loss": total,
            "cross_entropy": classification,
            "contrastive": contrast,
            "accuracy": (logits.argmax(axis=-1) == labels).mean(),
        }
        return LossOut(total, updates["batch_stats"], scalars)

    def predict(
        self, variables: Variables, clips: Float[Array, "b m t v c"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the class logits; neither text nor heads take part."""
        del text
        network = {
            "params": variables["params"]["network"],
            "batch_stats": variables["batch_stats"],
        }
        return self.network.apply(network, clips, train=False)

    def _encode(self, params: Any) -> string_table.Encode | None:
        """Return the text encoder with the parameters it has in training; None if it is frozen."""
        if self.text_encoder is None:
            return None
        return partial(self.text_encoder.module.apply, {"params": params})

    def _text_features(
        self, params: Any, text: Text, labels: Int[Array, " b"], keys: Key[Array, " b"]
    ) -> Float[Array, "b h e"]:
        """Return the text embeddings that each sample's heads should match."""
        encode, words = self._encode(params), []
        if "global" in text:
            ids = string_table.draw(text["global"], labels, keys)
            words.append(string_table.encode(text["global"], ids, encode)[:, None])
        if "parts" in text:
            words.append(string_table.encode(text["parts"], text["parts"].ids[labels], encode))
        return jnp.concatenate(words, axis=1).astype(jnp.float32)

    def _contrast(
        self,
        heads: Float[Array, "b h e"],
        words: Float[Array, "b h e"],
        labels: Int[Array, " b"],
        scale: Float[Array, " h"],
    ) -> Float[Array, ""]:
        """Return Eq. 6: the contrastive losses (Eq. 5) of all heads, averaged."""
        targets = match_targets(labels, self.options.targets)
        each = jax.vmap(matching_loss, in_axes=(1, 1, None, 0), out_axes=1)
        losses = each(heads, words, targets, SCALES[self.options.temperature](scale))
        parts, whole = len(self.network.parts), int(self.network.whole)
        return losses.mean(axis=0).sum() / AVERAGES[self.options.average](parts, whole)


def _parts(options: Options, context: Context) -> dict[str, tuple[int, ...]]:
    """Return the joints of the parts that the options ask for, by the parts' names."""
    if options.partition == "global":
        return {}
    return joints_of_parts(context.skeleton, options.partition, ("none", "global"))


def _check(options: Options) -> None:
    """Raise UserError where an option's value is not among its choices."""
    choices = {"temperature": SCALES, "targets": TARGETS, "average": AVERAGES}
    for name, values in choices.items():
        chosen(f"method.{name}", getattr(options, name), values)
    if options.partition == "global" and options.global_text == "none":
        raise UserError("method.partition='global' needs a method.global_text")


def build(context: Context, options: Options) -> Gap | supervised.Supervised:
    """Return the method of an experiment; without text (`partition="none"`) a plain classifier.

    Raises:
        UserError: an option's value is not among its choices.
    """
    _check(options)
    if options.partition == "none":
        return supervised.build(context, supervised.Options())
    parts = _parts(options, context)
    encoder = context.text.load() if options.train_text else None
    convert = encoder.tokenize if encoder else context.text.embed
    strings = {}
    if options.global_text != "none":
        strings["global"] = global_strings(context.descriptions, options.global_text)
    if parts:
        strings["parts"] = part_strings(context.descriptions, tuple(parts), options.part_text)
    tables = {name: string_table.make_table(each, convert) for name, each in strings.items()}
    network = DescribedRecognizer(
        backbone=context.backbone,
        num_classes=len(context.labels),
        parts=tuple(parts.values()),
        whole="global" in tables,
        size=encoder.features if encoder else next(iter(tables.values())).rows.shape[1],
    )
    return Gap(network, options, tables, encoder, context.published)


def inference(context: Context, options: Options) -> Inference:
    """Return how the trained method recognises: neither text nor heads take part."""
    if options.partition == "none":
        return supervised.inference(context, supervised.Options())

    def strip(variables: Variables) -> Variables:
        """Return backbone and classifier."""
        network = variables["params"]["network"]
        params = {name: network[name] for name in ("backbone", "classifier")}
        return {"params": params, "batch_stats": variables["batch_stats"]}

    return fixed_classes(Recognizer(context.backbone, len(context.labels)), strip)


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    uses_text=lambda options: options.partition != "none",
    from_torch=from_torch,
)
