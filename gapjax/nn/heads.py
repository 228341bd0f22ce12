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


class DescribedRecognizer(Recognizer):
    """A recognizer with a head for the whole body, or for each part, or both (GAP, figure 2).

    The heads are for training; class logits do not need them.

    Attributes:
        parts: the joints of each body part.
        whole: whether the whole body has a head, too.
        size: the text's dimension.
    """

    parts: tuple[tuple[int, ...], ...] = ()
    whole: bool = True
    size: int = 512

    def setup(self) -> None:
        """Create the classifier and the heads."""
        super().setup()
        if self.parts:
            self.part_heads = PartHeads(self.size)
        if self.whole:
            fan_out = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
            self.global_head = nn.Dense(self.size, kernel_init=fan_out)

    def describe(
        self, clips: Float[Array, "b m t v c"], *, train: bool
    ) -> tuple[Float[Array, "b k"], Float[Array, "b p e"]]:
        """Return class logits, and the embeddings of the whole body (first) and of the parts."""
        features = self.backbone(clips, train=train)
        pooled = pool(features)
        heads = [self.global_head(pooled)[:, None]] if self.whole else []
        heads += [self.part_heads(pool_parts(features, self.parts))] if self.parts else []
        return self.classifier(pooled), jnp.concatenate(heads, axis=1)


def from_torch(state: StateDict, backbone: Callable[[StateDict], dict]) -> dict[str, dict]:
    """Return the variables of a published network: a `DescribedRecognizer` where it has heads.

    Args:
        state: the published arrays.
        backbone: the `from_torch` of the backbone's module.

    Raises:
        UserError: an array is missing or left over.
    """
    variables = backbone(state)
    params = {"backbone": variables["params"], "classifier": {"Dense_0": _dense(state, "fc")}}
    # The released order of the heads is head, hand, foot, hip; of the outputs, ours.
    heads = [f"part_list.{number}" for number in (0, 1, 3, 2)]
    if f"{heads[0]}.weight" in state:
        dense = [_dense(state, head) for head in heads]
        params["part_heads"] = {
            name: np.stack([each[name] for each in dense]) for name in ("kernel", "bias")
        }
        params["global_head"] = _dense(state, "linear_head.ViT-B/32")
    state.check_all_used(optional=["logit_scale"])
    return {"params": params, "batch_stats": {"backbone": variables["batch_stats"]}}


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


def _dense(state: StateDict, name: str) -> dict[str, Float[np.ndarray, "..."]]:
    return {"kernel": state.kernel(name).T, "bias": state.bias(name)}
