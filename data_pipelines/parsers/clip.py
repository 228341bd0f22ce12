"""Reading one clip from one file: an array, or NTU RGB+D's text."""

import itertools
import pathlib
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Shaped

from data_pipelines.errors import FileError
from data_pipelines.parsers import ntu, ntu_cleaning, samples
from data_pipelines.parsers.npz import ARRAY_DAMAGE
from data_pipelines.specs import clip_rule, wrong_file
from data_pipelines.specs.skeletons import NTU25

# The array to read from an archive that has several.
ARRAY = "skeleton"
_DAMAGE = (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, *ARRAY_DAMAGE)


def read(
    path: pathlib.Path,
    joints: Sequence[str],
    coordinates: int,
    persons: int,
    confidence: bool = False,
    sort: bool = True,
) -> Float32[np.ndarray, "t m v c"]:
    """Return the coordinates of a clip.

    A `.npy` or `.npz` has frames x joints x coordinates or, for several persons, frames x persons x
    joints x coordinates; persons may come first if this is unambiguous. A `.skeleton` is cleaned
    and centered as in a conversion, and its joints must be the wanted ones by name. Which frames
    and persons a clip has is as in a conversion, too (`data_pipelines.specs.clip_rule`).

    Args:
        path: the file.
        joints: the joints' names.
        coordinates: the number of values per joint.
        persons: the most persons of a clip.
        confidence: whether the last value of a joint is its confidence.
        sort: whether to order the persons of an array.

    Raises:
        FileError: the file cannot be used.
    """
    where = str(path)
    if not path.is_file():
        raise FileError(where, "there is no such file")
    readers = {".skeleton": _ntu, ".npy": samples.read_array, ".npz": _archive}
    if path.suffix not in readers:
        raise FileError(where, f"is none of {', '.join(readers)}; save an array by numpy.save")
    if path.suffix == ".skeleton":
        _check_names(where, joints)
    array = readers[path.suffix](where)
    frames = array[:, None] if array.ndim == 3 else array
    if frames.ndim == 4 and frames.shape[0] <= persons < frames.shape[1]:
        frames = frames.swapaxes(0, 1)
    wanted = (len(joints), coordinates)
    if frames.ndim != 4 or frames.shape[2:] != wanted or _turned(frames.shape, persons):
        shape = " x ".join(map(str, array.shape)) or "a single number"
        most = f"frames (x at most {persons} persons) x {wanted[0]} joints x {wanted[1]}"
        raise FileError(where, f"is {shape}, not {most}; correct the array")
    sort = sort and path.suffix != ".skeleton"
    space, checked = coordinates - confidence, samples.checked(frames, where, joints)
    clip = clip_rule.clip_of(checked, space, persons, sort)
    if not clip.skeleton.size:
        raise FileError(where, "has no frame in which anybody is seen")
    return clip.skeleton


def _turned(shape: Sequence[int], persons: int) -> bool:
    """Return whether an array has no person, or so many that its axes are others."""
    return shape[1] == 0 or shape[0] < shape[1] > persons


def _check_names(where: str, joints: Sequence[str]) -> None:
    """Refuse a file of Kinect v2 where other joints are wanted."""
    pairs = list(itertools.zip_longest(NTU25.joints, joints, fillvalue="missing"))
    for number, (name, wanted) in enumerate(pairs):
        if _letters(name) != _letters(wanted):
            differ = f"joint {number} is {name!r}, not {wanted!r}"
            raise FileError(
                where, f"has the joints of Kinect v2 ({differ}); save the wanted joints as .npy"
            )


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _archive(path: str) -> Shaped[np.ndarray, "..."]:
    """Return the array of a `.npz`: the only one, or `skeleton`."""
    try:
        # Opened here because NumPy leaves an incomplete archive open.
        with (
            pathlib.Path(path).open("rb") as file,
            np.load(file, allow_pickle=False) as content,
        ):
            names = content.files
            name = names[0] if len(names) == 1 else ARRAY
            array = content[name] if name in names else None
    except _DAMAGE as error:
        wrong_file.refuse(path)
        cause = wrong_file.cause(error)
        raise FileError(path, f"is not a complete .npz file of numbers ({cause})") from None
    if array is None or array.dtype.kind not in "fiu":
        has = ", ".join(names) or "none"
        raise FileError(path, f"needs one array of numbers, or one named {ARRAY!r} (has: {has})")
    return array


def _ntu(path: str) -> Float32[np.ndarray, "t m v 3"]:
    wrong_file.refuse(path)
    try:
        return ntu_cleaning.cleaned(ntu.parse(pathlib.Path(path).read_bytes(), path))
    except ntu_cleaning.NobodyError as error:
        raise FileError(path, str(error)) from None
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror})") from None
