"""A baseline of zero-shot recognition: a linear map from pooled features to text embeddings.

Socher et al., Zero-Shot Learning Through Cross-Modal Transfer, NIPS 2013
(https://arxiv.org/abs/1301.3666), with a linear map. Pooled features are scaled to unit length, so
that one learning rate suits every skeleton encoder. A clip is assigned to the class with the
nearest embedding, by cosine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from gapjax.methods import Context, EncodeText, Inference, LossOut, MethodSpec, Text, Variables
from gapjax.methods._on_features import OnFeatures, Rows, Words, any_classes, embed_class, pooled
from gapjax.nn.losses import cosine_logits, normalize
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.strings import global_strings


@dataclass(frozen=True)
class Options:
    """The options.

    Attributes:
        global_text: the class's string: `label`, `paragraph` or `description`; or `synonym`, the
            mean of the embeddings of the label and its synonyms.
    """

    global_text: str = "label"


def regression_loss(
    predicted: Float[Array, "b e"], text: Float[Array, "k e"], labels: Int[Array, " b"]
) -> Float[Array, " b"]:
    """Return the squared distance of each example to the embedding of its class.

    The terms ‖w_y - f(x)‖² of Socher et al., Eq. 1, with w_y the text of class y and f the map.

    Args:
        predicted: the mapped features f(x), of shape [batch, embedding].
        text: the embeddings of the classes, of shape [classes, embedding].
        labels: classes of shape [batch].

    Returns:
        The loss of each example, of shape [batch].

    >>> predicted = jnp.array([[0.5, 1.0], [1.0, 0.0]])
    >>> regression_loss(predicted, jnp.eye(2), jnp.array([1, 0])).tolist()
    [0.25, 0.0]
    """
    return jnp.square(predicted - text[labels]).sum(axis=1)


class LinearMap(nn.Module):
    """A linear map from the direction of pooled features to the embeddings of texts.

    Attributes:
        size: of an embedding.
    """

    size: int

    def setup(self) -> None:
        """Create the map, whose parameters are those of the module."""
        self.dense = nn.Dense(self.size)
        nn.share_scope(self, self.dense)

    def __call__(self, features: Float[Array, "b d"], text: Rows) -> Float[Array, "b e"]:
        """Return the mapped features."""
        del text
        return self.dense(normalize(features))

    def score(self, features: Float[Array, "b d"], text: Rows) -> Float[Array, "b k"]:
        """Return the cosine similarities to the embeddings of the classes."""
        return cosine_logits(self(features, text), text["label"], 1.0)


@dataclass(frozen=True)
class TextRegression(OnFeatures):
    """The baseline."""

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b t v d"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the mean squared distance to the embedding of the sample's class."""
        del keys
        predicted = self.network.apply({"params": variables["params"]}, pooled(clips), text)
        loss = regression_loss(predicted, text["label"], labels).mean()
        return LossOut(loss, {}, {"loss": loss})


def embed(texts: Sequence[ClassText], options: Mapping[str, Any], encode: EncodeText) -> Words:
    """Return the embeddings of classes, of unit length; `options` names the text.

    Raises:
        UserError: there is no such text.
    """
    return embed_class(texts, {"class_text": options["global_text"]}, encode)


def build(context: Context, options: Options) -> TextRegression:
    """Return the method of an experiment.

    Raises:
        UserError: there is no such text.
    """
    text = embed(context.descriptions, vars(options), context.encode)
    return TextRegression(LinearMap(text["label"].shape[1]), text, tuple(context.unseen))


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method, for any classes with embeddings."""
    return any_classes(build(context, options), vars(options))


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    learns_from="features",
    class_strings=lambda texts, options: global_strings(texts, options.global_text),
    embed=embed,
)
