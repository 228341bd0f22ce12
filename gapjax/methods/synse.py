"""SynSE: variational autoencoders whose latents of noun and verb make up that of the skeleton.

Gupta, Sharma and Sarvadevabhatla, Syntactically Guided Generative Embeddings for Zero-Shot Skeleton
Action Recognition, ICIP 2021 (https://arxiv.org/abs/2101.11530; layers, weights and schedule of
https://github.com/skelemoa/synse-zsl, `synse/`; facts F.5): half of a skeleton's latent dimensions
are decoded to the noun, half to the verb. Calibrated stacking takes the place of its gate between
classifiers of seen and unseen classes, as in STAR (4.5); `zero_shot.gate` reports both.
docs/fidelity.md lists what else is otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Array, Float, Int

from gapjax.methods import Context, Inference, MethodSpec
from gapjax.methods._latent_network import Network
from gapjax.methods._latents import (
    CROSS,
    RISE,
    LatentMethod,
    LatentOptions,
    own_classes,
    progress,
)
from gapjax.methods._on_features import embed_words
from gapjax.prompts.strings import word_strings

# The number of the first cycle in which the divergence of texts counts.
_TEXT_CYCLE = 2


@dataclass(frozen=True)
class Options(LatentOptions):
    """The options."""


@dataclass(frozen=True)
class SynSe(LatentMethod):
    """The method."""

    options: Options

    def weights(self, step: Int[Array, ""]) -> Mapping[str, Float[Array, ""] | float]:
        """Return the weights of the losses in a step."""
        rise, cross, cycle = progress(step, self.options)
        # Both divergences rise at one rate, that of texts from a later step on.
        share = (1 - CROSS) / (1 - RISE) * (cycle >= _TEXT_CYCLE)
        return {
            "skeleton": 1.0,
            "text": 1.0,
            "skeleton_divergence": self.options.divergence * rise,
            "text_divergence": self.options.divergence * cross * share,
            "cross": (cross > 0).astype(float),
            "distance": 0.0,
        }


def build(context: Context, options: Options) -> SynSe:
    """Return the method of an experiment.

    Raises:
        UserError: a class has no verb or no noun.
    """
    text = embed_words(context.descriptions, {}, context.encode)
    return SynSe(Network(("noun", "verb"), options.latent), text, tuple(context.unseen), options)


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method, for its own classes."""
    return own_classes(build(context, options))


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    learns_from="features",
    class_strings=lambda texts, options: word_strings(texts),
)
