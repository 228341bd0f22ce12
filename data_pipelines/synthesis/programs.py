"""The actions as compositions of part movements, for one or two persons."""

from collections.abc import Mapping
from dataclasses import dataclass

from data_pipelines.specs.skeletons import PARTS

Role = Mapping[str, str]


@dataclass(frozen=True)
class Program:
    """A class of actions.

    Attributes:
        label: the class name.
        roles: for each person, part → the name of its movement in `movements.MOVEMENTS`.
        apart: the smallest distance of two persons' hips, in meters.
    """

    label: str
    roles: tuple[Role, ...]
    apart: float = 0.0


def _role(**moving: str) -> Role:
    """Return a role in which only the given parts move."""
    return {part: moving.get(part, "still") for part in PARTS}


def _one(label: str, **moving: str) -> Program:
    return Program(label, (_role(**moving),))


def _alike(label: str, apart: float, **moving: str) -> Program:
    return Program(label, (_role(**moving),) * 2, apart)


_BOW = {"head": "lower", "hip": "bend"}
_WAVE = {"hand": "swing", "arm": "raise"}
_CLAP = {"hand": "meet", "arm": "clap"}
_DRINK = {"head": "tilt back", "hand": "grip", "arm": "to mouth"}
_SQUAT = {"hip": "sink and rise", "leg": "squat"}
_SIT = {"hip": "sink", "leg": "sit"}
_JUMP = {"hip": "take off", "leg": "spring", "foot": "leave"}
_THROW = {"hand": "release", "arm": "overarm"}
_KICK = {"leg": "kick", "foot": "point"}
_STEP = {"leg": "step forward", "foot": "step forward"}
_YIELD = _role(hip="lean back", leg="step back", foot="step back")

PROGRAMS = (
    _one("wave", **_WAVE),
    _one("nod", head="nod"),
    _one("shake head", head="shake"),
    _one("bow", **_BOW),
    _one("clap", **_CLAP),
    _one("drink", **_DRINK),
    _one("answer the phone", head="tilt aside", hand="grip", arm="to ear"),
    _one("put on a hat", head="lower", hand="grip both", arm="to crown"),
    _one("throw", **_THROW, **_STEP, hip="twist"),
    _one("point", arm="reach"),
    _one("kick", **_KICK),
    _one("squat", **_SQUAT),
    _one("jump up", **_JUMP),
    _one("sit down", **_SIT),
    _one("stand up", hip="rise", leg="stand"),
    _one("bow while waving", **_BOW, **_WAVE),
    _one("squat while clapping", **_SQUAT, **_CLAP),
    _one("jump and throw", **_JUMP, **_THROW),
    _one("drink while sitting down", **_DRINK, **_SIT),
    _alike("shake hands", 0.8, hand="shake", arm="offer"),
    _alike("hug", 0.33, **_STEP, arm="wrap"),
    Program("push another person", (_role(hand="palm", arm="thrust", **_STEP), _YIELD), 0.62),
    Program("kick another person", (_role(**_KICK), _YIELD), 0.85),
    _alike("bow to each other", 1.45, **_BOW),
)
LABELS = tuple(program.label for program in PROGRAMS)
