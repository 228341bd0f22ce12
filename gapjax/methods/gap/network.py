"""GAP's network: a classifier of clips, with heads that are compared to text in training."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from gapjax.backbones import FromTorch
from gapjax.nn.heads import Recognizer, recognizer_from_torch
from gapjax.nn.initializers import fan_in_uniform
from gapjax.nn.pooling import person_weights, pool, pool_parts
from gapjax.nn.torch_weights import StateDict

# The release orders its part heads head, hand, foot, hip; the partition orders hip before foot.
RELEASED_PART_HEADS = tuple(f"part_list.{number}" for number in (0, 1, 3, 2))
RELEASED_GLOBAL_HEAD = "linear_head.ViT-B/32"


class PartHeads(nn.Module):
    """One linear map per body part, from features to the dimension of the text embeddings.

    Attributes:
        size: the dimension of the text embeddings.
    """

    size: int

    @nn.compact
    def __call__(self, pooled: Float[Array, "b p d"]) -> Float[Array, "b p e"]:
        """Return the embedding of each part."""
        parts, channels = pooled.shape[1:]
        init = fan_in_uniform(channels)
        kernel = self.param("kernel", init, (parts, channels, self.size))
        bias = self.param("bias", init, (parts, self.size))
        return jnp.einsum("bpd,pde->bpe", pooled, kernel) + bias[None]


class DescribedRecognizer(Recognizer):
    """A recognizer with a head for the whole body, for each part, or for both (GAP, Fig. 2).

    The heads are used in training only; the class logits do not depend on them.

    Attributes:
        parts: the joints of each body part.
        whole: whether the whole body has a head.
        size: the dimension of the text embeddings.
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
        features = self.features(clips, train=train)
        weights = person_weights(clips, self.persons)
        pooled = pool(features, weights)
        heads = [self.global_head(pooled)[:, None]] if self.whole else []
        if self.parts:
            heads.append(self.part_heads(pool_parts(features, self.parts, weights)))
        return self.classifier(pooled), jnp.concatenate(heads, axis=1)


def from_torch(state: StateDict, backbone: FromTorch) -> Mapping[str, Any]:
    """Return the variables of a published `DescribedRecognizer`, or `Recognizer` without heads.

    Args:
        state: the published arrays.
        backbone: the importer of the backbone's variables.

    Raises:
        UserError: an array is missing or left over.
    """
    variables = recognizer_from_torch(state, backbone)
    if f"{RELEASED_PART_HEADS[0]}.weight" in state:
        heads = [state.dense(head) for head in RELEASED_PART_HEADS]
        variables["params"] |= {
            "part_heads": {
                name: np.stack([head[name] for head in heads]) for name in ("kernel", "bias")
            },
            "global_head": state.dense(RELEASED_GLOBAL_HEAD),
        }
    state.check_all_used(optional=["logit_scale"])
    return variables
