"""The body of a bundle from the 33 landmarks of MediaPipe's pose model.

Every joint is a weighted sum of landmarks, by its name; the weights sum to one, so that the sum
moves with the body. Joints along the torso that have no landmark lie where Kinects put them between
the hips (0) and the shoulders (1): in UTD-MHAD and NW-UCLA (Kinect v1) the hip center at 0.2, the
spine at 0.37 and the shoulder center at 1.28; in the built-in body (Kinect v2) the spine base at
0.08, the middle at 0.68, the shoulders' spine at 1.1 and the neck at 1.25.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from gapjax.serving.class_names import folded

_SIDED = (
    *("eye inner", "eye", "eye outer"),
    *("ear", "mouth", "shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
    *("hip", "knee", "ankle", "heel", "foot index"),
)


def _landmarks() -> tuple[str, ...]:
    """Return the names in the model's order: eyes side by side, what follows in pairs."""
    eyes = [f"{side} {name}" for side in ("left", "right") for name in _SIDED[:3]]
    pairs = [f"{side} {name}" for name in _SIDED[3:] for side in ("left", "right")]
    return ("nose", *eyes, *pairs)


LANDMARKS = _landmarks()

# Landmark → weight; without "left" or "right", the mean of both sides.
Weights = Mapping[str, float]


def _torso(share: float) -> dict[str, float]:
    return {"hip": 1 - share, "shoulder": share}


# Joints that have no side.
_MIDDLE: Mapping[str, Weights] = {
    "nose": {"nose": 1.0},
    "head": {"ear": 1.0},
    "hip center": _torso(0.2),
    "spine": _torso(0.37),
    "shoulder center": _torso(1.28),
    "spine base": _torso(0.08),
    "spine middle": _torso(0.68),
    "spine shoulder": _torso(1.1),
    "neck": _torso(1.25),
}
# Joints of the left or the right side, of landmarks of that side.
_OF_SIDE: Mapping[str, Weights] = {
    **{name: {name: 1.0} for name in ("eye", "ear", "shoulder", "elbow", "wrist", "thumb")},
    **{name: {name: 1.0} for name in ("hip", "knee", "ankle")},
    "hand": {"index": 0.5, "pinky": 0.5},
    "hand tip": {"index": 1.0, "pinky": 1.0, "wrist": -1.0},
    "foot": {"foot index": 1.0},
}


def weights_of(joint: str) -> dict[str, float]:
    """Return landmark → weight of a joint by its name; empty if none is known.

    >>> weights_of("left hand"), weights_of("LeftKnee"), weights_of("tail")
    ({'left index': 0.5, 'left pinky': 0.5}, {'left knee': 1.0}, {})
    """
    words = folded("".join(f" {c}" if c.isupper() else c for c in joint))
    if words in _MIDDLE:
        return _both_sides(_MIDDLE[words])
    side, _, rest = words.partition(" ")
    weights = _OF_SIDE.get(rest, {}) if side in ("left", "right") else {}
    return {f"{side} {name}": weight for name, weight in weights.items()}


def _both_sides(weights: Weights) -> dict[str, float]:
    sided = {
        f"{side} {name}": weight / 2
        for name, weight in weights.items()
        if name in _SIDED
        for side in ("left", "right")
    }
    return sided or dict(weights)


def matrix(joints: Sequence[str]) -> Float[np.ndarray, "v n"]:
    """Return the weights of all landmarks (n) for every joint; zeros for unknown joints."""
    found = np.zeros((len(joints), len(LANDMARKS)))
    for row, joint in enumerate(joints):
        for name, weight in weights_of(joint).items():
            found[row, LANDMARKS.index(name)] = weight
    return found


def unmapped(joints: Sequence[str]) -> list[str]:
    """Return the joints that no landmark can stand for."""
    return [joint for joint in joints if not weights_of(joint)]
