"""Losses that align skeletons with text, for the zero-shot baselines: pure functions.

Those with one value per example leave its reduction to the caller.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def rank_hinge(
    scores: Float[Array, "b k"],
    labels: Int[Array, " b"],
    margin: float,
    alike: Bool[Array, "k k"] | None = None,
) -> Float[Array, " b"]:
    """Return Σ_k max(0, margin + score_k - score_label) over the classes k that are not the label.

    The ranking loss of ReViSE (Tsai et al., ICCV 2017) and JPoSE (Wray et al., ICCV 2019), as the
    public code of SynSE has it, but for the label itself (docs/fidelity.md).

    Args:
        scores: of every example and class, of shape [batch, classes].
        labels: classes of shape [batch].
        margin: by how much the label's score should be larger.
        alike: which classes are no negatives of each other; None for each class alone.

    Returns:
        The loss of each example, of shape [batch].

    >>> rank_hinge(jnp.array([[1.0, 0.75, 0.0]]), jnp.array([0]), 0.5).tolist()
    [0.25]
    """
    alike = jnp.eye(scores.shape[1], dtype=bool) if alike is None else alike
    own = jnp.take_along_axis(scores, labels[:, None], axis=1)
    return jnp.where(alike[labels], 0.0, jax.nn.relu(margin + scores - own)).sum(axis=1)


def hardest_triplet(
    x: Float[Array, "b d"], words: Int[Array, " b"], margin: float
) -> Float[Array, " b"]:
    """Return max(0, margin + x·n - x·p) of each example x, with its hardest n and p in the batch.

    The ranking within skeletons of JPoSE (Wray et al., ICCV 2019). p is the least similar example
    of the same word, which may be x itself, and n the most similar of another; without one of
    another word the loss is 0.

    Args:
        x: vectors of shape [batch, channels].
        words: what is alike in examples, of shape [batch].
        margin: by how much p should be more similar.

    Returns:
        The loss of each example, of shape [batch].

    >>> x, words = jnp.array([[1.0, 0.0], [0.5, 0.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
    >>> hardest_triplet(x, words, 0.75).tolist()
    [0.25, 0.5, 0.0]
    """
    similarity = x @ x.T
    same = words[:, None] == words[None]
    nearest = jnp.where(same, -jnp.inf, similarity).max(axis=1)
    farthest = jnp.where(same, similarity, jnp.inf).min(axis=1)
    has_other = ~same.all(axis=1)
    difference = jnp.where(has_other, nearest, 0.0) - farthest
    return jnp.where(has_other, jax.nn.relu(margin + difference), 0.0)


def mean_discrepancy(
    x: Float[Array, "b d"], y: Float[Array, "b d"], sharpness: float
) -> Float[Array, ""]:
    """Return mean k(x, x') + mean k(y, y') - 2 mean k(x, y), k(a, b) = exp(-sharpness · ‖a - b‖²).

    The biased estimate of the squared maximum mean discrepancy (Gretton et al., JMLR 2012), by
    which ReViSE aligns the codes of skeletons and texts.

    Args:
        x: a sample, of shape [examples, channels].
        y: another one, as large.
        sharpness: of the kernel.

    >>> float(mean_discrepancy(jnp.zeros((3, 2)), jnp.full((3, 2), 9.0), 32.0))
    2.0
    """

    def kernel(a: Float[Array, "b d"], b: Float[Array, "b d"]) -> Float[Array, ""]:
        """Return the mean kernel of all pairs, none of whose differences takes memory."""
        dot = jnp.matmul(a, b.T, precision=jax.lax.Precision.HIGHEST)
        squares = jnp.square(a).sum(axis=1)[:, None] + jnp.square(b).sum(axis=1)[None]
        return jnp.exp(-sharpness * jax.nn.relu(squares - 2 * dot)).mean()

    return kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)


def divergence_from_normal(
    mean: Float[Array, "b a"], log_variance: Float[Array, "b a"]
) -> Float[Array, " b"]:
    """Return KL(N(mean, variance) ‖ N(0, I)) of each example, in nats.

    ½ Σ (variance + mean² - 1 - log variance) over dimensions (Kingma and Welling, ICLR 2014,
    Appendix B).

    Args:
        mean: the means, of shape [batch, dimensions].
        log_variance: the logarithms of the variances.

    >>> divergence_from_normal(jnp.array([[0.0, 2.0]]), jnp.zeros((1, 2))).tolist()
    [2.0]
    """
    return 0.5 * (jnp.exp(log_variance) + jnp.square(mean) - 1 - log_variance).sum(axis=-1)


def gaussian_distance(
    first: tuple[Float[Array, "b a"], Float[Array, "b a"]],
    second: tuple[Float[Array, "b a"], Float[Array, "b a"]],
) -> Float[Array, " b"]:
    """Return the 2-Wasserstein distance of two Gaussians of independent dimensions (CADA-VAE).

    √(‖μ₁ - μ₂‖² + ‖σ₁ - σ₂‖²) of each example (Schönfeld et al., CVPR 2019); its gradient is 0
    where the two are equal.

    Args:
        first: means and logarithms of variances.
        second: those of the other Gaussians.

    Returns:
        The distance of each example, of shape [batch].

    >>> zeros = jnp.zeros((1, 2))
    >>> gaussian_distance((jnp.array([[3.0, 4.0]]), zeros), (zeros, zeros)).tolist()
    [5.0]
    """
    (mean1, log1), (mean2, log2) = first, second
    deviation = jnp.exp(0.5 * log1) - jnp.exp(0.5 * log2)
    squared = (jnp.square(mean1 - mean2) + jnp.square(deviation)).sum(axis=-1)
    differ = squared > 0
    return jnp.where(differ, jnp.sqrt(jnp.where(differ, squared, 1.0)), 0.0)


def jensen_shannon(
    positive: Float[Array, " b"], negative: Float[Array, " b"], counted: Bool[Array, " b"]
) -> Float[Array, ""]:
    """Return the Jensen-Shannon estimate of mutual information (SMIE; Hjelm et al., ICLR 2019).

    mean -softplus(-T) over true pairs - mean softplus(T) over false ones, in nats.

    Args:
        positive: the critic T of pairs that belong together.
        negative: T of pairs that do not.
        counted: which of the latter are truly false.

    >>> round(float(jensen_shannon(jnp.zeros(2), jnp.zeros(2), jnp.ones(2, bool))), 4)
    -1.3863
    """
    false = jnp.where(counted, jax.nn.softplus(negative), 0.0).sum() / jnp.maximum(counted.sum(), 1)
    return -jax.nn.softplus(-positive).mean() - false
