"""Ways to make one body's features of those of several persons."""

from collections.abc import Callable

from jaxtyping import Array, Float

from gapjax.nn.pooling import mean_of_persons, person_weights
from gapjax.registry import chosen

Features = Float[Array, "b m t v d"]
Clips = Float[Array, "b m t2 v2 c"]


def _mean(features: Features, clips: Clips) -> Float[Array, "b t v d"]:
    """Return the mean over persons; an absent person counts as much as a present one."""
    return mean_of_persons(features, person_weights(clips, "all"))


def _present(features: Features, clips: Clips) -> Float[Array, "b t v d"]:
    """Return the mean over the persons who are present in the clip."""
    return mean_of_persons(features, person_weights(clips, "present"))


def _released(features: Features, clips: Clips) -> Float[Array, "b t v d"]:
    """Return what STAR's release has in place of the mean (facts D.2).

    It reads memory that is ordered as persons, channels, frames, joints as if persons came last,
    and so averages neighboring joints: of two persons, the first gives half of the channels,
    and the second the rest.
    """
    del clips
    batch, persons, frames, joints, channels = features.shape
    memory = features.transpose(0, 1, 4, 2, 3)
    misread = memory.reshape(batch, channels, frames, joints, persons)
    return misread.mean(axis=-1).transpose(0, 2, 3, 1)


MERGES: dict[str, Callable[[Features, Clips], Float[Array, "b t v d"]]] = {
    "mean": _mean,
    "present": _present,
    "released": _released,
}


def merge(
    features: Float[Array, "b m t v d"], clips: Float[Array, "b m t2 v2 c"], kind: str
) -> Float[Array, "b t v d"]:
    """Return one body's features of those of several persons; a single person's stay as they are.

    Args:
        features: of shape [batch, persons, frames, joints, channels].
        clips: what the network saw, of which persons who are zero everywhere are absent.
        kind: `"mean"`, the mean over those who are `"present"`, or `"released"` for the mix-up of
            STAR's released code, with which its published numbers were probably obtained (facts
            D.2).

    Returns:
        Features of shape [batch, frames, joints, channels].

    Raises:
        UserError: there is no such merge.
    """
    return MERGES[chosen("person_merge", kind, MERGES)](features, clips)
