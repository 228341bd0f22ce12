"""UTD-MHAD's raw sequences, one `.mat` file each."""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import FileError
from data_pipelines.parsers import matlab
from data_pipelines.parsers.sources import Source
from data_pipelines.specs.record import Record

_NAME = re.compile(r"a([1-9]\d?)_s([1-9]\d?)_t([1-9]\d?)_skeleton")


def record(source: Source, actions: int, joints: Sequence[int]) -> Record:
    """Return a file's sequence, in meters and camera coordinates.

    Args:
        source: the file.
        actions: the number of actions; the file names `aA_sS_tT_skeleton.mat` count from 1.
        joints: for every joint of a record, the index of the file's joint.

    Raises:
        FileError: the file cannot be used.
    """
    match = _NAME.fullmatch(source.name)
    if not match:
        raise FileError(source.where, "is not named aA_sS_tT_skeleton.mat; remove it")
    action, subject, _ = map(int, match.groups())
    if action > actions:
        reason = f"unknown action a{action} (there are a1 to a{actions}); remove it"
        raise FileError(source.where, reason)
    skeleton = _skeleton(source, len(joints))[:, :, list(joints)]
    return Record(skeleton, action - 1, subject, 1, 0, source.name.removesuffix("_skeleton"))


def _skeleton(source: Source, joints: int) -> Float[np.ndarray, "t 1 v 3"]:
    """Return the checked coordinates of a file."""
    content = source.read()
    try:
        array = matlab.variable(content, "d_skel")
    except ValueError as error:
        raise FileError(source.where, f"{error}; extract or download it again") from None
    if array is None:
        raise FileError(source.where, "has no array 'd_skel'; download it again or remove it")
    if array.shape[:2] != (joints, 3) or array.ndim != 3:
        shape = " x ".join(map(str, array.shape))
        raise FileError(source.where, f"'d_skel' is {shape}, not {joints} x 3 x frames; remove it")
    if array.size == 0:
        raise FileError(source.where, "'d_skel' has no frame; remove it")
    # Values too large for float32, and signaling NaNs, are refused below.
    with np.errstate(over="ignore", invalid="ignore"):
        skeleton = array.astype(np.float32).transpose(2, 0, 1)
    if not np.isfinite(skeleton).all():
        frame, joint, _ = np.argwhere(~np.isfinite(skeleton))[0]
        reason = f"frame {frame}, joint {joint} is not finite; repair or remove it"
        raise FileError(source.where, reason)
    return np.ascontiguousarray(skeleton[:, None])
