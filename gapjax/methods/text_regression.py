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
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from gapjax.methods import (
    Context,
    Embeddings,
    EncodeText,
    Inference,
    LossOut,
    MethodSpec,
    Outputs,
    Text,
    Variables,
)
from gapjax.nn.losses import cosine_logits, normalize
from gapjax.prompts.descriptions import ClassText
from gapjax.prompts.strings import global_strings
from gapjax.text.embedding_cache import mean_of_each


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


@dataclass(frozen=True)
class TextRegression:
    """The baseline.

    Attributes:
        network: the linear map.
        text: the embedding of each class, of unit length.
    """

    network: nn.Dense
    text: Float[np.ndarray, "k e"]

    def prepare_text(self) -> Text:
        """Return the embeddings of the classes."""
        return self.text

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b t v d"]) -> Variables:
        """Return freshly initialized variables."""
        fresh = jax.jit(self.network.init)(rng, direction(clips))
        return {"params": fresh["params"], "batch_stats": {}}

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
        predicted = self.network.apply({"params": variables["params"]}, direction(clips))
        loss = regression_loss(predicted, text, labels).mean()
        return LossOut(loss, {}, {"loss": loss})

    def predict(
        self, variables: Variables, clips: Float[Array, "b t v d"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the cosine similarities to the embeddings of the classes."""
        predicted = self.network.apply({"params": variables["params"]}, direction(clips))
        return cosine_logits(predicted, text, 1.0)


def direction(features: Float[Array, "b t v d"]) -> Float[Array, "b d"]:
    """Return the mean over frames and joints, scaled to unit length."""
    return normalize(features.astype(jnp.float32).mean(axis=(1, 2)))


def embed(
    texts: Sequence[ClassText], options: Mapping[str, Any], encode: EncodeText
) -> dict[str, Float[np.ndarray, "k e"]]:
    """Return the embeddings of classes, of unit length; `options` names the text.

    Raises:
        UserError: there is no such text.
    """
    text = mean_of_each(global_strings(texts, options["global_text"]), encode)
    return {"label": text / np.maximum(np.linalg.norm(text, axis=1, keepdims=True), 1e-12)}


def build(context: Context, options: Options) -> TextRegression:
    """Return the method of an experiment.

    Raises:
        UserError: there is no such text.
    """
    text = embed(context.descriptions, vars(options), context.encode)["label"]
    return TextRegression(nn.Dense(text.shape[1]), text)


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method, for any classes with embeddings."""
    method = build(context, options)

    def apply(
        variables: Variables, clips: Float[Array, "b t v d"], embeddings: Embeddings
    ) -> Outputs:
        """Return the cosine similarities to the embeddings of the classes."""
        return {"score": method.predict(variables, clips, embeddings["label"])}

    def strip(variables: Variables) -> Variables:
        """Return the linear map."""
        return {"params": variables["params"]}

    return Inference(strip, apply, lambda _: {"label": method.text}, vars(options))


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    learns_from="features",
    class_strings=lambda texts, options: global_strings(texts, options.global_text),
    embed=embed,
)
