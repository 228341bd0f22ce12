"""The articulated body: degrees of freedom with limits, bones, and forward kinematics.

The body's axes are x to its left, y up and z forward, with the handedness of the sensor's axes. A
joint's rotation is a swing about the horizontal axes and then a twist about its bone. The legs'
angles are relative to the vertical, not to the pelvis, because the body stands on the floor.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from data_pipelines.specs.skeletons import NTU25
from data_pipelines.synthesis.draws import Draws

_X, _Y, _Z = range(3)


@dataclass(frozen=True)
class Freedom:
    """One degree of freedom: the angle of a joint about an axis, in degrees.

    Attributes:
        name: its name; for limbs, it starts with `left` or `right`.
        joint: the joint; None for `rise`, the height of the feet above the floor in cm.
        axis: 0, 1 or 2; axis 1 is the twist.
        sign: the direction of a positive angle about the axis.
        low: the smallest allowed value.
        high: the largest allowed value.
    """

    name: str
    joint: int | None
    axis: int
    sign: int
    low: int
    high: int


def _limbs(side: str, arm: int, leg: int, out: int) -> tuple[Freedom, ...]:
    """Return the degrees of freedom of one side, whose limbs start at `arm` and `leg`."""
    return (
        Freedom(f"{side} arm forward", arm, _X, -1, -60, 180),
        Freedom(f"{side} arm out", arm, _Z, out, -45, 170),
        Freedom(f"{side} arm turn", arm, _Y, -out, -100, 100),
        Freedom(f"{side} elbow", arm + 1, _X, -1, 0, 150),
        Freedom(f"{side} wrist", arm + 2, _X, -1, -75, 80),
        Freedom(f"{side} grip", arm + 3, _X, -1, -10, 100),
        Freedom(f"{side} leg forward", leg, _X, -1, -35, 125),
        Freedom(f"{side} leg out", leg, _Z, out, -25, 60),
        Freedom(f"{side} knee", leg + 1, _X, 1, 0, 150),
        Freedom(f"{side} ankle", leg + 2, _X, -1, -50, 35),
    )


FREEDOMS = (
    Freedom("lean", 0, _X, 1, -30, 95),
    Freedom("side", 0, _Z, 1, -35, 35),
    Freedom("bend", 1, _X, 1, -30, 60),
    Freedom("twist", 1, _Y, 1, -50, 50),
    Freedom("nod", 2, _X, 1, -45, 55),
    Freedom("shake", 2, _Y, 1, -75, 75),
    Freedom("tilt", 2, _Z, 1, -40, 40),
    *_limbs("left", 4, 12, 1),
    *_limbs("right", 8, 16, -1),
    Freedom("rise", None, 0, 0, 0, 60),
)
COLUMN = {freedom.name: column for column, freedom in enumerate(FREEDOMS)}
_LOW = np.array([freedom.low for freedom in FREEDOMS])
_HIGH = np.array([freedom.high for freedom in FREEDOMS])

# Joint → its parent and its offset from it, in meters, for a body of 1.75 m; the right side mirrors
# the left. Parents come first.
_LEFT = {
    4: (20, 0.17, -0.05, 0.0),
    5: (4, 0.0, -0.28, 0.0),
    6: (5, 0.0, -0.25, 0.0),
    7: (6, 0.0, -0.08, 0.0),
    21: (7, 0.0, -0.085, 0.01),
    22: (7, -0.01, -0.04, 0.05),
    12: (0, 0.085, -0.04, 0.0),
    13: (12, 0.0, -0.42, 0.0),
    14: (13, 0.0, -0.40, 0.0),
    15: (14, 0.01, -0.06, 0.13),
}
_OTHER_SIDE = {4: 8, 5: 9, 6: 10, 7: 11, 12: 16, 13: 17, 14: 18, 15: 19, 21: 23, 22: 24}
_BONES = {
    1: (0, 0.0, 0.31, 0.0),
    20: (1, 0.0, 0.22, 0.0),
    2: (20, 0.0, 0.08, 0.0),
    3: (2, 0.0, 0.15, 0.05),
    **_LEFT,
    **{
        _OTHER_SIDE[joint]: (_OTHER_SIDE.get(parent, parent), -x, y, z)
        for joint, (parent, x, y, z) in _LEFT.items()
    },
}
_PARENT = {joint: bone[0] for joint, bone in _BONES.items()}
_ANKLES, _TOES = [14, 18], [15, 19]
_ANKLE_HEIGHT = 0.06


def mirrored(pose: Float[np.ndarray, "t d"]) -> Float[np.ndarray, "t d"]:
    """Return the mirror image of `pose`."""
    swap = {"left": "right", "right": "left"}
    names = [" ".join(swap.get(word, word) for word in f.name.split()) for f in FREEDOMS]
    sideways = np.isin(list(COLUMN), ["side", "twist", "shake", "tilt"])
    return pose[:, [COLUMN[name] for name in names]] * np.where(sideways, -1.0, 1.0)


def limited(pose: Float[np.ndarray, "t d"]) -> Float[np.ndarray, "t d"]:
    """Return `pose` clipped to the limits of the joints."""
    return np.clip(pose, _LOW, _HIGH)


def drawn_bones(draws: Draws) -> Float[np.ndarray, "v 3"]:
    """Return a random body: for each joint the offset from its parent, in meters.

    The height is between about 1.5 and 1.95 m; trunk, arms and legs also vary.
    """
    bones = np.zeros((NTU25.num_joints, 3))
    for joint, bone in _BONES.items():
        bones[joint] = bone[1:]
    trunk, arms, legs = draws.uniform(0.94, 1.06, (3,))
    bones[[1, 2, 3, 20]] *= trunk
    bones[[*range(5, 8), *range(9, 12), *range(21, 25)]] *= arms
    bones[12:20] *= legs
    bones[[4, 8], 0] *= draws.one(0.92, 1.1)
    return bones * draws.one(0.89, 1.08)


def _rotations(angles: Float[np.ndarray, "t v 3"]) -> Float[np.ndarray, "t v 3 3"]:
    """Return swing · twist of every joint, angles in radians; the swing is Rodrigues' formula."""
    x, y, z = np.moveaxis(angles, -1, 0)
    angle = np.maximum(np.hypot(x, z), 1e-12)
    x, z, sin, cos = x / angle, z / angle, np.sin(angle), np.cos(angle)
    rest = 1 - cos
    swing = (cos + rest * x * x, -sin * z, rest * x * z)
    swing += (sin * z, cos, -sin * x)
    swing += (rest * x * z, sin * x, cos + rest * z * z)
    sin, cos, zero, one = np.sin(y), np.cos(y), np.zeros_like(y), np.ones_like(y)
    twist = (cos, zero, sin, zero, one, zero, -sin, zero, cos)
    shape = (*y.shape, 3, 3)
    return np.stack(swing, -1).reshape(shape) @ np.stack(twist, -1).reshape(shape)


