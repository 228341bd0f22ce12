"""What a client may send: JSON objects with one of four keys, checked before anything uses them.

{"frame": joints, "time": t}    joints x coordinates, or persons x joints x coordinates
{"classes": "wave; fall down"}  any names; "" for those that the server began with
{"clear": true}                 forget the frames that were sent
{"watch": 3}                    get the frames and classes of another stream; 0 for none
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from data_pipelines.errors import UserError

# Coordinates beyond this are no position of a joint, in whatever unit.
LARGEST = 1e6
# The most characters of a list of classes.
LONGEST = 20_000


@dataclass(frozen=True)
class Limits:
    """The shape of a frame.

    Attributes:
        persons: the most persons.
        joints: the number of joints.
        coordinates: the numbers of a joint.
    """

    persons: int
    joints: int
    coordinates: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape of a frame of the most persons."""
        return self.persons, self.joints, self.coordinates

    @property
    def bytes(self) -> int:
        """Return how long a message may be.

        Numbers have at most 25 characters, and a character is at most two escapes of six bytes.
        """
        return 4096 + max(12 * LONGEST, 32 * self.persons * self.joints * self.coordinates)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        joints: the persons' joints; no person if nobody is seen.
        time: a number that comes back with what is recognized; None for none.
    """

    joints: Float32[np.ndarray, "m v c"]
    time: float | None


@dataclass(frozen=True)
class Classes:
    """A list of classes, separated by semicolons."""

    text: str


@dataclass(frozen=True)
class Clear:
    """The wish to forget all frames."""


@dataclass(frozen=True)
class Watch:
    """The wish to see another stream; 0 for none."""

    stream: int


Message = Frame | Classes | Clear | Watch


def parse(text: str | bytes, limits: Limits) -> Message:
    """Return what a client has sent.

    Raises:
        UserError: it is none of the messages; the line says what is wrong.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError("a message is no JSON") from None
    kinds = [key for key in _READERS if isinstance(content, dict) and key in content]
    if len(kinds) != 1:
        raise UserError(f"a message is an object with one of the keys {', '.join(_READERS)}")
    return _READERS[kinds[0]](content, limits)


def _frame(content: Mapping[str, Any], limits: Limits) -> Frame:
    time = content.get("time")
    if time is not None and not _is_number(time):
        raise UserError("time is no number")
    return Frame(_joints(content["frame"], limits), None if time is None else float(time))


def _joints(value: Any, limits: Limits) -> Float32[np.ndarray, "m v c"]:
    _, joints, coordinates = limits.shape
    if value == []:
        return np.zeros((0, joints, coordinates), np.float32)
    frame = _numbers(value, limits)
    shape = frame.shape if frame.ndim == 3 else (1, *frame.shape)
    if shape[1:] != (joints, coordinates) or shape[0] > limits.persons:
        told = " x ".join(map(str, frame.shape)) or "a single number"
        raise UserError(f"a frame is {told}; {_wanted(limits)}")
    # What is not finite is not small, either; integers may be too large for any float.
    if not all(abs(number) <= LARGEST for number in frame.flat):
        raise UserError(f"a frame has numbers that are not finite, or beyond {LARGEST:.0e}")
    return frame.reshape(shape).astype(np.float32)


def _numbers(value: Any, limits: Limits) -> Shaped[np.ndarray, "..."]:
    """Return numbers as objects, which no text in a message makes larger than it is."""
    try:
        frame = np.array(value, dtype=object)
    except ValueError:
        raise UserError(f"a frame has rows of different lengths; {_wanted(limits)}") from None
    kinds = set(map(type, frame.flat))
    if list in kinds:
        raise UserError(f"a frame has rows of different lengths; {_wanted(limits)}")
    if not kinds <= {int, float}:
        raise UserError(f"a frame has something else than numbers; {_wanted(limits)}")
    return frame


def _wanted(limits: Limits) -> str:
    return (
        f"send {limits.joints} joints x {limits.coordinates} coordinates, of several persons "
        f"(x at most {limits.persons}) persons first"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _classes(content: Mapping[str, Any], limits: Limits) -> Classes:
    del limits
    text = content["classes"]
    if not isinstance(text, str) or len(text) > LONGEST:
        raise UserError(f'classes are a text of at most {LONGEST} characters: "wave; fall down"')
    return Classes(text)


def _clear(content: Mapping[str, Any], limits: Limits) -> Clear:
    del content, limits
    return Clear()


def _watch(content: Mapping[str, Any], limits: Limits) -> Watch:
    del limits
    number = content["watch"]
    if isinstance(number, bool) or not isinstance(number, int):
        raise UserError("watch is the number of a stream, or 0")
    return Watch(number)


_READERS: Mapping[str, Callable[[Mapping[str, Any], Limits], Message]] = {
    "frame": _frame,
    "classes": _classes,
    "clear": _clear,
    "watch": _watch,
}
