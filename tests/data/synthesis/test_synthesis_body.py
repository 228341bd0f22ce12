"""The articulated body: kinematics against a slow oracle, limits, the floor, smoothness."""

import numpy as np
import pytest
from scipy.linalg import expm

from data_pipelines.specs.skeletons import NTU25
from data_pipelines.synthesis import body
from data_pipelines.synthesis.draws import Draws
from data_pipelines.synthesis.movements import MOVEMENTS, Curve
from data_pipelines.synthesis.performance import Take, drawn_person, perform, pose_of
from data_pipelines.synthesis.programs import LABELS, PROGRAMS

Scene = tuple[int, list[np.ndarray]]
BONES = body.drawn_bones(Draws(7, 1, 3))


def pose(frames: int = 2, **values: float) -> np.ndarray:
    out = np.zeros((frames, len(body.FREEDOMS)))
    for name, value in values.items():
        out[:, body.COLUMN[name.replace("_", " ")]] = value
    return out


def stand(**values: float) -> dict[str, np.ndarray]:
    joints = body.forward_kinematics(pose(**values), BONES)[0]
    return {name: joints[i] for i, name in enumerate(NTU25.joints)}


def turn(x: float, y: float, z: float) -> np.ndarray:
    """Swing about (x, 0, z), after a twist about y, by the matrix exponential."""

    def cross(v: np.ndarray) -> np.ndarray:
        return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])

    return expm(cross(np.array([x, 0, z]))) @ expm(cross(np.array([0, y, 0])))


