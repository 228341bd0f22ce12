"""Plain supervised recognition: a backbone, mean pooling and one linear layer."""

from dataclasses import dataclass, field
from functools import partial

import jax
from jaxtyping import Array, Float, Int, Key

from gapjax.backbones import FromTorch
from gapjax.methods import (
    Context,
    Inference,
    LossOut,
    MethodSpec,
    Text,
    Variables,
    fixed_classes,
)
from gapjax.nn.adoption import adopt
from gapjax.nn.heads import Recognizer, recognizer_from_torch
from gapjax.nn.losses import cross_entropy
from gapjax.nn.pooling import PERSONS
from gapjax.nn.torch_weights import StateDict
from gapjax.registry import check_choices, one_of


@dataclass(frozen=True)
class Options:
    """The options.

    Attributes:
        persons: which persons the mean counts: `all`, as the published networks do, where an
            absent person counts as much as a present one, or those who are `present`.
    """

    persons: str = one_of(*PERSONS)

    def __post_init__(self) -> None:
        """Raise UserError for a value that is not among the choices."""
        check_choices(self, "method.")


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
        """Return freshly initialized variables."""
        fresh = jax.jit(partial(self.network.init, train=False))(rng, clips)
        # A backbone without batch normalization has no statistics.
        return {"batch_stats": {}, **adopt(fresh, self.published)}

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
        return LossOut(loss, updates.get("batch_stats", {}), {"loss": loss, "accuracy": accuracy})

    def predict(
        self, variables: Variables, clips: Float[Array, "b m t v c"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the logits of the classes."""
        del text
        return self.network.apply(variables, clips, train=False)


def build(context: Context, options: Options) -> Supervised:
    """Return the method of an experiment."""
    network = Recognizer(context.backbone, len(context.labels), options.persons)
    return Supervised(network, context.published)


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method: its whole network."""
    return fixed_classes(build(context, options).network, dict)


def from_torch(state: StateDict, backbone: FromTorch) -> Variables:
    """Return the variables of a published backbone with its classifier.

    Raises:
        UserError: an array is missing or left over.
    """
    variables = recognizer_from_torch(state, backbone)
    state.check_all_used()
    return variables


METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    uses_text=lambda options: False,
    from_torch=from_torch,
)
