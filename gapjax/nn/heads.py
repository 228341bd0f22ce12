"""The classifier of skeleton networks, and its published variables."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from data_pipelines.errors import UserError
from gapjax.nn.initializers import fan_in_uniform
from gapjax.nn.pooling import mean_of_persons, person_weights, pool
from gapjax.nn.torch_weights import StateDict


class Classifier(nn.Module):
    """The last linear layer of the published skeleton networks, initialized as there.

    Attributes:
        num_classes: the number of classes.
    """

    num_classes: int

    @nn.compact
    def __call__(self, pooled: Float[Array, "b d"]) -> Float[Array, "b k"]:
        """Return the logits of pooled features."""
        kernel_init = nn.initializers.normal((2.0 / self.num_classes) ** 0.5)
        bias_init = fan_in_uniform(pooled.shape[-1])
        return nn.Dense(self.num_classes, kernel_init=kernel_init, bias_init=bias_init)(pooled)


class Recognizer(nn.Module):
    """A backbone with a classifier.

    Attributes:
        backbone: the skeleton encoder.
        num_classes: the number of classes.
        persons: which persons the mean counts, one of `pooling.PERSONS`.
    """

    backbone: nn.Module
    num_classes: int
    persons: str = "all"

    def setup(self) -> None:
        """Create the classifier."""
        self.classifier = Classifier(self.num_classes)

    def __call__(self, clips: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b k"]:
        """Return the class logits."""
        weights = person_weights(clips, self.persons)
        return self.classifier(pool(self.features(clips, train=train), weights))

    def features(self, clips: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "..."]:
        """Return the backbone's features, b m t2 v d; UserError for another shape."""
        return checked(self.backbone(clips, train=train), clips, self.backbone)

    def encode(self, clips: Float[Array, "b m t v c"]) -> Float[Array, "b t2 v d"]:
        """Return the features of trained networks, of which the logits see the mean."""
        features = self.features(clips, train=False).astype(jnp.float32)
        return mean_of_persons(features, person_weights(clips, self.persons))


def checked(
    features: Float[Array, "..."], clips: Float[Array, "b m t v c"], backbone: nn.Module
) -> Float[Array, "b m t2 v d"]:
    """Return the features of clips, or raise UserError if a backbone gives them another shape."""
    batch, persons, _, joints, _ = clips.shape
    if features.ndim == 5 and features.shape[:2] + features.shape[3:4] == (batch, persons, joints):
        return features
    # `Replicas` wraps one.
    kind = type(getattr(backbone, "backbone", backbone))
    raise UserError(
        f"{kind.__module__}.{kind.__name__} returns {features.shape} for clips {clips.shape}: a "
        f"backbone returns (batch, persons, any frames, joints, any features), here "
        f"({batch}, {persons}, ..., {joints}, ...)"
    )


def recognizer_from_torch(
    state: StateDict, backbone: Callable[[StateDict], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the variables of the `Recognizer` within a published network.

    Args:
        state: the published arrays; whether all of them are used is the caller's to check.
        backbone: the importer of the backbone's variables.

    Raises:
        UserError: an array is missing.
    """
    encoder = backbone(state)
    params = {
        "backbone": encoder["params"],
        "classifier": {"Dense_0": state.dense(state.classifier)},
    }
    return {"params": params, "batch_stats": {"backbone": encoder["batch_stats"]}}