def _angles(pose: Float[np.ndarray, "t d"]) -> Float[np.ndarray, "t v 3"]:
    """Return every joint's angles in radians; feet stay level within the ankles' limits."""
    angles = np.zeros((len(pose), NTU25.num_joints, 3))
    for freedom, value in zip(FREEDOMS, pose.T, strict=True):
        if freedom.joint is not None:
            angles[:, freedom.joint, freedom.axis] += freedom.sign * value
    for ankle in _ANKLES:
        level = -angles[:, ankle - 2, _X] - angles[:, ankle - 1, _X]
        angles[:, ankle, _X] = np.clip(angles[:, ankle, _X] + level, -35, 50)
    return np.deg2rad(angles)


def _travel(ankles: Float[np.ndarray, "t 2 3"]) -> Float[np.ndarray, "t 2"]:
    """Return the displacement (x, z) of the pelvis if the lower foot does not slide."""
    weight = np.exp(-(ankles[..., _Y] - ankles[..., _Y].min(1, keepdims=True)) / 0.02)
    weight /= weight.sum(1, keepdims=True)
    steps = -np.diff(ankles[..., [_X, _Z]], axis=0)
    steps = (steps * (weight[1:] + weight[:-1])[..., None] / 2).sum(1)
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])


def forward_kinematics(
    pose: Float[np.ndarray, "t d"], bones: Float[np.ndarray, "v 3"]
) -> Float[np.ndarray, "t v 3"]:
    """Return the joints' positions, in meters, of a body that stands on the floor y = 0.

    The body starts at the origin, facing +z, and moves by its steps.

    Args:
        pose: the values of `FREEDOMS` in every frame, within their limits.
        bones: the body (`drawn_bones`).
    """
    turns = _rotations(_angles(pose))
    frames = {0: turns[:, 0]}
    joints = np.zeros((len(pose), NTU25.num_joints, 3))
    for joint, parent in _PARENT.items():
        joints[:, joint] = joints[:, parent] + frames[parent] @ bones[joint]
        hip = parent == 0 and joint != 1
        frames[joint] = turns[:, joint] if hip else frames[parent] @ turns[:, joint]
    soles = np.concatenate([joints[:, _ANKLES, _Y] - _ANKLE_HEIGHT, joints[:, _TOES, _Y]], axis=1)
    lowest = -0.01 * np.log(np.mean(np.exp(-soles / 0.01), axis=1))
    joints[..., _Y] += (pose[:, COLUMN["rise"]] / 100 - lowest)[:, None]
    joints[..., [_X, _Z]] += _travel(joints[:, _ANKLES])[:, None]
    return joints
