"""CADA-VAE: two variational autoencoders whose latents of skeleton and text are aligned.

Schönfeld et al., Generalized Zero- and Few-Shot Learning via Aligned Variational Autoencoders, CVPR
2019 (https://arxiv.org/abs/1812.01784), for skeletons as a baseline of SynSE (Gupta et al., ICIP
2021; https://github.com/skelemoa/synse-zsl, `cada_vae/`), whose layers, weights and schedule these
are (facts F.4): ten cycles of 1900 steps of 64 samples, Adam at 1e-4. The alignment of
distributions, which that code computes and weighs by 0, counts here as in the original.
docs/fidelity.md lists what else is otherwise here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Array, Float, Int

from gapjax.methods import Context, Inference, MethodSpec
from gapjax.methods._latent_network import Network
from gapjax.methods._latents import LatentMethod, LatentOptions, own_classes, progress
from gapjax.methods._on_features import class_strings, embed_class
from gapjax.registry import check_choices, number, one_of


@dataclass(frozen=True)
class Options(LatentOptions):
    """The options.

    Attributes:
        class_text: the text that represents a class: `label`, `paragraph` or `description`.
        distance: the weight of the Wasserstein distance of both modalities' distributions, which is
            some 32 times that of divergences in the original; 0 as in the code for skeletons.
    """

    class_text: str = one_of("label", "paragraph", "description")
    distance: float = number(1.0)

    def __post_init__(self) -> None:
        """Raise UserError for a value that is not among its choices."""
        check_choices(self, "method.")


@dataclass(frozen=True)
class CadaVae(LatentMethod):
    """The method."""

    options: Options

    def weights(self, step: Int[Array, ""]) -> Mapping[str, Float[Array, ""] | float]:
        """Return the weights of the losses in a step."""
        rise, cross, _ = progress(step, self.options)
        crosses = (cross > 0).astype(float)
        return {
            "skeleton": 1.0,
            "text": 1.0,
            "skeleton_divergence": self.options.divergence * rise,
            "text_divergence": self.options.divergence * rise * crosses,
            "cross": crosses,
            "distance": self.options.distance * crosses,
        }


def build(context: Context, options: Options) -> CadaVae:
    """Return the method of an experiment.

    Raises:
        UserError: there is no such text.
    """
    text = embed_class(context.descriptions, vars(options), context.encode)
    return CadaVae(Network(("label",), options.latent), text, tuple(context.unseen), options)


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method, for its own classes."""
    return own_classes(build(context, options))


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    learns_from="features",
    class_strings=class_strings,
)
