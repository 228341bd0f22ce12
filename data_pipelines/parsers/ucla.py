"""NW-UCLA's raw sequences, one JSON file each."""

import json
import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import FileError
from data_pipelines.parsers.sources import Source
from data_pipelines.specs.record import Record

_NAME = re.compile(r"a(\d\d)_s(\d\d)_e(\d\d)_v(\d\d)")


def record(source: Source, actions: Sequence[int], joints: int) -> Record:
    """Return a file's sequence, in camera coordinates (facts C.6).

    Args:
        source: the file.
        actions: the action numbers of the file names `aAA_sSS_eEE_vVV.json`, in the order of the
            class ids.
        joints: the number of joints.

    Raises:
        FileError: the file cannot be used.
    """
    where, match = source.where, _NAME.fullmatch(source.name)
    if not match:
        raise FileError(where, "is not named aAA_sSS_eEE_vVV.json; remove it")
    action, subject, _, view = map(int, match.groups())
    if action not in actions:
        listed = ", ".join(f"a{number:02}" for number in actions)
        raise FileError(where, f"unknown action a{action:02} (there are: {listed}); remove it")
    skeleton = _skeleton(_json(source), where, joints)
    return Record(skeleton, actions.index(action), subject, view, 0, source.name)


def _json(source: Source) -> object:
    content = source.read()
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise FileError(source.where, "is not valid JSON; extract or download it again") from None


def _skeleton(document: object, where: str, joints: int) -> Float[np.ndarray, "t 1 v 3"]:
    """Return the checked coordinates of a parsed file."""
    if not isinstance(document, dict) or "skeletons" not in document:
        raise FileError(where, "has no 'skeletons'; download it again or remove it")
    try:
        with np.errstate(over="ignore"):
            skeleton = np.asarray(document["skeletons"], np.float32)
    except (ValueError, TypeError, OverflowError):
        reason = f"'skeletons' is not frames x {joints} x 3 numbers; remove it"
        raise FileError(where, reason) from None
    if skeleton.shape[1:] != (joints, 3) or len(skeleton) == 0:
        shape = " x ".join(map(str, skeleton.shape))
        raise FileError(where, f"'skeletons' is {shape}, not frames x {joints} x 3; remove it")
    if not np.isfinite(skeleton).all():
        frame, joint, _ = np.argwhere(~np.isfinite(skeleton))[0]
        raise FileError(where, f"frame {frame}, joint {joint} is not finite; repair or remove it")
    return skeleton[:, None]
