"""Scenes to draw: a skeleton sequence and its views.

Three coordinates are those of Kinect v2: the origin is the camera, x points to its left, y up and z
away from it, in meters. The front view is what the camera sees: a person who faces it has the left
hand on the right. Two coordinates are those of an image: x to the right and y down.
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
    """A view of a body.

    Attributes:
        title: the title of its panel.
        across: the horizontal coordinate; coordinate 1 is vertical.
        rightwards: 1 if the horizontal coordinate grows to the right, -1 if to the left.
        upwards: 1 if the vertical coordinate grows upwards, -1 if downwards.
        unit: the unit of the coordinates.
    """

    title: str
    across: int
    rightwards: int
    upwards: int
    unit: str


# Number of coordinates → views.
VIEWS = {
    2: (View("as in the image", 0, 1, -1, "as stored"),),
    3: (
        View("front: from the camera", 0, -1, 1, "m"),
        View("side: from the right", 2, 1, 1, "m"),
    ),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """A sequence to draw.

    Attributes:
        skeleton: the sequence; a body that is zero in a frame is absent from it.
        body: its body model.
        title: the picture's title.
        metadata: the parts of the caption.
        seen: the joints to draw, according to a confidence; None for all.
    """

    skeleton: Float[np.ndarray, "t m v c"]
    body: Skeleton
    title: str
    metadata: Sequence[str]
    seen: Bool[np.ndarray, "t m v"] | None = None

    @property
    def views(self) -> tuple[View, ...]:
        """Return the views of the sequence."""
        return VIEWS[self.skeleton.shape[-1]]

    @property
    def present(self) -> Bool[np.ndarray, "t m"]:
        """Return the frames in which each person is present."""
        return self.skeleton.any(axis=(2, 3))

    @property
    def drawn(self) -> Bool[np.ndarray, "t m v"]:
        """Return the joints to draw: the visible ones of persons who are present."""
        present = np.broadcast_to(self.present[..., None], self.skeleton.shape[:3])
        return present if self.seen is None else present & self.seen


def evenly(count: int, wanted: int) -> Int[np.ndarray, " n"]:
    """Return at most `wanted` of `count` frames, evenly spaced from the first to the last.

    >>> evenly(10, 4)
    array([0, 3, 6, 9])
    """
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def side_of(joint: str) -> int:
    """Return the side of the body in a joint's name, as an index of `SIDES`.

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
    """Return each joint's side; all are 0 if no joint's name has one."""
    joint_sides = [side_of(joint) for joint in body.joints]
    return joint_sides if set(joint_sides) != {1} else [0] * len(joint_sides)


def limits(
    scene: Scene, frames: Int[np.ndarray, " n"], min_aspect: float
) -> Float[np.ndarray, "c 2"]:
    """Return each coordinate's limits in a panel (low, high).

    All drawn joints of `frames` fit, and all views have the same width, which is at least
    `min_aspect` times the height.
    """
    joints = scene.skeleton[frames][scene.drawn[frames]].astype(np.float64)
    if not len(joints):
        joints = np.zeros((1, scene.skeleton.shape[-1]))
    middle, half = (joints.max(0) + joints.min(0)) / 2, np.ptp(joints, axis=0) / 2
    height = 1.08 * (half[1] or half.max() or 1.0)
    width = max(1.1 * max(half[view.across] for view in scene.views), min_aspect * height)
    height = max(height, 0.5 * width)
    half = np.where(np.arange(len(half)) == 1, height, width)
    return np.stack([middle - half, middle + half], axis=1)


def aspect(shown: Float[np.ndarray, "c 2"]) -> float:
    """Return the width of a panel with these `limits` as a multiple of its height."""
    extents = np.ptp(shown, axis=1)
    return float(extents[0] / extents[1])
