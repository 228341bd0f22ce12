"""Writing footage as NTU RGB+D's `.skeleton` text (facts C.1).

A file: the number of frames; for each frame the number of bodies; for each body a line of ten
metadata, the number of joints and a line for each joint: x y z, its pixel in the depth image and in
the color image, a quaternion, and whether it is tracked (2) or inferred (1). A lost frame has no
bodies. Nine digits preserve a float32.
"""

import numpy as np
from jaxtyping import Float

from data_pipelines.synthesis.camera import Footage

# Focal length and center, in pixels, of Kinect v2's depth (512 × 424) and color (1920 × 1080).
_DEPTH = (365.5, 256.0, 212.0)
_COLOR = (1068.0, 960.0, 540.0)
_BODY_ID = 72057594037927936
_JOINT = "%.9g %.9g %.9g %.7g %.7g %.7g %.7g 1 0 0 0 %d\n"


def _pixels(
    skeleton: Float[np.ndarray, "n v 3"], focal: float, right: float, down: float
) -> Float[np.ndarray, "n v 2"]:
    """Return the joints' pixels in a pinhole camera."""
    x, y, z = np.moveaxis(skeleton, -1, 0)
    return np.stack([right + focal * x / z, down - focal * y / z], axis=-1)


def _body_format(person: int, joints: int) -> str:
    """Return the format string of one body in one frame."""
    metadata = f"{_BODY_ID + person} 0 1 1 1 1 0 0 0 2"
    return f"{metadata}\n{joints}\n" + _JOINT * joints


def skeleton_text(footage: Footage) -> str:
    """Return the text of a `.skeleton` file."""
    kept = footage.skeleton[~footage.lost].astype(float)
    frames, persons, joints, _ = kept.shape
    bodies = kept.reshape(-1, joints, 3)
    state = 2 - footage.guessed[~footage.lost].reshape(-1, joints, 1)
    columns = (bodies, _pixels(bodies, *_DEPTH), _pixels(bodies, *_COLOR), state)
    numbers = iter(np.concatenate(columns, -1).reshape(frames, -1).tolist())
    present = f"{persons}\n" + "".join(_body_format(m, joints) for m in range(persons))
    texts = ["0\n" if lost else present % tuple(next(numbers)) for lost in footage.lost]
    return f"{len(texts)}\n" + "".join(texts)
