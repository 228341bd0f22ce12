"""Plain supervised recognition: a backbone, mean pooling and one linear layer."""

from dataclasses import dataclass, field
from functools import partial

import jax
from jaxtyping import Array, Float, Int, Key

from gapjax.methods._base import Ingredients, LossOut, Text, Variables
from gapjax.methods._inference import Inference, of_network
from gapjax.nn.heads import Recognizer, adopt
from gapjax.nn.losses import cross_entropy


@dataclass(frozen=True)
class Options:
    """There is nothing to choose."""


@dataclass(frozen=True)
class Supervised:
    """Cross-entropy on class labels; no text.

    Attributes:
        network: the skeleton encoder with its classifier.
        published: variables to start from.
    """

    network: Recognizer
    published: Variables = field(default_factory=dict)

    def prepare_text(self) -> Text:
        """Return nothing: no text is used."""
        return {}

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b m t v c"]) -> Variables:
        """Return freshly initialised variables."""
        fresh = jax.jit(partial(self.network.init, train=False))(rng, clips)
        return adopt(fresh, self.published)

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b m t v c"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the mean cross-entropy of a batch."""
        del text, keys
        logits, updates = self.network.apply(variables, clips, train=True, mutable=["batch_stats"])
        loss = cross_entropy(logits, labels).mean()
        accuracy = (logits.argmax(axis=-1) == labels).mean()
        return LossOut(loss, updates["batch_stats"], {"loss": loss, "accuracy": accuracy})

    def predict(
        self, variables: Variables, clips: Float[Array, "b m t v c"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the logits of the classes."""
        del text
        return self.network.apply(variables, clips, train=False)


def build(ingredients: Ingredients, options: Options) -> Supervised:
    """Return the method of an experiment."""
    del options
    return Supervised(
        Recognizer(ingredients.backbone, len(ingredients.labels)), ingredients.published
    )


def inference(ingredients: Ingredients, options: Options) -> Inference:
    """Return how the trained method recognises: by its network."""
    return of_network(build(ingredients, options).network, dict)
