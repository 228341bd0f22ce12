"""The published cleaning of NTU RGB+D's tracked bodies into one or two persons (facts C.2).

The sensor gives a lost body a new id when it finds it again, and detects bodies in chairs. Short
and implausible tracks are dropped, and the others are joined to two persons, the one who moves most
first. Source: the preprocessing of SGN (Zhang et al., CVPR 2020), which CTR-GCN, InfoGCN and GAP
use.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from data_pipelines.parsers.ntu import Recording
from data_pipelines.specs import clip_rule

# If there are several tracks, they must be longer than this, in frames.
SHORTEST = 11
# A body is implausible in a frame if it is wider than this times its height ...
WIDEST = 0.8
# ... and not a person if this share of its frames is implausible.
IMPLAUSIBLE = 0.69754

# The joint in the middle of the spine.
_CENTER = 1


class NobodyError(ValueError):
    """A recording in which there is no person."""


@dataclass(frozen=True, eq=False)
class Track:
    """A body over consecutive frames; gaps in which the sensor lost it are closed.

    Attributes:
        start: its first frame, not counting frames without bodies.
        joints: its coordinates in meters.
        motion: the variance of all its points, summed over x, y and z.
    """

    start: int
    joints: Float32[np.ndarray, "n v 3"]
    motion: float

    @property
    def last(self) -> int:
        """Return the last frame."""
        return self.start + len(self.joints) - 1


def cleaned(recording: Recording) -> Float32[np.ndarray, "t m v 3"]:
    """Return the coordinates of one or two persons; the origin is the first person's first spine.

    A person who is absent from a frame is zero; frames without persons, and a second person who is
    always absent, are left out.

    Raises:
        NobodyError: no body is tracked long enough.
    """
    bodies = tracks(recording)
    if not bodies:
        raise NobodyError("there is no body in any frame")
    if len(bodies) > 1:
        bodies = plausible([body for body in bodies if len(body.joints) > SHORTEST])
    if not bodies:
        raise NobodyError(f"no body is tracked for more than {SHORTEST} frames")
    frames = len(np.unique(recording.frame))
    skeleton = persons(sorted(bodies, key=lambda body: -body.motion), frames)
    if len(skeleton) == 0:
        raise NobodyError("all coordinates are zero")
    return centered(skeleton)


def tracks(recording: Recording) -> list[Track]:
    """Return the track of every body, in the order of first appearance."""
    frame_number = np.unique(recording.frame, return_inverse=True)[1]
    bodies = []
    for body in range(int(recording.body.max(initial=-1)) + 1):
        rows = np.flatnonzero(recording.body == body)
        joints = recording.joints[rows]
        bodies.append(Track(int(frame_number[rows[0]]), joints, motion(joints)))
    return bodies


def motion(joints: Float32[np.ndarray, "n v 3"]) -> float:
    """Return the variance of all points, summed over the three coordinates."""
    return clip_rule.motion(joints.reshape(-1, 3))


def plausible(bodies: Sequence[Track]) -> list[Track]:
    """Return the bodies without those that are mostly wider than high; at least one is kept.

    The motion of kept bodies is at most that of their plausible frames.
    """
    kept = list(bodies)
    for body in bodies:
        if len(kept) == 1:
            break
        good = _upright(body.joints)
        index = next(i for i, other in enumerate(kept) if other is body)
        if 1 - good.mean() >= IMPLAUSIBLE:
            del kept[index]
        elif not good.all():
            moved = min(body.motion, motion(body.joints[good]))
            kept[index] = dataclasses.replace(body, motion=moved)
    return kept


def _upright(joints: Float32[np.ndarray, "n v 3"]) -> Bool[np.ndarray, " n"]:
    """Return the frames in which a body is not too wide for its height."""
    wide, high, _ = np.ptp(joints, axis=1).T
    return wide <= WIDEST * high


def persons(bodies: Sequence[Track], frames: int) -> Float32[np.ndarray, "t m v 3"]:
    """Return one or two persons from at least one body; the most important comes first.

    A body that does not overlap in time with the first person continues it, or else the second, and
    is dropped if it overlaps with both. `frames` is the number of frames with bodies.
    """
    skeleton = np.zeros((frames, 2, *bodies[0].joints.shape[1:]), np.float32)
    # The first and the last frame of the two persons; (0, 0) while there is no second.
    spans = [(bodies[0].start, bodies[0].last), (0, 0)]
    skeleton[bodies[0].start : bodies[0].last + 1, 0] = bodies[0].joints
    for body in bodies[1:]:
        for person, (first, last) in enumerate(spans):
            if min(last, body.last) - max(first, body.start) <= 0:
                skeleton[body.start : body.last + 1, person] = body.joints
                spans[person] = min(first, body.start), max(last, body.last)
                break
    present = skeleton.any((2, 3))
    return skeleton[present.any(1)][:, : 1 + present[:, 1].any()]


def centered(skeleton: Float32[np.ndarray, "t m v 3"]) -> Float32[np.ndarray, "t m v 3"]:
    """Return the skeleton relative to the middle of the first person's spine on appearance."""
    present = skeleton.any((2, 3))
    origin = skeleton[present[:, 0].argmax(), 0, _CENTER]
    return np.where(present[:, :, None, None], skeleton - origin, np.float32(0))
