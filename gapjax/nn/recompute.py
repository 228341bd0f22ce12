"""What a block keeps for its gradient where the rest is computed again in the backward pass.

Without, all that the gradient reads is kept in memory: normalized and rectified features, relations
and topologies beside what they are made of.
"""

from typing import Any

import flax.linen as nn
import jax
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Shaped

_KEPT = "kept"


def keep(x: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    """Return x, which is kept for the gradient wherever other values are computed again."""
    return checkpoint_name(x, _KEPT)


def recomputed(block: nn.Module, x: Shaped[Array, "..."], **options: Any) -> Shaped[Array, "..."]:
    """Return `block(x, **options)`; its gradient keeps x and what the block says to `keep`."""

    def call(block: nn.Module, x: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
        return block(x, **options)

    policy = jax.checkpoint_policies.save_only_these_names(_KEPT)
    return nn.remat(call, policy=policy)(block, x)
