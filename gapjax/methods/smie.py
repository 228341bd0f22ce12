"""SMIE: a critic of pairs of skeleton and text that estimates their mutual information.

Zhou et al., Zero-shot Skeleton-based Action Recognition via Mutual Information Estimation and
Maximization, ACM MM 2023 (https://arxiv.org/abs/2308.03950; layers, weights and rates of
https://github.com/YujieOuO/SMIE; facts F.6). A pair of a skeleton and its class should be judged
better than one of the next skeleton of the batch (Jensen-Shannon estimate), and better than the
same skeleton without its frames of most motion (temporal constraint). A class is scored by the
critic.

The frames that the constraint leaves out are those of the encoder's features, which know their
neighbors; in the original, clips are cut before the encoder. docs/fidelity.md lists this, and what
else is otherwise here.
"""

from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from gapjax.methods import Context, Inference, LossOut, MethodSpec, Text, Variables
from gapjax.methods._on_features import (
    OnFeatures,
    Rows,
    any_classes,
    class_strings,
    embed_class,
    pooled,
)
from gapjax.nn.alignment import jensen_shannon
from gapjax.nn.initializers import fan_in_uniform
from gapjax.nn.perceptron import Perceptron
from gapjax.registry import check_choices, number, one_of

# Of a clip's frames, the share with the least motion that may stay, and the share that stays:
# 35 and 20 of 50.
CALM, KEPT = 0.7, 0.4


@dataclass(frozen=True)
class Options:
    """The options.

    Attributes:
        class_text: the text that represents a class: `label`, `paragraph` or `description`.
        hidden: the sizes of the critic's hidden layers.
        temporal_weight: the weight of the temporal constraint; 0 for the estimate alone.
        margin: by how much the information of whole clips should exceed that of calm frames, in
            nats.
    """

    class_text: str = one_of("label", "paragraph", "description")
    hidden: tuple[int, int] = number((1024, 512), least=1)
    temporal_weight: float = number(0.5)
    margin: float = number(0.1)

    def __post_init__(self) -> None:
        """Raise UserError for a value that is not among its choices."""
        check_choices(self, "method.")


class Critic(nn.Module):
    """A perceptron of three layers on the concatenation of skeleton and text.

    The first layer is one map of skeletons and one of texts, whose sum is that of each pair.

    Attributes:
        hidden: the sizes of the hidden layers.
    """

    hidden: tuple[int, int]

    def setup(self) -> None:
        """Create the layers after the first."""
        self.rest = Perceptron((self.hidden[1], 1))

    @nn.compact
    def maps(
        self, features: Float[Array, "b d"], text: Float[Array, "k e"]
    ) -> tuple[Float[Array, "b c"], Float[Array, "k c"]]:
        """Return the first layer's share of skeletons and of texts."""
        initial = fan_in_uniform(features.shape[1] + text.shape[1])
        size = self.hidden[0]
        of_skeleton = nn.Dense(size, kernel_init=initial, bias_init=initial, name="skeleton")
        of_text = nn.Dense(size, use_bias=False, kernel_init=initial, name="text")
        return of_skeleton(standardized(features)), of_text(text)

    def __call__(self, features: Float[Array, "b d"], text: Rows) -> Float[Array, "b k"]:
        """Return the judgment of every pair."""
        return self.score(features, text)

    def score(self, features: Float[Array, "b d"], text: Rows) -> Float[Array, "b k"]:
        """Return the judgment of every pair."""
        skeletons, texts = self.maps(features, text["label"])
        return self.rest(nn.relu(skeletons[:, None] + texts[None]))[..., 0]

    def pairs(
        self, features: Float[Array, "b d"], calm: Float[Array, "b d"], text: Float[Array, "b e"]
    ) -> tuple[Float[Array, " b"], Float[Array, " b"], Float[Array, " b"]]:
        """Return the judgments of each text with its skeleton, its calm frames, and the next."""
        skeletons, texts = self.maps(jnp.concatenate([features, calm]), text)
        whole, part = jnp.split(skeletons, 2)
        others = jnp.roll(whole, -1, axis=0)
        rows = jnp.concatenate([whole + texts, part + texts, others + texts])
        first, second, third = jnp.split(self.rest(nn.relu(rows))[:, 0], 3)
        return first, second, third


def standardized(features: Float[Array, "b d"]) -> Float[Array, "b d"]:
    """Return layer normalization without parameters."""
    mean, variance = features.mean(axis=1, keepdims=True), features.var(axis=1, keepdims=True)
    return (features - mean) / jnp.sqrt(variance + 1e-5)


def calm_frames(features: Float[Array, "b t v d"], keys: Key[Array, " b"]) -> Bool[Array, "b t"]:
    """Return which frames are kept: some, drawn at random, of those with the least motion.

    Motion is the mean squared difference to the frame before and to the one after.
    """
    frames = features.shape[1]
    steps = jnp.square(jnp.diff(features, axis=1)).mean(axis=(2, 3))
    motion = jnp.pad(steps, [(0, 0), (0, 1)]) + jnp.pad(steps, [(0, 0), (1, 0)])
    moves = motion.argsort(axis=1).argsort(axis=1) >= max(1, round(CALM * frames))
    draws = jax.vmap(lambda key: jax.random.uniform(key, (frames,)))(keys)
    order = jnp.where(moves, 2.0, draws).argsort(axis=1).argsort(axis=1)
    return order < max(1, round(KEPT * frames))


@dataclass(frozen=True)
class Smie(OnFeatures):
    """The method.

    Attributes:
        options: its options.
    """

    options: Options

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b t v d"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the negative information, and how far whole clips do not exceed calm frames."""
        clips = clips.astype(jnp.float32)
        kept = calm_frames(clips, keys)[:, :, None, None]
        calm = jnp.where(kept, clips, 0.0).mean(axis=2).sum(axis=1) / kept.sum(axis=(1, 2))
        judged = self.network.apply(
            {"params": variables["params"]},
            pooled(clips),
            calm,
            text["label"][labels],
            method="pairs",
        )
        true, true_of_calm, false = judged
        differs = labels != jnp.roll(labels, -1)
        information = jensen_shannon(true, false, differs)
        less = jensen_shannon(true_of_calm, false, differs)
        temporal = jax.nn.relu(self.options.margin - (information - less))
        total = -information + self.options.temporal_weight * temporal
        return LossOut(total, {}, {"loss": total, "information": information, "temporal": temporal})


def build(context: Context, options: Options) -> Smie:
    """Return the method of an experiment.

    Raises:
        UserError: there is no such text.
    """
    text = embed_class(context.descriptions, vars(options), context.encode)
    return Smie(Critic(tuple(options.hidden)), text, tuple(context.unseen), options)


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method, for any classes with embeddings."""
    return any_classes(build(context, options), {"class_text": options.class_text})


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    learns_from="features",
    class_strings=class_strings,
    embed=embed_class,
)
