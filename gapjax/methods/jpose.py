"""JPoSE: a space for verbs, one for nouns, and one for both, ranked by margins.

Wray, Larlus, Csurka and Damen, Fine-Grained Action Retrieval Through Multiple Parts-of-Speech
Embeddings, ICCV 2019 (https://arxiv.org/abs/1908.03477), for skeletons as a baseline of SynSE
(Gupta et al., ICIP 2021; https://github.com/skelemoa/synse-zsl, `jpose/`), whose layers, weights
and rates these are (facts F.3). A class is scored by the cosine in the joint space.
docs/fidelity.md lists what is otherwise here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from gapjax.methods import Context, Inference, LossOut, MethodSpec, Text, Variables
from gapjax.methods._on_features import OnFeatures, Rows, any_classes, embed_words, pooled
from gapjax.nn.alignment import hardest_triplet, rank_hinge
from gapjax.nn.losses import normalize
from gapjax.nn.perceptron import Perceptron
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.strings import word_strings
from gapjax.registry import number

# The parts of speech, each with a space of its own.
WORDS = ("verb", "noun")


@dataclass(frozen=True)
class Options:
    """The options.

    Attributes:
        shared: the size of each of the three spaces.
        text_hidden: the size of the layer between a word's text and its space.
        margin: of all ranking losses.
        skeleton_weight: the weight of the ranking of skeletons by skeletons, of the same word and
            of others.
    """

    shared: int = number(50, least=1)
    text_hidden: int = number(512, least=1)
    margin: float = number(0.3)
    skeleton_weight: float = number(0.01)


# Space → its vectors, of length 1.
Skeletons = dict[str, Float[Array, "b a"]]
Texts = dict[str, Float[Array, "k a"]]


class Network(nn.Module):
    """The maps of skeletons and texts into the three spaces.

    Attributes:
        options: the sizes.
    """

    options: Options

    def setup(self) -> None:
        """Create the maps."""
        size, between = self.options.shared, self.options.text_hidden
        self.skeleton = {word: Perceptron((size,), last=nn.tanh) for word in WORDS}
        self.text = {word: Perceptron((between, size), nn.tanh, nn.relu) for word in WORDS}
        self.skeleton_joint = Perceptron((size,), last=nn.tanh)
        self.text_joint = Perceptron((size,), last=nn.tanh)

    def __call__(self, features: Float[Array, "b d"], text: Rows) -> tuple[Skeletons, Texts]:
        """Return skeletons and texts in each space, `verb`, `noun` and `joint`."""
        unit = normalize(features)
        skeletons = {word: normalize(self.skeleton[word](unit)) for word in WORDS}
        texts = {word: normalize(self.text[word](text[word])) for word in WORDS}
        for joint, spaces in ((self.skeleton_joint, skeletons), (self.text_joint, texts)):
            both = jnp.concatenate([spaces[word] for word in WORDS], axis=1)
            spaces["joint"] = normalize(joint(both))
        return skeletons, texts

    def score(self, features: Float[Array, "b d"], text: Rows) -> Float[Array, "b k"]:
        """Return the cosines of skeletons and classes in the joint space."""
        skeletons, texts = self(features, text)
        return skeletons["joint"] @ texts["joint"].T


@dataclass(frozen=True)
class Jpose(OnFeatures):
    """The method.

    Attributes:
        options: its options.
        ids: for verbs and for nouns, the number of each class's word.
    """

    options: Options
    ids: dict[str, Int[np.ndarray, " k"]]

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b t v d"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the sum of the ranking losses of all spaces."""
        del keys
        seen, index = self.among_seen(text, labels)
        ids = {word: numbers[self.seen()] for word, numbers in self.ids.items()}
        params = {"params": variables["params"]}
        skeletons, texts = self.network.apply(params, pooled(clips), seen)
        losses = {}
        for space, skeleton in skeletons.items():
            alike = _alike(ids[space]) if space in ids else None
            scores = skeleton @ texts[space].T
            losses[space] = rank_hinge(scores, index, self.options.margin, alike).mean()
            if space in ids:
                words = jnp.asarray(ids[space])[index]
                apart = hardest_triplet(skeleton, words, self.options.margin).mean()
                losses[f"{space}_skeletons"] = self.options.skeleton_weight * apart
        total = sum(losses.values(), start=jnp.zeros(()))
        accuracy = ((skeletons["joint"] @ texts["joint"].T).argmax(axis=1) == index).mean()
        return LossOut(total, {}, {"loss": total, "accuracy": accuracy, **losses})


def _alike(ids: Int[np.ndarray, " k"]) -> Bool[Array, "k k"]:
    """Return which classes have the same word."""
    return jnp.asarray(ids[:, None] == ids)


def word_ids(texts: Sequence[ClassText]) -> dict[str, Int[np.ndarray, " k"]]:
    """Return the number of each class's verb, and of its noun: equal words, equal numbers."""
    columns = zip(WORDS, zip(*word_strings(texts), strict=True), strict=True)
    return {word: np.unique(strings, return_inverse=True)[1] for word, strings in columns}


def build(context: Context, options: Options) -> Jpose:
    """Return the method of an experiment.

    Raises:
        UserError: a class has no verb or no noun.
    """
    text = embed_words(context.descriptions, {}, context.encode)
    ids = word_ids(context.descriptions)
    return Jpose(Network(options), text, tuple(context.unseen), options, ids)


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method, for any classes with embeddings."""
    return any_classes(build(context, options))


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    learns_from="features",
    class_strings=lambda texts, options: word_strings(texts),
    embed=embed_words,
)
