"""Performances: persons who carry out a program, and their joints' positions in the room.

The room's axes are x, y up and z, in meters; the floor is y = 0 and the scene is at the origin.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from data_pipelines.specs.skeletons import PARTS
from data_pipelines.synthesis import body
from data_pipelines.synthesis.draws import Draws, Number
from data_pipelines.synthesis.movements import MOVEMENTS
from data_pipelines.synthesis.programs import PROGRAMS, Role

FPS = 30
_SECONDS = 2.1

# The posture at rest, and its standard deviation over persons, in degrees, by the last word of a
# degree of freedom's name.
_REST = {"out": 5, "elbow": 14, "grip": 20, "knee": 4}
_SPREAD = {"forward": 4, "out": 2, "turn": 6, "elbow": 6, "wrist": 8, "grip": 10, "knee": 1}
_SPREAD |= {"ankle": 0, "rise": 0, "nod": 5, "shake": 5, "tilt": 3}
_SPREAD |= {"lean": 2, "side": 1, "bend": 3, "twist": 2}


def _by_last_word(table: dict[str, int]) -> Float[np.ndarray, " d"]:
    """Return the table's value of every degree of freedom, 0 if it has none."""
    return np.array([table.get(name.split()[-1], 0) for name in body.COLUMN], float)


@dataclass(frozen=True)
class Take:
    """One performance of an action, seen by any number of cameras.

    Attributes:
        seed: the dataset's seed.
        action: the class, 0-based.
        subject: the subject, from 1.
        repetition: the repetition, from 1.
    """

    seed: int
    action: int
    subject: int
    repetition: int


@dataclass(frozen=True)
class Person:
    """The properties of a subject, the same in all samples.

    Attributes:
        bones: the body (`body.forward_kinematics`).
        left_handed: whether movements are mirrored.
        gains: the factors of the six parts' movements.
        seconds: the duration of an action.
        posture: the degrees of freedom at rest.
    """

    bones: Float[np.ndarray, "v 3"]
    left_handed: bool
    gains: Float[np.ndarray, " p"]
    seconds: float
    posture: Float[np.ndarray, " d"]


def drawn_person(seed: int, subject: int, role: int) -> Person:
    """Return a random person: the subject, or with `role` 1 the subject's partner."""
    draws = Draws(seed, 1, subject, role)
    bones = body.drawn_bones(draws)
    spread = _by_last_word(_SPREAD) * draws.normal((len(body.FREEDOMS),))
    return Person(
        bones=bones,
        left_handed=subject % 5 == 4,
        gains=draws.uniform(0.75, 1.12, (len(PARTS),)),
        seconds=_SECONDS * draws.one(0.85, 1.2),
        posture=_by_last_word(_REST) + spread,
    )


def _phase(frames: int, draws: Draws) -> Float[np.ndarray, " t"]:
    """Return the phase: idle, `frames` frames from 0 to 1 with varying speed, idle."""
    before, after = (int(draws.one(3, 11)) for _ in range(2))
    even = np.clip((np.arange(before + frames + after) - before) / (frames - 1), 0, 1)
    return even + draws.one(-0.3, 0.3) * np.sin(2 * np.pi * even) / (2 * np.pi)


def _sway(frames: int, draws: Draws) -> Float[np.ndarray, "t d"]:
    """Return the slow sway of a standing body, in degrees."""
    seconds = np.arange(frames)[:, None, None] / FPS
    shape = (len(body.FREEDOMS), 3)
    turns = draws.uniform(0.15, 0.8, shape) * seconds + draws.uniform(0, 1, shape)
    waves = np.sin(2 * np.pi * turns) * draws.uniform(0, 0.45, shape)
    return waves.sum(-1) * _by_last_word(_SPREAD)


def pose_of(
    role: Role, person: Person, phase: Float[np.ndarray, " t"], draws: Draws
) -> Float[np.ndarray, "t d"]:
    """Return the values of the degrees of freedom in every frame, for a right-handed person.

    Delays of parts, gains of angles (the same on both sides) and the pace of oscillations are
    random.
    """
    pose = person.posture + _sway(len(phase), draws)
    pace = draws.one(0.75, 1.3)
    delays = draws.uniform(-0.04, 0.04, (len(PARTS),))
    gains = draws.uniform(0.82, 1.18, (len(PARTS), len(body.FREEDOMS))) * person.gains[:, None]
    for part, delay, gain in zip(PARTS, delays, gains, strict=True):
        moved = np.clip(phase - delay, 0, 1)
        for name, curve in MOVEMENTS[part][role[part]].items():
            either = body.COLUMN[name.replace("left", "right")]
            pose[:, body.COLUMN[name]] += gain[either] * curve.at(moved, pace)
    return body.limited(pose)


def _facing(yaw: Number) -> Float[np.ndarray, "3 3"]:
    """Return the rotation of a body that faces +z by `yaw` degrees towards +x."""
    sin, cos = np.sin(np.deg2rad(yaw)), np.cos(np.deg2rad(yaw))
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _face_to_face(
    persons: list[Float[np.ndarray, "t v 3"]], apart: float
) -> Float[np.ndarray, "t 2 v 3"]:
    """Return two bodies that face each other along x, at least `apart` meters apart."""
    approach = sum(joints[:, 0, 2] - joints[0, 0, 2] for joints in persons)
    half = (apart + approach.max()) / 2
    sides = zip((90, -90), (-half, half), persons, strict=True)
    return np.stack([j @ _facing(yaw).T + np.array([x, 0, 0]) for yaw, x, j in sides], axis=1)


def perform(take: Take) -> Float[np.ndarray, "t m v 3"]:
    """Return the joints' positions in the room, without noise.

    As in NTU RGB+D, the scene faces one of the outer cameras in odd repetitions and the other in
    even ones.
    """
    draws = Draws(take.seed, 2, take.action, take.subject, take.repetition)
    program = PROGRAMS[take.action]
    persons = [drawn_person(take.seed, take.subject, i) for i in range(len(program.roles))]
    frames = round(FPS * persons[0].seconds * draws.one(0.9, 1.1))
    phase = _phase(frames, draws)
    poses = [
        pose_of(role, person, phase, draws)
        for role, person in zip(program.roles, persons, strict=True)
    ]
    # Sometimes the other hand is used; two persons use the same one.
    if persons[0].left_handed != (draws.one(0, 1) < 0.1):
        poses = [body.mirrored(pose) for pose in poses]
    joints = [
        body.forward_kinematics(pose, person.bones)
        for pose, person in zip(poses, persons, strict=True)
    ]
    scene = joints[0][:, None]
    if len(joints) == 2:
        scene = _face_to_face(joints, program.apart * draws.one(0.93, 1.1))
    yaw = (-45 if take.repetition % 2 else 45) + 12 * draws.one(-1, 1)
    spot = draws.uniform(-0.25, 0.25, (3,)) * np.array([1, 0, 1])
    return scene @ _facing(yaw).T + spot
