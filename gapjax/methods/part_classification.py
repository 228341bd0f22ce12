"""The baseline of GAP's Table 1e: a classifier on the pooled features of every body part.

Xiang et al., Generative Action Description Prompts for Skeleton-based Action Recognition, ICCV
2023, section 4.3. Parts and their pooling are GAP's; there is no text.
"""

from dataclasses import dataclass, field

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from gapjax.methods import (
    Context,
    Inference,
    LossOut,
    MethodSpec,
    Text,
    Variables,
    fixed_classes,
    joints_of_parts,
)
from gapjax.methods.supervised import Supervised, from_torch
from gapjax.nn.heads import Classifier, Recognizer
from gapjax.nn.losses import cross_entropy
from gapjax.nn.pooling import PERSONS, person_weights, pool, pool_parts
from gapjax.registry import check_choices, one_of


@dataclass(frozen=True)
class Options:
    """The options.

    Attributes:
        partition: a partition of the skeleton (`2`, `4`, `6`, ...).
        score: what recognizes: `parts`, the mean of the parts' logits; or `whole`, a classifier of
            the whole body, beside which those of the parts are losses in training alone, as GAP's
            text is. The paper does not say which.
        loss_weight: the weight of the parts' losses beside that of the whole body, for
            `score=whole`: λ of GAP's Eq. 1.
        persons: which persons the mean counts: `all`, as the published networks do, where an
            absent person counts as much as a present one, or those who are `present`.
    """

    partition: str = "4"
    score: str = one_of("parts", "whole")
    loss_weight: float = 0.8
    persons: str = one_of(*PERSONS)

    def __post_init__(self) -> None:
        """Raise UserError for a value that is not among the choices."""
        check_choices(self, "method.")


def parts_loss(logits: Float[Array, "b p k"], labels: Int[Array, " b"]) -> Float[Array, " b"]:
    """Return the mean of the parts' cross-entropies of each example.

    That is Eq. 6 of GAP with the loss of Eq. 3 for each part in place of that against text.

    Args:
        logits: the scores of every part's classifier, of shape [batch, parts, classes].
        labels: classes of shape [batch].

    Returns:
        The loss of each example, of shape [batch], in nats.

    >>> print(parts_loss(jnp.zeros((2, 3, 4)), jnp.array([3, 0])).round(4))
    [1.3863 1.3863]
    """
    of_parts = jax.vmap(cross_entropy, in_axes=(1, None), out_axes=1)
    return of_parts(logits, labels).mean(axis=1)


class PartClassifiers(nn.Module):
    """A linear classifier for each body part.

    Attributes:
        num_classes: the number of classes.
    """

    num_classes: int

    @nn.compact
    def __call__(self, pooled: Float[Array, "b p d"]) -> Float[Array, "b p k"]:
        """Return the logits of each part's features."""
        parts = range(pooled.shape[1])
        logits = [Classifier(self.num_classes, name=f"part_{p}")(pooled[:, p]) for p in parts]
        return jnp.stack(logits, axis=1)


class PartRecognizer(Recognizer):
    """A recognizer with a classifier for each part, and for the whole body if that is scored.

    Attributes:
        parts: the joints of each body part.
        score: as in `Options`.
    """

    parts: tuple[tuple[int, ...], ...] = field(kw_only=True)
    score: str = field(kw_only=True)

    def setup(self) -> None:
        """Create the classifiers."""
        self.part_classifiers = PartClassifiers(self.num_classes)
        if self.score == "whole":
            super().setup()

    def __call__(self, clips: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b k"]:
        """Return the class logits."""
        return self.classify(clips, train=train)[0]

    def classify(
        self, clips: Float[Array, "b m t v c"], *, train: bool
    ) -> tuple[Float[Array, "b k"], Float[Array, "b p k"]]:
        """Return the logits that are scored, and those of each part."""
        features = self.features(clips, train=train)
        weights = person_weights(clips, self.persons)
        logits = self.part_classifiers(pool_parts(features, self.parts, weights))
        if self.score == "whole":
            return self.classifier(pool(features, weights)), logits
        return logits.mean(axis=1), logits


@dataclass(frozen=True)
class PartClassification(Supervised):
    """Cross-entropy on class labels, for each part.

    Attributes:
        network: the skeleton encoder with its classifiers.
        published: variables to start from.
        loss_weight: as in `Options`.
    """

    network: PartRecognizer
    loss_weight: float = field(kw_only=True)

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b m t v c"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the parts' loss, as a summand beside that of the whole body if that is scored."""
        del text, keys
        (logits, of_parts), updates = self.network.apply(
            variables, clips, train=True, mutable=["batch_stats"], method="classify"
        )
        parts = parts_loss(of_parts, labels).mean()
        loss, scalars = parts, {"parts": parts}
        if self.network.score == "whole":
            whole = cross_entropy(logits, labels).mean()
            loss, scalars = whole + self.loss_weight * parts, {"whole": whole, "parts": parts}
        accuracy = (logits.argmax(axis=-1) == labels).mean()
        scalars = {"loss": loss, **scalars, "accuracy": accuracy}
        return LossOut(loss, updates.get("batch_stats", {}), scalars)


def build(context: Context, options: Options) -> PartClassification:
    """Return the method of an experiment.

    Raises:
        UserError: the skeleton has no such partition.
    """
    network = PartRecognizer(
        backbone=context.backbone,
        num_classes=len(context.labels),
        persons=options.persons,
        parts=tuple(joints_of_parts(context.skeleton, options.partition, ()).values()),
        score=options.score,
    )
    return PartClassification(network, context.published, loss_weight=options.loss_weight)


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method: its network, with the classifiers that score."""

    def strip(variables: Variables) -> Variables:
        """Return what is scored by; classifiers of parts beside the whole body's are not."""
        params = dict(variables["params"])
        if options.score == "whole":
            del params["part_classifiers"]
        return {**variables, "params": params}

    network: Recognizer = build(context, options).network
    if options.score == "whole":
        network = Recognizer(context.backbone, len(context.labels), options.persons)
    return fixed_classes(network, strip)


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    uses_text=lambda options: False,
    from_torch=from_torch,
    of_classes=("classifier", "part_classifiers"),
)
