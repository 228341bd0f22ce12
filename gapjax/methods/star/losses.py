"""STAR's losses (ACM MM 2024, Eq. 5-7): pure functions with one value per example or class.

There is no temperature. The classes of a softmax are those whose texts are given: to leave the
unseen classes out, leave their rows out; labels are indices of rows. The release adds 1e-12
to a probability before its logarithm; here the logarithm is exact.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from gapjax.nn.losses import cosine_logits, cross_entropy
from gapjax.registry import chosen


def _dot(x: Float[Array, "b a"], y: Float[Array, "k a"]) -> Float[Array, "b k"]:
    """Return the dot product of every pair, as in Eq. 5, 7 and 9."""
    return jnp.einsum("ba,ka->bk", x, y, precision=jax.lax.Precision.HIGHEST)


def _cosine(x: Float[Array, "b a"], y: Float[Array, "k a"]) -> Float[Array, "b k"]:
    """Return the cosine of every pair, as released."""
    return cosine_logits(x, y, 1.0)


Similarity = Callable[[Float[Array, "b a"], Float[Array, "k a"]], Float[Array, "b k"]]
SIMILARITIES: dict[str, Similarity] = {"cosine": _cosine, "dot": _dot}


def similarity(
    x: Float[Array, "b a"], y: Float[Array, "k a"], kind: str = "cosine"
) -> Float[Array, "b k"]:
    """Return the similarity of every skeleton and every text.

    Args:
        x: the skeletons' latents, of shape [batch, attributes].
        y: the texts' latents, of shape [classes, attributes].
        kind: `"cosine"` (released) or `"dot"` (paper).

    Returns:
        Scores of shape [batch, classes].

    Raises:
        UserError: there is no such similarity.

    >>> x, y = jnp.array([[0.0, 2.0]]), jnp.array([[0.0, 3.0], [1.0, 0.0]])
    >>> similarity(x, y).tolist(), similarity(x, y, "dot").tolist()
    ([[1.0, 0.0]], [[6.0, 0.0]])
    """
    return SIMILARITIES[chosen("similarity", kind, SIMILARITIES)](x, y)


def global_loss(
    latent: Float[Array, "b a"],
    text: Float[Array, "k a"],
    labels: Int[Array, " b"],
    kind: str = "cosine",
) -> Float[Array, " b"]:
    """Return the global cross-entropy of each example, in nats: GCE, Eq. 7.

    Args:
        latent: the skeletons' latents, of shape [batch, attributes].
        text: the class names' latents, of shape [classes, attributes].
        labels: indices among the classes, of shape [batch].
        kind: the similarity, `"cosine"` or `"dot"`.

    >>> print(global_loss(jnp.array([[0.0, 2.0]]), jnp.eye(2), jnp.array([1])).round(2))
    [0.31]
    """
    return cross_entropy(similarity(latent, text, kind), labels)


def part_loss(
    latent: Float[Array, "b p a"],
    text: Float[Array, "k p a"],
    labels: Int[Array, " b"],
    kind: str = "cosine",
) -> Float[Array, " b"]:
    """Return the cross-entropy of each example, the mean of its parts', in nats: MPCE, Eq. 5.

    Args:
        latent: the skeletons' latents, of shape [batch, parts, attributes].
        text: the latents of the parts' descriptions, of shape [classes, parts, attributes].
        labels: indices among the classes, of shape [batch].
        kind: the similarity, `"cosine"` or `"dot"`.

    >>> one_part = jnp.eye(2)[:, None]
    >>> print(part_loss(one_part, one_part, jnp.array([0, 0])).round(2))
    [0.31 1.31]
    """
    of_part = jax.vmap(lambda x, y: global_loss(x, y, labels, kind), in_axes=1, out_axes=1)
    return of_part(latent, text).mean(axis=1)


def semantic_loss(
    part_text: Float[Array, "k p a"], text: Float[Array, "k a"]
) -> Float[Array, " k"]:
    """Return the semantic cross-entropy of each class, the mean of its parts', in nats: SCE, Eq. 6.

    Each part's description should find its own class's name, by the dot product, in the paper and
    as released. The classes given are those of the softmax; the release gives the unseen, too.

    Args:
        part_text: the latents of the parts' descriptions, of shape [classes, parts, attributes].
        text: the class names' latents, of shape [classes, attributes].

    >>> print(semantic_loss(jnp.eye(2)[:, None], jnp.eye(2)).round(2))
    [0.31 0.31]
    """
    own = jnp.arange(len(text))
    of_part = jax.vmap(lambda x: global_loss(x, text, own, "dot"), in_axes=1, out_axes=1)
    return of_part(part_text).mean(axis=1)