def chain(joint: int, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The frame and the place of a joint by walking up to the pelvis, one joint at a time."""
    if joint == 0:
        return turn(*angles[0]), np.zeros(3)
    carrier = {1: 0, 12: 0, 16: 0, 21: 7, 22: 7, 23: 11, 24: 11}.get(joint)
    if carrier is None:
        carrier = {20: 1, 2: 20, 4: 20, 8: 20}.get(joint, joint - 1)
    frame, place = chain(carrier, angles)
    place = place + frame @ BONES[joint]
    own = turn(*angles[joint])
    return (own if joint in (12, 16) else frame @ own), place


def test_kinematics_agree_with_a_chain_of_matrix_exponentials() -> None:
    low = np.array([f.low for f in body.FREEDOMS])
    high = np.array([f.high for f in body.FREEDOMS])
    some = np.random.default_rng(0).uniform(low, high, (3, len(low)))
    for i, f in enumerate(body.FREEDOMS):
        if f.name.endswith("ankle") or f.name == "rise":
            some[:, i] = 0
    joints = body.forward_kinematics(some, BONES)
    for t in range(len(some)):
        angles = np.zeros((25, 3))
        for f, value in zip(body.FREEDOMS, some[t], strict=True):
            if f.joint is not None:
                angles[f.joint, f.axis] += f.sign * np.deg2rad(value)
        moving = [v for v in range(25) if v not in (15, 19)]
        expected = np.array([chain(v, angles)[1] for v in moving])
        np.testing.assert_allclose(joints[t, moving] - joints[t, 0], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("values", "joint", "base", "direction"),
    [
        ({"left_arm_forward": 90}, "left wrist", "left shoulder", (0, 0, 1)),
        ({"left_arm_out": 90}, "left wrist", "left shoulder", (1, 0, 0)),
        ({"right_arm_out": 90}, "right wrist", "right shoulder", (-1, 0, 0)),
        ({"right_arm_forward": 180}, "right wrist", "right shoulder", (0, 1, 0)),
        ({"left_elbow": 90}, "left wrist", "left elbow", (0, 0, 1)),
        ({"left_elbow": 90, "left_arm_turn": 90}, "left wrist", "left elbow", (-1, 0, 0)),
        ({"right_elbow": 90, "right_arm_turn": 90}, "right wrist", "right elbow", (1, 0, 0)),
        ({"right_knee": 90}, "right ankle", "right knee", (0, 0, -1)),
        ({"right_leg_forward": 90}, "right knee", "right hip", (0, 0, 1)),
        ({"left_leg_out": 60}, "left knee", "left hip", (np.sin(np.pi / 3), -0.5, 0)),
        ({"lean": 90}, "spine middle", "spine base", (0, 0, 1)),
    ],
)
def test_a_positive_angle_turns_the_way_its_name_says(
    values: dict[str, float], joint: str, base: str, direction: tuple[float, ...]
) -> None:
    joints = stand(**values)
    way = joints[joint] - joints[base]
    np.testing.assert_allclose(way / np.linalg.norm(way), direction, atol=1e-9)


def test_head_and_grip_turn_the_way_their_names_say() -> None:
    plain, nodding, tilted = stand(), stand(nod=30), stand(tilt=20)
    assert nodding["head"][2] > plain["head"][2] + 0.03
    assert nodding["head"][1] < plain["head"][1]
    assert tilted["head"][0] < plain["head"][0] - 0.03
    assert stand(right_grip=60)["right hand tip"][2] > plain["right hand tip"][2] + 0.03


def test_the_mirror_image_of_a_pose_is_the_mirror_image_of_the_body() -> None:
    # Every freedom at a different value, so that exchanging any two of them would be seen.
    some = np.tile(np.linspace(1, 29, len(body.FREEDOMS)), (2, 1))
    one = body.forward_kinematics(some, BONES)
    two = body.forward_kinematics(body.mirrored(some), BONES)
    swap = {"left": "right", "right": "left"}
    names = [" ".join(swap.get(w, w) for w in name.split()) for name in NTU25.joints]
    other = [NTU25.joints.index(name) for name in names]
    np.testing.assert_allclose(two[:, other] * np.array([-1, 1, 1]), one, atol=1e-9)
    np.testing.assert_array_equal(body.mirrored(body.mirrored(some)), some)


def test_persons_differ_and_have_human_sizes() -> None:
    bones = [body.drawn_bones(Draws(0, 1, subject, 0)) for subject in range(1, 41)]
    heights = [np.ptp(body.forward_kinematics(pose(), b)[0, :, 1]) + 0.1 for b in bones]
    assert 1.45 < min(heights) < 1.65 < 1.8 < max(heights) < 2.0
    assert len({b.tobytes() for b in bones}) == 40


def test_a_curve_passes_through_its_points_and_stays_outside_them() -> None:
    curve = Curve(((0.2, 3.0), (0.5, -1.0), (0.6, 4.0)))
    np.testing.assert_allclose(
        curve.at(np.array([0.0, 0.2, 0.35, 0.5, 0.6, 1.0]), 1.0), [3, 3, 1, -1, 4, 4]
    )
    swing = Curve(((0.0, 2.0), (1.0, 2.0)), cycles=1)
    np.testing.assert_allclose(swing.at(np.array([0.125, 0.25]), 2.0), [2, 0], atol=1e-12)


def test_movements_name_freedoms_and_use_every_part() -> None:
    used = {(part, role[part]) for program in PROGRAMS for role in program.roles for part in role}
    known = {(part, name) for part, table in MOVEMENTS.items() for name in table}
    assert used == known
    curves = [name for table in MOVEMENTS.values() for move in table.values() for name in move]
    assert set(curves) <= set(body.COLUMN)


@pytest.mark.parametrize("subject", [1, 4, 8])
def test_poses_keep_the_limits_of_the_joints(subject: int) -> None:
    low = np.array([f.low for f in body.FREEDOMS])
    high = np.array([f.high for f in body.FREEDOMS])
    phase = np.linspace(0, 1, 50)
    for action, program in enumerate(PROGRAMS):
        person = drawn_person(0, subject, 0)
        out = pose_of(program.roles[0], person, phase, Draws(0, 2, action, subject))
        assert (out >= low).all()
        assert (out <= high).all()


@pytest.fixture(scope="module", params=range(24), ids=LABELS)
def scene(request: pytest.FixtureRequest) -> Scene:
    """Two performances of a class by different subjects."""
    return request.param, [perform(Take(0, request.param, s, r)) for s, r in ((3, 1), (4, 2))]


def test_bones_keep_their_length(scene: Scene) -> None:
    child, parent = np.array(NTU25.bones).T
    for joints in scene[1]:
        lengths = np.linalg.norm(joints[:, :, child] - joints[:, :, parent], axis=-1)
        np.testing.assert_allclose(lengths, np.broadcast_to(lengths[:1], lengths.shape), atol=1e-9)


def test_feet_are_on_the_floor_and_leave_it_only_to_jump(scene: Scene) -> None:
    action, performances = scene
    for joints in performances:
        soles = np.minimum(joints[..., [15, 19], 1], joints[..., [14, 18], 1] - 0.06).min(-1)
        assert soles.min() > -0.03
        assert soles.max() > 0.15 if "jump" in LABELS[action] else soles.max() < 0.03


def test_a_foot_that_carries_the_body_does_not_slide(scene: Scene) -> None:
    action, performances = scene
    for joints in performances if "jump" not in LABELS[action] else ():
        ankles = joints[:, :, [14, 18]]
        speed = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=0), axis=-1)
        lower = ankles[1:, ..., 1].argmin(-1)[..., None]
        carrying = np.take_along_axis(speed, lower, axis=-1)
        assert np.median(carrying) < 0.003
        assert np.quantile(carrying, 0.8) < 0.01


def test_motion_is_smooth_and_of_human_speed(scene: Scene) -> None:
    for joints in scene[1]:
        assert np.isfinite(joints).all()
        speed = np.diff(joints, axis=0)
        assert np.linalg.norm(speed, axis=-1).max() < 0.35
        assert np.linalg.norm(np.diff(speed, axis=0), axis=-1).max() < 0.15


def test_two_persons_face_each_other_and_do_not_stand_in_each_other(scene: Scene) -> None:
    for joints in (j for j in scene[1] if j.shape[1] == 2):
        hips = joints[:, :, 0]
        assert 0.2 < np.linalg.norm(hips[:, 0] - hips[:, 1], axis=-1).min() < 1.8
        across = joints[0, :, 4] - joints[0, :, 8]
        ahead = np.stack([-across[:, 2], across[:, 0]], -1)
        towards = (hips[0, ::-1] - hips[0])[:, [0, 2]]
        assert ((ahead * towards).sum(-1) > 0).all()
