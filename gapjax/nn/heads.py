"""Skeleton networks: a backbone, mean pooling, a classifier, and heads that meet text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from data_pipelines.errors import UserError
from gapjax.nn.layers import fan_in_uniform
from gapjax.nn.torch_weights import StateDict


def pool(features: Float[Array, "b m t v d"]) -> Float[Array, "b d"]:
    """Return the mean over frames and joints, then over persons, of a backbone's features.

    An absent person counts as much as a present one, as in the published networks.
    """
    return features.astype(jnp.float32).mean(axis=(2, 3)).mean(axis=1)


def pool_parts(
    features: Float[Array, "b m t v d"], parts: Sequence[Sequence[int]]
) -> Float[Array, "b p d"]:
    """Return the mean over each part's joints, then over frames, then over persons."""
    weights = np.zeros((len(parts), features.shape[3]), np.float32)
    for part, joints in enumerate(parts):
        weights[part, list(joints)] = 1 / len(joints)
    pooled = features.astype(jnp.float32).mean(axis=2).mean(axis=1)
    return jnp.einsum("bvd,pv->bpd", pooled, weights)


class Classifier(nn.Module):
    """The linear layer that ends every published skeleton network, with its initialisation.

    Attributes:
        num_classes: the number of classes.
    """

    num_classes: int

    @nn.compact
    def __call__(self, pooled: Float[Array, "b d"]) -> Float[Array, "b k"]:
        """Return the logits of pooled features."""
        spread = nn.initializers.normal((2.0 / self.num_classes) ** 0.5)
        bias = fan_in_uniform(pooled.shape[-1])
        return nn.Dense(self.num_classes, kernel_init=spread, bias_init=bias)(pooled)


class PartHeads(nn.Module):
    """One linear map a body part, from features to the text's dimension.

    Attributes:
        size: the text's dimension.
    """

    size: int

    @nn.compact
    def __call__(self, pooled: Float[Array, "b p d"]) -> Float[Array, "b p e"]:
        """Return the embedding of every part."""
        parts, channels = pooled.shape[1:]
        initial = fan_in_uniform(channels)
        kernel = self.param("kernel", initial, (parts, channels, self.size))
        bias = self.param("bias", initial, (parts, self.size))
        return jnp.einsum("bpd,pde->bpe", pooled, kernel) + bias[None]


class Recognizer(nn.Module):
    """A backbone with a classifier.

    Attributes:
        backbone: the skeleton encoder.
        num_classes: the number of classes.
    """

    backbone: nn.Module
    num_classes: int

    def setup(self) -> None:
        """Create the classifier."""
        self.classifier = Classifier(self.num_classes)

    def __call__(self, clips: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b k"]:
        """Return class logits."""
        return self.classifier(pool(self.backbone(clips, train=train)))


def recognizer_from_torch(
    state: StateDict, backbone: Callable[[StateDict], Mapping[str, Any]]
) -> dict[str, dict]:
    """Return the variables of the `Recognizer` within a published network.

    Args:
        state: the published arrays; whether all of them are used is the caller's to check.
        backbone: the importer of the backbone's variables.

    Raises:
        UserError: an array is missing.
    """
    encoder = backbone(state)
    params = {"backbone": encoder["params"], "classifier": {"Dense_0": state.dense("fc")}}
    return {"params": params, "batch_stats": {"backbone": encoder["batch_stats"]}}


def adopt(fresh: Mapping[str, Any], published: Mapping[str, Any]) -> dict[str, Any]:
    """Return fresh variables with what is published in their place.

    Heads that only one of the two has are left as they are, or out.

    Raises:
        UserError: an array has another shape, such as the classifier of other classes.
    """
    merged = {}
    for name, value in fresh.items():
        if name not in published:
            merged[name] = value
        elif isinstance(value, Mapping):
            merged[name] = adopt(value, published[name])
        elif value.shape == published[name].shape:
            merged[name] = jnp.asarray(published[name])
        else:
            raise UserError(
                f"train.init_from: {name!r} is {published[name].shape} there and {value.shape} "
                "here; is it of other classes, joints or persons?"
            )
    return merged
