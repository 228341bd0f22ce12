"""GAP's contrastive loss and its choices: pure functions with one value per example.

Xiang et al., Generative Action Description Prompts for Skeleton-based Action Recognition, ICCV
2023. Where the paper and the released code differ, docs/facts.md A.6 has the details.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from optax.losses import kl_divergence

from gapjax.nn.losses import cosine_logits
from gapjax.registry import chosen

# The initial value of the trained temperature parameters, as in CLIP.
CLIP_SCALE = float(np.log(1 / 0.07))

# The inverse temperature 1/τ as a function of the trained parameter.
TEMPERATURES: dict[str, Callable[[Float[Array, " h"]], Float[Array, " h"]]] = {
    "released": lambda scale: scale,
    "paper": lambda scale: jnp.full_like(scale, 1 / 0.1),
    "clip": jnp.exp,
}

# The divisor of the sum of the heads' losses, K of Eq. 6: (part heads, global heads) → K.
AVERAGES: dict[str, Callable[[int, int], int]] = {
    "parts_and_global": lambda part_heads, global_heads: part_heads + global_heads,
    "parts": lambda part_heads, global_heads: max(part_heads, 1),
}


def _softmax_targets(same_class: Bool[Array, "b b"]) -> Float[Array, "b b"]:
    """Return the softmax of ten times the 0/1 matrix, by row."""
    return jax.nn.softmax(10.0 * same_class, axis=-1)


def _equal_targets(same_class: Bool[Array, "b b"]) -> Float[Array, "b b"]:
    """Return rows in which all matches have the same probability."""
    return same_class / same_class.sum(axis=-1, keepdims=True)


TARGETS: dict[str, Callable[[Bool[Array, "b b"]], Float[Array, "b b"]]] = {
    "released": _softmax_targets,
    "paper": _equal_targets,
}


def match_targets(labels: Int[Array, " b"], kind: str = "released") -> Float[Array, "b b"]:
    """Return the target probabilities of the pairs of a batch: y of GAP's Eq. 5, by row.

    Args:
        labels: classes of shape [batch].
        kind: with Y one where labels are equal, else zero, `"released"` is softmax(10 · Y) by row
            (docs/facts.md A.6), and `"paper"` is Y divided by its row sums.

    Returns:
        Probabilities of shape [batch, batch].

    Raises:
        UserError: there is no such kind.

    >>> match_targets(jnp.array([7, 2, 7]), "paper").tolist()
    [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]
    """
    same_class = labels[:, None] == labels[None, :]
    return TARGETS[chosen("targets", kind, TARGETS)](same_class)


def matching_loss(
    skeleton: Float[Array, "b e"],
    text: Float[Array, "b e"],
    targets: Float[Array, "b b"],
    scale: Float[Array, ""] | float,
) -> Float[Array, " b"]:
    """Return GAP's contrastive loss: the mean of the two directions' divergences (Eq. 4 and 5).

    Row i is ½ KL(y_i ‖ p^s2t(s_i)) + ½ KL(y_i ‖ p^t2s(t_i)), where p^s2t is the softmax of
    sim(s, t) / τ; the released "batchmean" is the mean of the rows, and the direction of KL is the
    released one (docs/facts.md A.6 and A.9).

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
    to_text = kl_divergence(jax.nn.log_softmax(logits), targets)
    to_skeleton = kl_divergence(jax.nn.log_softmax(logits.T), targets)
    return (to_text + to_skeleton) / 2
