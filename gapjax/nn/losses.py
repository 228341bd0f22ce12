"""Losses and similarities: pure functions with one value per example; the caller reduces."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

# Squared length up to which a vector has no direction: PyTorch's `normalize` divides such a vector
# by 1e-12, whose square this is.
NO_LENGTH = 1e-24


def cross_entropy(logits: Float[Array, "b k"], labels: Int[Array, " b"]) -> Float[Array, " b"]:
    """Return -log softmax(logits)[label] of each example.

    L_cls of GAP (Eq. 1), and with similarities as logits the losses of STAR (Eq. 5-7).

    optax's version for integer labels takes the difference of two large numbers where all logits
    are large; the one for distributions does not.

    Args:
        logits: scores of shape [batch, classes].
        labels: classes of shape [batch].

    Returns:
        The loss of each example, of shape [batch], in nats.

    >>> print(cross_entropy(jnp.zeros((2, 4)), jnp.array([3, 0])).round(4))
    [1.3863 1.3863]
    """
    targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return optax.losses.softmax_cross_entropy(logits, targets)


def normalize(x: Float[Array, "n e"]) -> Float[Array, "n e"]:
    """Return rows of length 1; a row shorter than 1e-12 becomes zero, and its gradient is zero.

    Args:
        x: vectors of shape [examples, embedding].

    Returns:
        Unit vectors of the same shape.

    >>> print(normalize(jnp.array([[3.0, 4.0], [0.0, 0.0]])))
    [[0.6 0.8]
     [0.  0. ]]
    """
    squared = jnp.square(x).sum(axis=-1, keepdims=True)
    has_length = squared > NO_LENGTH
    return jnp.where(has_length, x / jnp.sqrt(jnp.where(has_length, squared, 1.0)), 0.0)


def cosine_logits(
    x: Float[Array, "b e"], y: Float[Array, "n e"], scale: Float[Array, ""] | float
) -> Float[Array, "b n"]:
    """Return scale · cos(x, y) of every pair.

    Args:
        x: vectors of shape [batch, embedding].
        y: vectors of shape [examples, embedding].
        scale: the inverse of a temperature.

    Returns:
        Logits of shape [batch, examples].

    >>> cosine_logits(jnp.array([[0.0, 2.0]]), jnp.array([[0.0, 3.0], [1.0, 0.0]]), 10.0).tolist()
    [[10.0, 0.0]]
    """
    cosines = jnp.einsum(
        "be,ne->bn", normalize(x), normalize(y), precision=jax.lax.Precision.HIGHEST
    )
    return scale * cosines
