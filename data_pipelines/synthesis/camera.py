"""The simulated sensor: three cameras, noise, inferred joints, and lost frames.

A camera's axes are those of Kinect v2: the origin is the sensor, x points to its left, y up and z
away from it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from data_pipelines.synthesis.draws import Draws
from data_pipelines.synthesis.performance import Take

# As in NTU RGB+D, camera 1 is in the middle.
YAWS = {1: 0.0, 2: -45.0, 3: 45.0}
_HANDS, _FEET = (7, 11, 21, 22, 23, 24), (14, 15, 18, 19)
_LIMBS = ((6, 7, 21, 22), (10, 11, 23, 24), (14, 15), (18, 19))


@dataclass(frozen=True)
class Footage:
    """The recording of a camera.

    Attributes:
        skeleton: coordinates in meters, in the camera's axes, including lost frames.
        lost: the frames in which the sensor detects nobody.
        guessed: the joints that are inferred, not tracked.
    """

    skeleton: Float32[np.ndarray, "t m v 3"]
    lost: Bool[np.ndarray, " t"]
    guessed: Bool[np.ndarray, "t m v"]


def _view(
    scene: Float[np.ndarray, "t m v 3"], camera: int, draws: Draws
) -> Float[np.ndarray, "t m v 3"]:
    """Return the scene in the camera's axes."""
    yaw, pitch = np.deg2rad([YAWS[camera] + 5 * draws.one(-1, 1), draws.one(-4, 4)])
    away, height = draws.one(2.8, 3.3), draws.one(0.9, 1.1)
    sin, cos = np.sin(yaw), np.cos(yaw)
    turned = (scene - np.array([0, height, 0])) @ np.array(
        [[-cos, 0, -sin], [0, 1, 0], [sin, 0, -cos]]
    )
    turned[..., 2] += away
    sin, cos = np.sin(pitch), np.cos(pitch)
    return turned @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])


def _jitter(seen: Float[np.ndarray, "t m v 3"], draws: Draws) -> Float[np.ndarray, "t m v 3"]:
    """Return every joint's noise: 1 cm, more for hands and feet and behind the body."""
    scale = np.full(seen.shape[2], 0.01)
    scale[[*_HANDS, *_FEET]] = 0.016
    behind = np.clip((seen[..., 2] - seen[..., 1:2, 2]) / 0.3, 0, 1)
    return draws.normal(seen.shape) * (scale * (1 + behind))[..., None]


def _guesses(
    seen: Float[np.ndarray, "t m v 3"], draws: Draws
) -> tuple[Float[np.ndarray, "t m v 3"], Bool[np.ndarray, "t m v"]]:
    """Return the error of inferred ends of limbs in random intervals, and the inferred joints."""
    frames, persons = seen.shape[:2]
    error, guessed = np.zeros(seen.shape), np.zeros(seen.shape[:3], bool)
    for person in range(persons):
        for limb in _LIMBS:
            start, length, luck = draws.uniform(0, 1, (3,))
            off = draws.normal((3,)) * 0.06
            if luck < 0.3:
                interval = slice(int(start * frames), int(start * frames) + 3 + int(length * 9))
                error[interval, person, limb] = off
                guessed[interval, person, limb] = True
    return error, guessed


def _frozen(skeleton: Float[np.ndarray, "t m v 3"], draws: Draws) -> Float[np.ndarray, "t m v 3"]:
    """Return the skeleton with some bodies repeated from the previous frame."""
    stale = draws.uniform(0, 1, skeleton.shape[:2]) < 0.02
    stale[0] = False
    source = np.where(stale, 0, np.arange(len(skeleton))[:, None])
    source = np.maximum.accumulate(source, axis=0)
    return np.take_along_axis(skeleton, source[..., None, None], axis=0)


def film(scene: Float[np.ndarray, "t m v 3"], take: Take, camera: int) -> Footage:
    """Return the recording by a camera (1, 2 or 3) of the scene `perform(take)`."""
    draws = Draws(take.seed, 3, take.action, take.subject, take.repetition, camera)
    seen = _view(scene, camera, draws)
    error, guessed = _guesses(seen, draws)
    skeleton = _frozen(seen + error + _jitter(seen, draws), draws)
    lost = draws.uniform(0, 1, (len(scene),)) < 0.015
    return Footage(skeleton.astype(np.float32), lost, guessed)
