"""What is drawn of a skeleton sequence, and from where it is seen.

Three coordinates are those of Kinect v2: the origin is the camera, x points to its left, y up and z
away from it, in meters. The views are what somebody would see who stood there, so that a person who
faces the camera has the left hand at the right. Two coordinates are those of an image: x to the
right and y down.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from data_pipelines.specs.skeletons import Skeleton

SIDES = ("left", "middle", "right")


@dataclass(frozen=True)
class View:
    """From where a body is looked at.

    Attributes:
        title: what is said above it.
        across: the coordinate that is drawn across; coordinate 1 is drawn upright.
        rightwards: 1 if that coordinate grows to the right, -1 if to the left.
        upwards: 1 if coordinate 1 grows upwards, -1 if downwards.
        unit: what the coordinates are measured in.
    """

    title: str
    across: int
    rightwards: int
    upwards: int
    unit: str


# Coordinates of a joint → the views of a body.
VIEWS = {
    2: (View("as in the image", 0, 1, -1, "as stored"),),
    3: (
        View("front: from the camera", 0, -1, 1, "m"),
        View("side: from the right", 2, 1, 1, "m"),
    ),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """What is drawn.

    Attributes:
        skeleton: the sequence; a body that is zero throughout a frame is absent from it.
        body: its body model.
        title: the picture's headline.
        metadata: what is said below the headline.
        seen: which joints were seen, where a confidence tells; None for all. Others are not drawn.
    """

    skeleton: Float[np.ndarray, "t m v c"]
    body: Skeleton
    title: str
    metadata: Sequence[str]
    seen: Bool[np.ndarray, "t m v"] | None = None

    @property
    def views(self) -> tuple[View, ...]:
        """Return the views that show the sequence."""
        return VIEWS[self.skeleton.shape[-1]]

    @property
    def present(self) -> Bool[np.ndarray, "t m"]:
        """Return in which frames each person is there."""
        return self.skeleton.any(axis=(2, 3))

    @property
    def drawn(self) -> Bool[np.ndarray, "t m v"]:
        """Return which joints are drawn: those of persons who are there that were seen."""
        there = np.broadcast_to(self.present[..., None], self.skeleton.shape[:3])
        return there if self.seen is None else there & self.seen


def evenly(count: int, wanted: int) -> Int[np.ndarray, " n"]:
    """Return at most `wanted` of `count` frames, evenly spaced, the first and the last included.

    >>> evenly(10, 4)
    array([0, 3, 6, 9])
    """
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def side_of(joint: str) -> int:
    """Return the side of the body, as a place in `SIDES`, that the name of a joint tells.

    >>> [side_of(name) for name in ("left hand", "RShoulder", "hip_r", "neck", "LOWER BACK")]
    [0, 2, 2, 1, 1]
    """
    for side, word in ((0, "left"), (2, "right")):
        letter = word[0]
        apart = rf"{word}|^{letter}[-_. ]|[-_. ]{letter}$"
        if re.search(apart, joint, re.IGNORECASE) or re.match(
            rf"[{letter}{letter.upper()}][A-Z][a-z]", joint
        ):
            return side
    return 1


def sides(body: Skeleton) -> list[int]:
    """Return each joint's side; all the same if no joint's name tells one."""
    joint_sides = [side_of(joint) for joint in body.joints]
    return joint_sides if set(joint_sides) != {1} else [0] * len(joint_sides)


def limits(
    scene: Scene, frames: Int[np.ndarray, " n"], narrowest: float
) -> Float[np.ndarray, "c 2"]:
    """Return what a panel shows of each coordinate, from where to where.

    All that is drawn of `frames` fits. What is drawn across has the same width in every view.

    Args:
        scene: what is drawn.
        frames: the frames that are drawn.
        narrowest: the least width of a panel, as a multiple of its height.
    """
    joints = scene.skeleton[frames][scene.drawn[frames]].astype(np.float64)
    if not len(joints):
        joints = np.zeros((1, scene.skeleton.shape[-1]))
    middle, half = (joints.max(0) + joints.min(0)) / 2, np.ptp(joints, axis=0) / 2
    upright = 1.08 * (half[1] or half.max() or 1.0)
    width = max(1.1 * max(half[view.across] for view in scene.views), narrowest * upright)
    upright = max(upright, 0.5 * width)
    half = np.where(np.arange(len(half)) == 1, upright, width)
    return np.stack([middle - half, middle + half], axis=1)


def aspect(shown: Float[np.ndarray, "c 2"]) -> float:
    """Return a panel's width as a multiple of its height, by what it shows of each coordinate."""
    extents = np.ptp(shown, axis=1)
    return float(extents[0] / extents[1])
