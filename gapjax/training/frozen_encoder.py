"""A frozen skeleton encoder, and methods that learn from its features."""

from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from gapjax.methods import Fit, LossOut, Method, Text, Variables, make_fit
from gapjax.nn.person_merge import merge

# Whether batch normalization keeps its trained statistics, or uses those of each training batch and
# updates the running ones, as STAR's release does (facts D.2).
NORMS = ("frozen", "released")


@dataclass(frozen=True)
class Encoder:
    """A skeleton encoder with its weights.

    Attributes:
        backbone: the network.
        variables: its parameters and running statistics.
        person_merge: how persons' features are merged (`gapjax.nn.person_merge`).
    """

    backbone: nn.Module
    variables: Variables
    person_merge: str = "mean"

    def encode(
        self, variables: Variables, clips: Float[Array, "b m t v c"]
    ) -> Float[Array, "b t2 v d"]:
        """Return the features of clips, the persons merged into one."""
        return self._merged(self.backbone.apply(variables, clips, train=False), clips)

    def encode_by_batch(
        self, variables: Variables, clips: Float[Array, "b m t v c"]
    ) -> tuple[Float[Array, "b t2 v d"], Any]:
        """Return features by the statistics of the batch, and the updated running statistics."""
        features, updates = self.backbone.apply(
            variables, clips, train=True, mutable=["batch_stats"]
        )
        return self._merged(features, clips), updates.get("batch_stats", {})

    def _merged(
        self, features: Float[Array, "b m t2 v2 d"], clips: Float[Array, "b m t v c"]
    ) -> Float[Array, "b t2 v2 d"]:
        return merge(features.astype(jnp.float32), clips, self.person_merge)


@dataclass(frozen=True)
class Encoded:
    """A method on features as a method on clips: each step runs the encoder first.

    Attributes:
        method: the method, whose input is features.
        encoder: the encoder, which is not trained.
        norm: one of `NORMS`.
    """

    method: Method
    encoder: Encoder
    norm: str = "frozen"

    def prepare_text(self) -> Text:
        """Return the method's text and the encoder's variables, which are not trained."""
        return {"method": self.method.prepare_text(), "encoder": self.encoder.variables}

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b m t v c"]) -> Variables:
        """Return the method's variables, and the encoder's statistics if they are updated."""
        shape = jax.eval_shape(self.encoder.encode, self.encoder.variables, clips)
        inner = self.method.init(rng, jnp.zeros(shape.shape, shape.dtype))
        statistics = self.encoder.variables["batch_stats"] if self.norm == "released" else {}
        return {
            "params": inner["params"],
            "batch_stats": {"method": inner["batch_stats"], "encoder": statistics},
        }

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b m t v c"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the method's loss on the clips' features."""
        updated = {}
        if self.norm == "released":
            features, updated = self.encoder.encode_by_batch(self._frozen(variables, text), clips)
        else:
            features = self.encoder.encode(text["encoder"], clips)
        features = jax.lax.stop_gradient(features)
        out = self.method.loss(self._inner(variables), features, labels, text["method"], keys)
        return out._replace(batch_stats={"method": out.batch_stats, "encoder": updated})

    def predict(
        self, variables: Variables, clips: Float[Array, "b m t v c"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the method's scores of the clips' features."""
        features = self.encoder.encode(self._frozen(variables, text), clips)
        return self.method.predict(self._inner(variables), features, text["method"])

    def make_fit(self) -> Fit:
        """Return the function to the text with what the method fits to the classes, if it does."""
        fit = make_fit(self.method)

        def fit_inner(variables: Variables, text: Text) -> Text:
            """Return the text with the method's part of it fitted."""
            return {**text, "method": fit(self._inner(variables), text["method"])}

        return fit_inner

    def _frozen(self, variables: Variables, text: Text) -> Variables:
        """Return the encoder's variables, with the updated statistics if there are any."""
        updated = variables["batch_stats"]["encoder"]
        return {**text["encoder"], "batch_stats": updated} if updated else text["encoder"]

    def _inner(self, variables: Variables) -> Variables:
        return {"params": variables["params"], "batch_stats": variables["batch_stats"]["method"]}
