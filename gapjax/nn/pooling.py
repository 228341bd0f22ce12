"""Mean pooling of skeleton features."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def pool(features: Float[Array, "b m t v d"]) -> Float[Array, "b d"]:
    """Return the mean over frames and joints, then over persons.

    An absent person counts as much as a present one, as in the published networks.
    """
    return features.astype(jnp.float32).mean(axis=(2, 3)).mean(axis=1)


def pool_parts(
    features: Float[Array, "b m t v d"], parts: Sequence[Sequence[int]]
) -> Float[Array, "b p d"]:
    """Return the mean over frames, persons and each part's joints.

    Args:
        features: of shape [batch, persons, frames, joints, features].
        parts: the joints of each part.
    """
    weights = np.zeros((len(parts), features.shape[3]), np.float32)
    for part, joints in enumerate(parts):
        weights[part, list(joints)] = 1 / len(joints)
    pooled = features.astype(jnp.float32).mean(axis=2).mean(axis=1)
    return jnp.einsum("bvd,pv->bpd", pooled, weights)
