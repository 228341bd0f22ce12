"""Losses: pure functions with one value an example; the caller reduces.

References:
    GAP: Xiang et al., Generative Action Description Prompts for Skeleton-based Action Recognition,
    ICCV 2023. Where paper and released code differ, facts A.6 has the details.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from gapjax.registry import chosen

# Squared length below which a vector has no direction, as in PyTorch's `normalize`.
NO_LENGTH = 1e-24


def cross_entropy(logits: Float[Array, "b k"], label: Int[Array, " b"]) -> Float[Array, " b"]:
    """Return -log softmax(logits)[label] of each example (GAP, L_cls of Eq. 1).

    Args:
        logits: scores of shape [batch, classes].
        label: classes of shape [batch].

    Returns:
        The loss of each example, of shape [batch], in nats.

    >>> print(cross_entropy(jnp.zeros((2, 4)), jnp.array([3, 0])).round(4))
    [1.3863 1.3863]
    """
    log_share = jax.nn.log_softmax(logits, axis=-1)
    return -jnp.take_along_axis(log_share, label[:, None], axis=-1)[:, 0]


def _softened(same: Bool[Array, "b b"]) -> Float[Array, "b b"]:
    """Return the softmax of ten times the 0/1 matrix, by rows."""
    return jax.nn.softmax(10.0 * same, axis=-1)


def _shared(same: Bool[Array, "b b"]) -> Float[Array, "b b"]:
    """Return rows whose positives have equal shares."""
    return same / same.sum(axis=-1, keepdims=True)


TARGETS: dict[str, Callable[[Array], Array]] = {"released": _softened, "paper": _shared}


def match_targets(label: Int[Array, " b"], target: str = "released") -> Float[Array, "b b"]:
    """Return which examples of a batch should match which: y of GAP's Eq. 5, rows summing to 1.

    Args:
        label: classes of shape [batch].
        target: `"released"` for softmax(10 · Y) along the rows, where Y is one where labels are
            equal, else zero (facts A.6); `"paper"` for rows of Y divided by their sum.

    Returns:
        Probabilities of shape [batch, batch].

    Raises:
        UserError: there is no such target.

    >>> match_targets(jnp.array([7, 2, 7]), "paper").tolist()
    [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]
    """
    make = TARGETS[chosen("target", target, TARGETS)]
    return make(label[:, None] == label[None, :])


def normalize(x: Float[Array, "n e"]) -> Float[Array, "n e"]:
    """Return rows of length 1; a row of zeros stays zero, and its gradient is zero.

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
    """Return scale · cos(x, y) of every pair: sim(s, t) / τ of GAP's Eq. 4, with scale = 1 / τ.

    Args:
        x: vectors of shape [batch, embedding].
        y: vectors of shape [examples, embedding].
        scale: the inverse temperature 1 / τ.

    Returns:
        Logits of shape [batch, examples].

    >>> cosine_logits(jnp.array([[0.0, 2.0]]), jnp.array([[0.0, 3.0], [1.0, 0.0]]), 10.0).tolist()
    [[10.0, 0.0]]
    """
    exact = jax.lax.Precision.HIGHEST
    return scale * jnp.einsum("be,ne->bn", normalize(x), normalize(y), precision=exact)


def kl_divergence(target: Float[Array, "b n"], logits: Float[Array, "b n"]) -> Float[Array, " b"]:
    """Return KL(target ‖ softmax(logits)) of each row.

    Args:
        target: probabilities of shape [batch, examples]; zeros are allowed.
        logits: scores of shape [batch, examples].

    Returns:
        Divergences of shape [batch], in nats.

    >>> print(kl_divergence(jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 0.0]])).round(4))
    [0.6931]
    """
    log_share = jax.nn.log_softmax(logits, axis=-1)
    return (jax.scipy.special.xlogy(target, target) - target * log_share).sum(axis=-1)


def matching_loss(
    skeleton: Float[Array, "b e"],
    text: Float[Array, "b e"],
    targets: Float[Array, "b b"],
    scale: Float[Array, ""] | float,
) -> Float[Array, " b"]:
    """Return GAP's contrastive loss: the mean of the two directions' divergences (Eq. 4 and 5).

    Row i is ½ KL(y_i ‖ p^s2t(s_i)) + ½ KL(y_i ‖ p^t2s(t_i)); the released "batchmean" is the mean
    of the rows, and the direction of KL is the released one (facts A.6 and A.9).

    Args:
        skeleton: the skeletons' embeddings, of shape [batch, embedding].
        text: the texts' embeddings, of shape [batch, embedding]; row i describes example i.
        targets: probabilities of shape [batch, batch], from `match_targets`.
        scale: the inverse temperature 1 / τ.

    Returns:
        The loss of each example, of shape [batch], in nats.

    >>> same = jnp.array([[3.0, 4.0], [4.0, -3.0]])
    >>> print(matching_loss(same, same, match_targets(jnp.array([0, 1])), 5.0).round(4))
    [0.0064 0.0064]
    """
    logits = cosine_logits(skeleton, text, scale)
    to_text = kl_divergence(targets, logits)
    to_skeleton = kl_divergence(targets, logits.T)
    return (to_text + to_skeleton) / 2
