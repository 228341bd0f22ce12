"""What a clip is, whichever way it comes in: its frames, and its persons in their order.

1. A person is seen in a frame if some coordinate is not zero; where joints have a confidence, that
   of a joint with a confidence above zero. A person who is not seen in a frame is zero there.
2. Persons who are never seen are left out. The others are ordered by their motion, most first, as
   in NTU RGB+D's preparation (facts C.2); persons of equal motion keep their order. A preparation
   that has ordered them already keeps its order. Of more persons than wanted, the first are kept.
3. Frames in which none of them is seen are left out: before, between and after the others.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

# Which person is first: the one who moves most; the first of a published cleaning, which goes by
# motion, too; or the one who acts, which no raw file records.
ORDERS = ("motion", "cleaned", "recorded")


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip, and what it is without.

    Attributes:
        skeleton: the persons who are seen; nothing if nobody is.
        empty: how many frames were left out, as nobody is seen in them.
        others: how many persons were left out, as others move more.
    """

    skeleton: Float32[np.ndarray, "t m v c"]
    empty: int
    others: int


def clip_of(
    frames: Float32[np.ndarray, "t m v c"], space: int, persons: int, sort: bool = True
) -> Clip:
    """Return the clip in the frames of a raw file.

    Args:
        frames: finite numbers.
        space: the number of coordinates; the number after them, if any, is a confidence.
        persons: the most persons of a clip.
        sort: whether to order the persons; otherwise those who are seen keep their order.
    """
    seen = _seen(frames, space)
    order = np.flatnonzero(seen.any(axis=0))
    if sort and len(order) > 1:
        moved = [-motion(_points(frames[seen[:, person], person], space)) for person in order]
        order = order[np.argsort(moved, kind="stable")]
    kept = order[:persons]
    filled = seen[:, kept].any(axis=1)
    skeleton = frames[filled][:, kept]
    skeleton[~seen[filled][:, kept]] = 0
    empty = len(frames) - int(filled.sum())
    return Clip(np.ascontiguousarray(skeleton), empty, len(order) - len(kept))


def motion(points: Float[np.ndarray, "n c"]) -> float:
    """Return how much a person moves: the variance of all points, summed over the coordinates."""
    return float(points.astype(np.float64).var(0).sum())


def _seen(frames: Float32[np.ndarray, "t m v c"], space: int) -> Bool[np.ndarray, "t m"]:
    """Return which persons are seen in which frames."""
    joints = (frames[..., :space] != 0).any(axis=-1)
    if frames.shape[-1] > space:
        joints &= frames[..., space] > 0
    return joints.any(axis=-1)


def _points(person: Float32[np.ndarray, "t v d"], space: int) -> Float32[np.ndarray, "n c"]:
    """Return the coordinates of a person's joints, of those that were seen if this is known."""
    if person.shape[-1] > space:
        person = person[person[..., space] > 0]
    return person[..., :space].reshape(-1, space)
