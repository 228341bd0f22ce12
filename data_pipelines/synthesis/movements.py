"""The movements of head, hand, arm, hip, leg and foot, as curves of joint angles.

A curve is a function of the phase of the action, from 0 to 1, for a right-handed person. The
movements of the six parts add up to a pose, in any composition. Their descriptions are in
`gapjax/prompts/texts/synthetic.yaml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from data_pipelines.synthesis.draws import Number


@dataclass(frozen=True)
class Curve:
    """An angle over the phase, in degrees (`rise`: cm).

    Attributes:
        points: (phase, value) pairs, joined with minimum jerk (Flash and Hogan, 1985); the value is
            constant before the first and after the last.
        cycles: if not 0, the curve is the amplitude of a sine of that many cycles.
    """

    points: tuple[tuple[Number, Number], ...]
    cycles: Number = 0

    def at(self, phase: Float[np.ndarray, " t"], pace: Number) -> Float[np.ndarray, " t"]:
        """Return the curve at `phase`, with `pace` times its cycles."""
        times, values = np.array(self.points).T
        after = np.clip(np.searchsorted(times, phase), 1, len(times) - 1)
        part = (phase - times[after - 1]) / (times[after] - times[after - 1])
        part = np.clip(part, 0, 1)
        ease = part**3 * (10 - 15 * part + 6 * part**2)
        value = values[after - 1] + ease * (values[after] - values[after - 1])
        return value * np.sin(2 * np.pi * self.cycles * pace * phase) if self.cycles else value


Movement = Mapping[str, Curve]


def _path(*points: tuple[Number, Number]) -> Curve:
    return Curve(points)


def _held(value: Number) -> Curve:
    """Return a curve that rises to a value, holds it, and returns to 0."""
    return Curve(((0.04, 0), (0.34, value), (0.68, value), (0.96, 0)))


def _swing(value: Number, cycles: Number) -> Curve:
    """Return an oscillation with a value as its amplitude."""
    return Curve(_held(value).points, cycles)


def _pose(prefix: str, **values: Number) -> dict[str, Curve]:
    """Return a movement that holds values of degrees of freedom, named by `prefix` and key."""
    return {f"{prefix} {name.replace('_', ' ')}": _held(value) for name, value in values.items()}


def _both(movement: Movement) -> dict[str, Curve]:
    """Return a movement of the right side with its mirror image."""
    left = {name.replace("right", "left"): curve for name, curve in movement.items()}
    return {**movement, **left}


_ARM = {
    "still": {},
    "raise": _pose("right", arm_forward=-5, arm_out=86, arm_turn=-88, elbow=88),
    "to mouth": _pose("right", arm_forward=66, arm_out=-18, arm_turn=36, elbow=110),
    "to ear": _pose("right", arm_forward=80, arm_out=48, arm_turn=-12, elbow=118),
    "to crown": _both(_pose("right", arm_forward=92, arm_out=74, arm_turn=-24, elbow=84)),
    "reach": _pose("right", arm_forward=80, arm_out=-8, elbow=-6),
    "offer": _pose("right", arm_forward=30, arm_out=-20, arm_turn=20, elbow=38),
    "clap": _both(
        {
            **_pose("right", arm_forward=30, elbow=78),
            "right arm out": _swing(9, 3.5),
            "right arm turn": _path((0.05, 0), (0.3, 12), (0.7, 12), (0.95, 0)),
            "right wrist": _swing(-6, 3.5),
        }
    ),
    "overarm": {
        "right arm forward": _path((0.04, 0), (0.35, -15), (0.6, 95), (0.78, 40), (0.96, 0)),
        "right arm out": _path((0.04, 0), (0.35, 80), (0.6, 25), (0.78, -18), (0.96, 0)),
        "right arm turn": _path((0.04, 0), (0.35, -85), (0.6, -10), (0.96, 0)),
        "right elbow": _path((0.04, 0), (0.35, 90), (0.6, 5), (0.96, 0)),
    },
    "thrust": _both(
        {
            "right arm forward": _path((0.05, 0), (0.32, -8), (0.5, 72), (0.62, 72), (0.9, 0)),
            "right arm out": _path((0.05, 0), (0.32, 10), (0.5, -6), (0.62, -6), (0.9, 0)),
            "right elbow": _path((0.05, 0), (0.32, 118), (0.5, 8), (0.62, 8), (0.9, 0)),
        }
    ),
    "wrap": _both(
        {
            "right arm forward": _path((0.1, 0), (0.35, 20), (0.6, 57), (0.8, 57), (0.97, 0)),
            "right arm out": _path((0.1, 0), (0.35, 60), (0.6, 0), (0.8, 0), (0.97, 0)),
            "right arm turn": _path((0.1, 0), (0.35, -15), (0.6, 52), (0.8, 52), (0.97, 0)),
            "right elbow": _path((0.1, 0), (0.35, 45), (0.6, 62), (0.8, 62), (0.97, 0)),
        }
    ),
}
_HAND = {
    "still": {},
    "swing": {"right elbow": _swing(24, 3), "right wrist": _swing(16, 3)},
    "grip": _pose("right", grip=55),
    "grip both": _both(_pose("right", grip=55)),
    "meet": _both({"right arm turn": _swing(17, 3.5), "right grip": _held(-20)}),
    "palm": _both(
        {
            "right wrist": _path((0.1, 0), (0.35, -55), (0.62, -60), (0.9, 0)),
            "right grip": _path((0.1, 0), (0.35, -20), (0.62, -20), (0.9, 0)),
        }
    ),
    "release": {
        "right grip": _path((0.05, 0), (0.25, 65), (0.5, 65), (0.6, -10), (0.95, 0)),
        "right wrist": _path((0.3, 0), (0.5, -45), (0.62, 45), (0.95, 0)),
    },
    "shake": {
        "right grip": _held(40),
        "right elbow": _swing(13, 3),
        "right arm forward": _swing(-6, 3),
    },
}
_HEAD = {
    "still": {},
    "nod": {"nod": _swing(32, 3), "bend": _swing(7, 3)},
    "shake": {
        "shake": _swing(52, 2.5),
        "tilt": _swing(-15, 2.5),
        "twist": _swing(13, 2.5),
        "side": _swing(-3, 2.5),
    },
    "lower": {"nod": _held(32)},
    "tilt back": {"nod": _held(-26)},
    "tilt aside": {"tilt": _held(22), "shake": _held(-8)},
}
_HIP = {
    "still": {},
    "bend": {
        "lean": _held(38),
        "bend": _held(20),
        **_both(_pose("right", leg_forward=-9)),
    },
    "twist": {
        "twist": _path((0.05, 0), (0.35, -32), (0.6, 32), (0.95, 0)),
        "side": _path((0.05, 0), (0.35, -6), (0.6, 8), (0.95, 0)),
    },
    "lean back": {
        "lean": _path((0.44, 0), (0.6, -21), (0.92, 0)),
        "bend": _path((0.44, 0), (0.6, -14), (0.92, 0)),
    },
    "sink and rise": {"lean": _held(34)},
    "sink": {"lean": _path((0.1, 0), (0.5, 36), (0.92, 6))},
    "rise": {"lean": _path((0.08, 6), (0.5, 38), (0.9, 0))},
    "take off": {
        "lean": _path((0.1, 0), (0.3, 28), (0.42, 0), (0.68, 0), (0.8, 22), (0.95, 0)),
        "rise": _path((0.42, 0), (0.55, 27), (0.68, 0)),
    },
}
_STEP = {
    "left leg forward": _path((0.1, 0), (0.24, 34), (0.37, 21), (0.6, 0)),
    "left knee": _path((0.1, 0), (0.24, 48), (0.37, 6), (0.6, 0)),
    "right leg forward": _path((0.1, 0), (0.24, -5), (0.39, -21), (0.54, 24), (0.68, 0)),
    "right knee": _path((0.28, 0), (0.4, 12), (0.54, 46), (0.68, 0)),
}
_BENT_LEG = ("right leg forward", "right knee")
_LEG = {
    "still": {},
    "kick": {
        "right leg forward": _path((0.06, 0), (0.35, -24), (0.6, 80), (0.82, 20), (0.96, 0)),
        "right knee": _path((0.06, 0), (0.35, 70), (0.48, 48), (0.62, 8), (0.82, 36), (0.96, 0)),
        **_pose("left", leg_forward=6, knee=12),
    },
    "squat": _both(_pose("right", leg_forward=84, knee=104, leg_out=9)),
    "sit": _both(dict.fromkeys(_BENT_LEG, _path((0.1, 0), (0.85, 84)))),
    "stand": _both(dict.fromkeys(_BENT_LEG, _path((0.15, 84), (0.9, 0)))),
    "spring": _both(
        {
            "right leg forward": _path(
                (0.1, 0), (0.3, 48), (0.42, 4), (0.55, 24), (0.68, 10), (0.8, 42), (0.95, 0)
            ),
            "right knee": _path(
                (0.1, 0), (0.3, 74), (0.42, 5), (0.55, 40), (0.68, 14), (0.8, 62), (0.95, 0)
            ),
        }
    ),
    "step forward": _STEP,
    "step back": {
        "right leg forward": _path((0.48, 0), (0.6, -16), (0.7, -18), (0.9, 0)),
        "right knee": _path((0.48, 0), (0.6, 40), (0.7, 4), (0.9, 0)),
        "left leg forward": _path((0.58, 0), (0.72, 16), (0.83, 22), (0.97, 0)),
        "left knee": _path((0.72, 0), (0.83, 40), (0.97, 0)),
    },
}
_FOOT = {
    "still": {},
    "point": {"right ankle": _path((0.1, 0), (0.4, -10), (0.6, -38), (0.82, -10), (0.95, 0))},
    "leave": _both({"right ankle": _path((0.34, 0), (0.44, -36), (0.62, -30), (0.72, 0))}),
    "step forward": {
        "left ankle": _path((0.1, 0), (0.22, -14), (0.36, 14), (0.46, 0)),
        "right ankle": _path((0.3, 0), (0.42, -24), (0.56, 12), (0.68, 0)),
    },
    "step back": {
        "right ankle": _path((0.48, 0), (0.6, -22), (0.72, 0)),
        "left ankle": _path((0.66, 0), (0.78, 14), (0.92, 0)),
    },
}

MOVEMENTS: Mapping[str, Mapping[str, Movement]] = {
    "head": _HEAD,
    "hand": _HAND,
    "arm": _ARM,
    "hip": _HIP,
    "leg": _LEG,
    "foot": _FOOT,
}
