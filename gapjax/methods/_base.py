"""The interface between a method and the training loop."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

# Flax variable collections: {"params": ..., "batch_stats": ...}. The second has whatever a step
# changes without a gradient: running statistics of a batch, and what a method counts.
Variables = Mapping[str, Any]

# Strings → their embeddings by a frozen text encoder.
EncodeText = Callable[[Sequence[str]], Float[np.ndarray, "n e"]]

# The pytree of arrays that a method receives at every step.
Text = Any

# (variables, text) → what `Method.predict` takes as its text.
Fit = Callable[[Variables, Text], Text]


class LossOut(NamedTuple):
    """The result of `Method.loss`.

    Attributes:
        total: the scalar to minimize.
        batch_stats: the running statistics and counts after this batch.
        scalars: the values to log, by name.
    """

    total: Float[Array, ""]
    batch_stats: Any
    scalars: dict[str, Float[Array, ""]]


@runtime_checkable
class Method(Protocol):
    """A way to train, as the training loop uses it.

    Its input is a batch of clips, `b m t v c`, or of the features of a frozen skeleton encoder,
    `b t v d` (`MethodSpec.learns_from`).
    """

    def prepare_text(self) -> Text:
        """Return the pytree that every step receives; called on the host, once."""
        ...

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b ..."]) -> Variables:
        """Return freshly initialized variables."""
        ...

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b ..."],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the training loss of a batch."""
        ...

    def predict(
        self, variables: Variables, clips: Float[Array, "b ..."], text: Text
    ) -> Float[Array, "b k"]:
        """Return the scores of the classes."""
        ...


@runtime_checkable
class TwoStages(Method, Protocol):
    """A method that fits something to the classes once its parameters are trained."""

    def fit(self, variables: Variables, text: Text) -> Text:
        """Return what `predict` takes as its text; computed once in each evaluation."""
        ...


@runtime_checkable
class Wrapper(Method, Protocol):
    """A method around another one, which may have two stages."""

    def make_fit(self) -> Fit:
        """Return `make_fit` of the method within, for the variables and text of this one."""
        ...


def make_fit(method: Method) -> Fit:
    """Return the function to what the `predict` of a method takes as its text.

    That is `TwoStages.fit`, which alone is jitted, or the text itself: a jitted function would copy
    what it passes on, such as the weights of a frozen encoder.
    """
    if isinstance(method, Wrapper):
        return method.make_fit()
    return jax.jit(method.fit) if isinstance(method, TwoStages) else lambda _, text: text
