"""ReViSE: skeletons and texts in one space by autoencoders, ranking and equal distributions.

Tsai, Huang and Salakhutdinov, Learning Robust Visual-Semantic Embeddings, ICCV 2017
(https://arxiv.org/abs/1703.05908), for skeletons as a baseline of SynSE (Gupta et al., ICIP 2021;
https://github.com/skelemoa/synse-zsl, `revise/`), whose sizes, weights and rates these are. The
original's adaptation to unlabeled samples is left out, as there. A class is scored by a dot
product. Facts F.2 has what that code does, docs/fidelity.md what is otherwise here.
"""

from dataclasses import dataclass
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from gapjax.methods import Context, Inference, LossOut, MethodSpec, Text, Variables
from gapjax.methods._on_features import (
    OnFeatures,
    Rows,
    any_classes,
    class_strings,
    embed_class,
    pooled,
)
from gapjax.nn.alignment import mean_discrepancy, rank_hinge
from gapjax.nn.perceptron import Perceptron, linear
from gapjax.registry import check_choices, number, one_of


@dataclass(frozen=True)
class Options:
    """The options.

    Attributes:
        class_text: the text that represents a class: `label`, `paragraph` or `description`.
        hidden: the size of both autoencoders' codes.
        text_hidden: the size of the layers between the text and its code.
        shared: the size of the shared space.
        margin: of the ranking loss.
        sharpness: of the kernel exp(-sharpness · ‖a - b‖²) that compares distributions of codes.
        contraction: the weight of the squared norm of the skeleton code's derivative.
    """

    class_text: str = one_of("label", "paragraph", "description")
    hidden: int = number(100, least=1)
    text_hidden: int = number(512, least=1)
    shared: int = number(50, least=1)
    margin: float = number(0.3)
    sharpness: float = number(32.0)
    contraction: float = number(1e-4)

    def __post_init__(self) -> None:
        """Raise UserError for a value that is not among its choices."""
        check_choices(self, "method.")


class Codes(NamedTuple):
    """What the network makes of vectors of one modality.

    Attributes:
        code: the autoencoder's code.
        decoded: the vectors, decoded from it.
        shared: its place in the shared space.
    """

    code: Float[Array, "n d"]
    decoded: Float[Array, "n c"]
    shared: Float[Array, "n a"]


class Skeletons(nn.Module):
    """The autoencoder of skeletons: one layer, with ReLU, each way.

    Attributes:
        hidden: the size of the code.
        shared: the size of the shared space.
    """

    hidden: int
    shared: int

    @nn.compact
    def __call__(self, x: Float[Array, "b c"]) -> tuple[Codes, Float[Array, " b"]]:
        """Return the codes, and the squared norm of each code's derivative by its vector."""
        layer = linear(self.hidden, x.shape[-1], "encoder")
        code = nn.relu(layer(x))
        # ‖J‖² of a layer with ReLU: the squared weights of the units that are on.
        squares = jnp.square(layer.variables["params"]["kernel"]).sum(axis=0)
        norm = jnp.where(code > 0, squares[None], 0.0).sum(axis=1)
        decoded = nn.relu(linear(x.shape[-1], self.hidden, "decoder")(code))
        return Codes(code, decoded, nn.tanh(linear(self.shared, self.hidden, "out")(code))), norm


class Texts(nn.Module):
    """The autoencoder of texts: two layers each way, the last of which has no activation.

    Attributes:
        hidden: the size of the code.
        between: the size of the layers between texts and codes.
        shared: the size of the shared space.
    """

    hidden: int
    between: int
    shared: int

    @nn.compact
    def __call__(self, x: Float[Array, "k c"]) -> Codes:
        """Return the codes."""
        code = Perceptron((self.between, self.hidden), last=nn.relu, name="encoder")(x)
        decoded = Perceptron((self.between, x.shape[-1]), name="decoder")(code)
        return Codes(code, decoded, nn.tanh(linear(self.shared, self.hidden, "out")(code)))


class Network(nn.Module):
    """Both autoencoders.

    Attributes:
        options: the sizes.
    """

    options: Options

    def setup(self) -> None:
        """Create the autoencoders."""
        sizes = self.options
        self.skeleton = Skeletons(sizes.hidden, sizes.shared)
        self.text = Texts(sizes.hidden, sizes.text_hidden, sizes.shared)

    def __call__(
        self, features: Float[Array, "b d"], text: Rows
    ) -> tuple[Codes, Codes, Float[Array, " b"]]:
        """Return the codes of skeletons and of texts, and the norms of the former's derivatives."""
        codes, norms = self.skeleton(jnp.log1p(features))
        return codes, self.text(text["label"]), norms

    def score(self, features: Float[Array, "b d"], text: Rows) -> Float[Array, "b k"]:
        """Return the dot products of skeletons and texts in the shared space."""
        skeleton, texts, _ = self(features, text)
        return skeleton.shared @ texts.shared.T


@dataclass(frozen=True)
class Revise(OnFeatures):
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
        """Return the sum of ranking, both reconstructions, and the discrepancy of codes."""
        del keys
        features, (seen, labels) = pooled(clips), self.among_seen(text, labels)
        params = {"params": variables["params"]}
        skeleton, texts, norms = self.network.apply(params, features, seen)
        scores = skeleton.shared @ texts.shared.T
        wanted = jnp.log1p(features)
        losses = {
            "rank": rank_hinge(scores, labels, self.options.margin).mean(),
            "skeleton": jnp.square(skeleton.decoded - wanted).mean(),
            "text": jnp.square(texts.decoded - seen["label"])[labels].mean(),
            "discrepancy": mean_discrepancy(
                skeleton.code, texts.code[labels], self.options.sharpness
            ),
            "contraction": self.options.contraction * norms.mean(),
        }
        total = sum(losses.values(), start=jnp.zeros(()))
        accuracy = (scores.argmax(axis=1) == labels).mean()
        return LossOut(total, {}, {"loss": total, "accuracy": accuracy, **losses})


def build(context: Context, options: Options) -> Revise:
    """Return the method of an experiment.

    Raises:
        UserError: there is no such text.
    """
    text = embed_class(context.descriptions, vars(options), context.encode)
    return Revise(Network(options), text, tuple(context.unseen), options)


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
