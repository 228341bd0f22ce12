"""GAP, the method, and how it is built."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from gapjax.methods import (
    Context,
    Inference,
    LossOut,
    Text,
    Variables,
    fixed_classes,
    joints_of_parts,
    supervised,
)
from gapjax.methods.gap.losses import (
    AVERAGES,
    CLIP_SCALE,
    TEMPERATURES,
    match_targets,
    matching_loss,
)
from gapjax.methods.gap.network import DescribedRecognizer
from gapjax.methods.gap.options import Options
from gapjax.methods.gap.texts import PROMPT_SCALE, draw_parts, make_tables
from gapjax.nn.adoption import adopt
from gapjax.nn.heads import Recognizer
from gapjax.nn.losses import cross_entropy
from gapjax.text import string_table
from gapjax.text.encoder import LoadedText


@dataclass(frozen=True)
class Gap:
    """The method GAP.

    Attributes:
        network: the skeleton encoder with its classifier and heads.
        options: the options of the method.
        tables: the strings of the classes for the heads that exist: `global`, and `parts`, with
            a row for each part of each class.
        text_encoder: the text encoder that steps encode with; None if their strings are embedded,
            by a frozen one without a learned prompt.
        published: variables to start from, those of the network's parts by their own names.
    """

    network: DescribedRecognizer
    options: Options
    tables: dict[str, string_table.TextTable]
    text_encoder: LoadedText | None
    published: Variables = field(default_factory=dict)

    def prepare_text(self) -> Text:
        """Return the tables of strings: tokens, or embeddings by a frozen text encoder.

        A frozen text encoder that a learned prompt needs in every step is beside them.
        """
        if self.text_encoder is None or self.options.train_text:
            return self.tables
        return {**self.tables, "text_encoder": self.text_encoder.params}

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b m t v c"]) -> Variables:
        """Return the network freshly initialized beside the pretrained text encoder."""
        fresh = jax.jit(partial(self.network.init, train=False, method="describe"))(rng, clips)
        network = adopt(fresh, self.published)
        heads = len(self.network.parts) + self.network.whole
        params = {"network": network["params"], "scale": jnp.full((heads,), CLIP_SCALE)}
        if self.options.learn_loss_weight:
            params["loss_weight"] = jnp.asarray(self.options.loss_weight)
        if self.text_encoder and self.options.train_text:
            params["text_encoder"] = jax.tree.map(jnp.asarray, self.text_encoder.params)
        if self.text_encoder and self.options.prompt_tokens:
            shape = self.options.prompt_tokens, self.text_encoder.width
            params["prompt"] = PROMPT_SCALE * jax.random.normal(jax.random.fold_in(rng, 1), shape)
        # The network's parts are given by their own names, and what is beside it likewise.
        params = adopt(params, self.published.get("params", {}))
        return {"params": params, "batch_stats": network.get("batch_stats", {})}

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
        (logits, heads), updates = self.network.apply(
            network_variables(variables),
            clips,
            train=True,
            mutable=["batch_stats"],
            method="describe",
        )
        classification = cross_entropy(logits, labels).mean()
        embeddings = self._text_embeddings(params, text, labels, keys)
        contrast = self._contrastive_loss(heads, embeddings, labels, params["scale"])
        # A trained weight falls as long as the loss is positive; a negative one would reward
        # mismatches.
        weight = jax.nn.relu(params.get("loss_weight", self.options.loss_weight))
        total = classification + weight * contrast
        scalars = {
            "loss": total,
            "cross_entropy": classification,
            "contrastive": contrast,
            "accuracy": (logits.argmax(axis=-1) == labels).mean(),
        }
        return LossOut(total, updates.get("batch_stats", {}), scalars)

    def predict(
        self, variables: Variables, clips: Float[Array, "b m t v c"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the class logits, which depend on neither text nor heads."""
        del text
        return self.network.apply(network_variables(variables), clips, train=False)

    def encoder_of(self, params: Any, text: Text) -> string_table.Encode | None:
        """Return the text encoder with the parameters of this step; None for embedded strings."""
        if self.text_encoder is None:
            return None
        weights = params["text_encoder"] if self.options.train_text else text["text_encoder"]
        prompt = {"prompt": params["prompt"]} if self.options.prompt_tokens else {}
        return partial(self.text_encoder.module.apply, {"params": weights}, **prompt)

    def _text_embeddings(
        self, params: Any, text: Text, labels: Int[Array, " b"], keys: Key[Array, " b"]
    ) -> Float[Array, "b h e"]:
        """Return the text embeddings that each sample's heads should match."""
        encoder, embeddings = self.encoder_of(params, text), []
        if "global" in text:
            ids = string_table.draw(text["global"], labels, keys)
            embeddings.append(string_table.encode(text["global"], ids, encoder)[:, None])
        if "parts" in text:
            ids = draw_parts(text["parts"], len(self.network.parts), labels, keys)
            embeddings.append(string_table.encode(text["parts"], ids, encoder))
        return jnp.concatenate(embeddings, axis=1).astype(jnp.float32)

    def _contrastive_loss(
        self,
        skeleton: Float[Array, "b h e"],
        text: Float[Array, "b h e"],
        labels: Int[Array, " b"],
        scale: Float[Array, " h"],
    ) -> Float[Array, ""]:
        """Return Eq. 6: the contrastive losses (Eq. 5) of all heads, averaged."""
        targets = match_targets(labels, self.options.targets)
        loss_of_heads = jax.vmap(matching_loss, in_axes=(1, 1, None, 0), out_axes=1)
        inverse_temperature = TEMPERATURES[self.options.temperature](scale)
        losses = loss_of_heads(skeleton, text, targets, inverse_temperature)
        part_heads, global_heads = len(self.network.parts), int(self.network.whole)
        divisor = AVERAGES[self.options.average](part_heads, global_heads)
        return losses.mean(axis=0).sum() / divisor


def network_variables(variables: Variables) -> Variables:
    """Return the variables of the network, without the text encoder."""
    return {"params": variables["params"]["network"], "batch_stats": variables["batch_stats"]}


def build(context: Context, options: Options) -> Gap | supervised.Supervised:
    """Return the method of an experiment; without text (`partition="none"`) a plain classifier.

    Raises:
        UserError: the skeleton has no such partition, or a learned prompt has no place in its text.
    """
    if options.partition == "none":
        return supervised.build(context, supervised.Options(options.persons))
    parts = {}
    if options.partition != "global":
        parts = joints_of_parts(context.skeleton, options.partition, ("none", "global"))
    text_encoder, tables = make_tables(context, options, tuple(parts))
    frozen_size = next(iter(tables.values())).rows.shape[1]
    network = DescribedRecognizer(
        backbone=context.backbone,
        num_classes=len(context.labels),
        persons=options.persons,
        parts=tuple(parts.values()),
        whole="global" in tables,
        size=text_encoder.features if text_encoder else frozen_size,
    )
    return Gap(network, options, tables, text_encoder, context.published)


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method: backbone and classifier."""
    if options.partition == "none":
        return supervised.inference(context, supervised.Options(options.persons))

    def strip(variables: Variables) -> Variables:
        """Return backbone and classifier."""
        network = variables["params"]["network"]
        params = {name: network[name] for name in ("backbone", "classifier")}
        return {"params": params, "batch_stats": variables["batch_stats"]}

    network = Recognizer(context.backbone, len(context.labels), options.persons)
    return fixed_classes(network, strip)
