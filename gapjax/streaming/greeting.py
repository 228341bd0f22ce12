"""What a client is told first: the bundle, the shape of a frame, the body and how it is drawn."""

from typing import Any

from data_pipelines.drawing.scene import VIEWS, sides
from data_pipelines.errors import UserError
from gapjax.serving import classification
from gapjax.serving.bundle import Bundle
from gapjax.serving.renewal import skeleton_of
from gapjax.streaming import landmarks
from gapjax.streaming.messages import Limits
from gapjax.streaming.recognizer import Recognizer

# A Kinect tracks this many persons. A bundle takes those who move most.
PERSONS = 6


def limits(bundle: Bundle) -> Limits:
    """Return the shape of the frames that a bundle takes."""
    persons, _, joints, coordinates = bundle.metadata["input"]["shape"]
    return Limits(max(persons, PERSONS), joints, coordinates)


def greeting(recognizer: Recognizer, window: int, every: int) -> dict[str, Any]:
    """Return what a client is told first.

    Args:
        recognizer: what recognizes windows.
        window: the frames of a window.
        every: how many new frames a window has when it is recognized again.
    """
    metadata = recognizer.bundle.metadata
    run, shape = metadata["run"], limits(recognizer.bundle)
    return {
        "bundle": str(recognizer.bundle.folder),
        "method": run["method"],
        "dataset": run["dataset"],
        "any_classes": recognizer.any_classes,
        "trained_on": metadata["trained_on"],
        "parts": metadata["parts"],
        "measure": classification.measure(recognizer.bundle),
        "window": window,
        "every": every,
        "persons": shape.persons,
        "coordinates": shape.coordinates,
        "body": _body(recognizer.bundle),
    }


def _body(bundle: Bundle) -> dict[str, Any]:
    """Return joints, how they are drawn, and how landmarks of a camera become joints."""
    facts, space = bundle.metadata["input"], classification.space_of(bundle)
    if "body" not in facts:
        raise UserError(f"{bundle.folder} is too old to be shown; export its run again")
    skeleton, joints = skeleton_of(facts["body"]), facts["joints"]
    return {
        "name": facts["skeleton"],
        "joints": joints,
        "bones": skeleton.bones,
        "sides": sides(skeleton),
        "space": space,
        "views": [vars(view) for view in VIEWS[space]],
        "landmarks": {joint: landmarks.weights_of(joint) for joint in joints},
        "matrix": landmarks.matrix(joints).tolist(),
        "unmapped": landmarks.unmapped(joints),
        "place": _place(bundle, space),
    }


def _place(bundle: Bundle, space: int) -> list[float]:
    """Return where bodies stood in training, on the average; the origin if that is not known."""
    ranges = bundle.metadata.get("ranges")
    if not ranges:
        return [0.0] * space
    low, high = ranges["place"]
    return [(first + last) / 2 for first, last in zip(low, high, strict=True)]
