"""UTD-MHAD's raw skeletons: one `.mat` a sequence, in `Skeleton.zip` or its extracted folder."""

import io
import pathlib
import re
import warnings
from collections.abc import Sequence

import numpy as np
import scipy.io
from jaxtyping import Float, Shaped

from data_pipelines.errors import FileError, one_short_line
from data_pipelines.parsers.sources import Source, sources
from data_pipelines.specs.record import Record

_NAME = re.compile(r"a([1-9]\d?)_s([1-9]\d?)_t([1-9]\d?)_skeleton")
_ARRAY = "d_skel"
# MATLAB's classes of arrays of numbers.
_NUMERIC = {"double", "single", *(f"{sign}int{n}" for sign in ("", "u") for n in (8, 16, 32, 64))}
# Bytes of a file, twice those of the longest sequence; zlib unpacks at most 1032 times as many.
_LARGEST = 1 << 17


def sequences(raw: pathlib.Path) -> list[Source]:
    """Return the files of `Skeleton.zip`, or of the folder extracted from it, sorted by name.

    Raises:
        DataError: there is none.
    """
    return sources(raw, ".mat", "Skeleton.zip or its folder")


def record(source: Source, actions: int, joints: Sequence[int]) -> Record:
    """Return a file's sequence, in meters and camera coordinates.

    Args:
        source: the file.
        actions: how many actions there are; the file names `aA_sS_tT_skeleton.mat` number them
            from 1.
        joints: for every joint of a record, which joint of the file it is.

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
    array = _array(source)
    if array.shape[:2] != (joints, 3) or array.ndim != 3:
        shape = " x ".join(map(str, array.shape))
        raise FileError(
            source.where, f"'{_ARRAY}' is {shape}, not {joints} x 3 x frames; remove it"
        )
    if array.size == 0:
        raise FileError(source.where, f"'{_ARRAY}' has no frame; remove it")
    # Numbers too large for float32 and signaling NaNs.
    with np.errstate(over="ignore", invalid="ignore"):
        skeleton = array.astype(np.float32).transpose(2, 0, 1)
    if not np.isfinite(skeleton).all():
        frame, joint, _ = np.argwhere(~np.isfinite(skeleton))[0]
        raise FileError(
            source.where, f"frame {frame}, joint {joint} is not finite; repair or remove it"
        )
    return np.ascontiguousarray(skeleton[:, None])


def _array(source: Source) -> Shaped[np.ndarray, "..."]:
    """Return the array of real numbers called `d_skel`."""
    content = source.read()
    if len(content) > _LARGEST:
        raise FileError(source.where, f"has more than {_LARGEST:,} bytes; download it again")
    try:
        array = _loaded(content)
    # SciPy ends with any kind of error where a file is damaged.
    except Exception as error:
        reason = f"is cut or no MAT-file of level 5 ({one_short_line(str(error))[:80]})"
        raise FileError(source.where, f"{reason}; extract or download it again") from None
    if array is None or array.dtype.kind not in "fiu":
        raise FileError(source.where, f"has no array '{_ARRAY}'; download it again or remove it")
    return array


def _loaded(content: bytes) -> Shaped[np.ndarray, "..."] | None:
    """Return the array called `d_skel`, None if there is none or it is of another class.

    Other variables are not read: SciPy overflows the stack on cells that are nested deeply enough.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes = {name: kind for name, _, kind in scipy.io.whosmat(io.BytesIO(content))}
        if classes.get(_ARRAY) not in _NUMERIC:
            return None
        return scipy.io.loadmat(io.BytesIO(content), variable_names=[_ARRAY])[_ARRAY]
