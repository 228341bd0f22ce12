"""Bodies from the landmarks of a camera."""

import numpy as np
import pytest

from data_pipelines.specs.skeletons import COCO17, KINECT20, NTU25, Skeleton
from gapjax.streaming.landmarks import LANDMARKS, matrix, unmapped, weights_of

# Numbers from the package's POSE_LANDMARKS_LEFT and POSE_LANDMARKS_RIGHT.
NUMBERS = {
    name: int(number)
    for line in (
        "nose 0, left eye 2, right eye 5, left ear 7, right ear 8, left shoulder 11",
        "right shoulder 12, left wrist 15, right wrist 16, left pinky 17, left index 19",
        "right thumb 22, left hip 23, right hip 24, right ankle 28, left heel 29",
        "left foot index 31, right foot index 32",
    )
    for name, _, number in (entry.rpartition(" ") for entry in line.split(", "))
}


def test_the_models_order() -> None:
    assert len(LANDMARKS) == len({*LANDMARKS}) == 33
    assert {name: LANDMARKS.index(name) for name in NUMBERS} == NUMBERS


@pytest.mark.parametrize("body", [NTU25, KINECT20, COCO17], ids=lambda body: body.name)
def test_all_joints_of_known_bodies(body: Skeleton) -> None:
    """Weights sum to one, so that joints move with the body; left and right are not mixed up."""
    assert unmapped(body.joints) == []
    weights = matrix(body.joints)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    used = [{LANDMARKS[mark] for mark in np.flatnonzero(row)} for row in weights]
    for joint, names in zip(body.joints, used, strict=True):
        side = joint.split()[0]
        assert side not in ("left", "right") or {name.split()[0] for name in names} == {side}
        assert side in ("left", "right", "nose") or len(names) in (2, 4)


def test_a_standing_person() -> None:
    """Joints of the torso lie between hips and shoulders where the table says."""
    marks = np.zeros((33, 3))
    for name, at in {"hip": (0.1, 0), "shoulder": (0.2, 0.5), "ear": (0.08, 0.75)}.items():
        for side, sign in (("left", 1), ("right", -1)):
            marks[LANDMARKS.index(f"{side} {name}")] = sign * at[0], at[1], 2
    place = dict(zip(KINECT20.joints, matrix(KINECT20.joints) @ marks, strict=True))
    assert place["hip center"] == pytest.approx([0, 0.1, 2])
    assert place["shoulder center"] == pytest.approx([0, 0.64, 2])
    assert place["head"] == pytest.approx([0, 0.75, 2])
    assert place["left shoulder"] == pytest.approx([0.2, 0.5, 2])


def test_own_names() -> None:
    assert weights_of("Right_Wrist") == {"right wrist": 1}
    assert weights_of("leftHand") == {"left index": 0.5, "left pinky": 0.5}
    assert unmapped(("tail", "left hip", "wrist")) == ["tail", "wrist"]
