"""NW-UCLA's raw files: one JSON a sequence, in `all_sqe.zip` or in the folder extracted from it."""

import json
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import FileError
from data_pipelines.parsers.sources import Source, sources
from data_pipelines.specs.record import Record

_NAME = re.compile(r"a(\d\d)_s(\d\d)_e(\d\d)_v(\d\d)")


def sequences(raw: pathlib.Path) -> list[Source]:
    """Return the files of `all_sqe.zip`, or of the folder extracted from it, sorted by name.

    Raises:
        DataError: there is none.
    """
    return sources(raw, ".json", "all_sqe.zip or its folder")


def record(source: Source, actions: Sequence[int], joints: int) -> Record:
    """Return a file's sequence, in camera coordinates (facts C.6).

    Args:
        source: the file.
        actions: the action numbers of the file names `aAA_sSS_eEE_vVV.json`, in the order of the
            class ids.
        joints: how many joints a body has.

    Raises:
        FileError: the file cannot be used.
    """
    where = source.where
    action, subject, _, view = map(int, _parsed(source.name, where).groups())
    if action not in actions:
        listed = ", ".join(f"a{number:02}" for number in actions)
        raise FileError(where, f"unknown action a{action:02} (there are: {listed}); remove it")
    skeleton = _skeleton(_json(source), where, joints)
    return Record(skeleton, actions.index(action), subject, view, 0, source.name)


def _parsed(name: str, where: str) -> re.Match:
    """Return the match of a sample's name."""
    match = _NAME.fullmatch(name)
    if not match:
        raise FileError(where, "is not named aAA_sSS_eEE_vVV.json; remove it")
    return match


def _json(source: Source) -> object:
    """Return the parsed file."""
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
        raise FileError(
            where, f"'skeletons' is not frames x {joints} x 3 numbers; remove it"
        ) from None
    if skeleton.shape[1:] != (joints, 3) or len(skeleton) == 0:
        shape = " x ".join(map(str, skeleton.shape))
        raise FileError(where, f"'skeletons' is {shape}, not frames x {joints} x 3; remove it")
    if not np.isfinite(skeleton).all():
        frame, joint, _ = np.argwhere(~np.isfinite(skeleton))[0]
        raise FileError(where, f"frame {frame}, joint {joint} is not finite; repair or remove it")
    return skeleton[:, None]
