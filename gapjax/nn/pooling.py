"""Mean pooling of skeleton features."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# Which persons the mean counts: all alike, as in the published networks, in which the features of
# an absent person are those of zeros; or those who are present in the clip.
PERSONS = ("all", "present")


def person_weights(clips: Float[Array, "b m t v c"], counted: str) -> Float[Array, "b m"] | None:
    """Return each person's weight in the mean over persons; None if all count alike.

    A person whose clip is zero everywhere is absent. If nobody is present, all count alike.

    Args:
        clips: what the network sees.
        counted: one of `PERSONS`.
    """
    if counted == "all":
        return None
    present = (clips != 0).any(axis=(2, 3, 4))
    present = (present | ~present.any(axis=1, keepdims=True)).astype(jnp.float32)
    return present / present.sum(axis=1, keepdims=True)


def mean_of_persons(
    features: Float[Array, "b m *d"], weights: Float[Array, "b m"] | None
) -> Float[Array, "b *d"]:
    """Return the mean over persons by their `person_weights`; None counts all alike."""
    if weights is None:
        return features.mean(axis=1)
    return jnp.einsum("bm,bm...->b...", weights.astype(features.dtype), features)


def pool(
    features: Float[Array, "b m t v d"], weights: Float[Array, "b m"] | None = None
) -> Float[Array, "b d"]:
    """Return the mean over frames and joints, then over persons (`mean_of_persons`)."""
    return mean_of_persons(features.astype(jnp.float32).mean(axis=(2, 3)), weights)


def pool_parts(
    features: Float[Array, "b m t v d"],
    parts: Sequence[Sequence[int]],
    weights: Float[Array, "b m"] | None = None,
) -> Float[Array, "b p d"]:
    """Return the mean over frames, persons and each part's joints.

    Args:
        features: of shape [batch, persons, frames, joints, features].
        parts: the joints of each part.
        weights: as in `mean_of_persons`.
    """
    shares = np.zeros((len(parts), features.shape[3]), np.float32)
    for part, joints in enumerate(parts):
        shares[part, list(joints)] = 1 / len(joints)
    pooled = mean_of_persons(features.astype(jnp.float32).mean(axis=2), weights)
    return jnp.einsum("bvd,pv->bpd", pooled, shares)
