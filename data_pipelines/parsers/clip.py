"""One clip from one raw file: an array of one's own, or NTU RGB+D's text."""

import pathlib
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Shaped

from data_pipelines.errors import FileError
from data_pipelines.parsers import ntu, ntu_cleaning, samples
from data_pipelines.parsers.npz import ARRAY_DAMAGE

# What an archive may call the array that is read, if it has several.
ARRAY = "skeleton"
_DAMAGE = (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, *ARRAY_DAMAGE)


def read(
    path: pathlib.Path, joints: Sequence[str], coordinates: int, persons: int
) -> Float32[np.ndarray, "t m v c"]:
    """Return the coordinates of a clip.

    A `.npy` or `.npz` has frames x joints x coordinates; of several persons, frames x persons x
    joints x coordinates or, where only the first axis can be the persons, persons first. A
    `.skeleton` is cleaned and centered as in a conversion.

    Args:
        path: the file.
        joints: the joints' names.
        coordinates: numbers that a joint has.
        persons: the largest number of persons.

    Raises:
        FileError: the file cannot be used.
    """
    where = str(path)
    if not path.is_file():
        raise FileError(where, "there is no such file")
    readers = {".skeleton": _ntu, ".npy": samples.read_array, ".npz": _archive}
    if path.suffix not in readers:
        raise FileError(where, f"is none of {', '.join(readers)}; save an array by numpy.save")
    array = readers[path.suffix](where)
    whole = array[:, None] if array.ndim == 3 else array
    if whole.ndim == 4 and whole.shape[0] <= persons < whole.shape[1]:
        whole = whole.swapaxes(0, 1)
    wanted = (len(joints), coordinates)
    if whole.ndim != 4 or whole.shape[2:] != wanted or not 0 < whole.shape[1] <= persons:
        shape = " x ".join(map(str, array.shape)) or "a single number"
        most = f"frames (x at most {persons} persons) x {wanted[0]} joints x {wanted[1]}"
        raise FileError(where, f"is {shape}, not {most}; correct the array")
    return samples.checked(whole, where, joints)


def _archive(path: str) -> Shaped[np.ndarray, "..."]:
    """Return the array of a `.npz`: the only one, or that called `skeleton`."""
    try:
        # The file is opened here, for NumPy leaves one open that is no whole archive.
        with (
            pathlib.Path(path).open("rb") as file,
            np.load(file, allow_pickle=False) as content,
        ):
            names = content.files
            name = names[0] if len(names) == 1 else ARRAY
            array = content[name] if name in names else None
    except _DAMAGE as error:
        what = " ".join(str(error).split())
        raise FileError(path, f"is no whole .npz file of numbers ({what})") from None
    if array is None or array.dtype.kind not in "fiu":
        there = ", ".join(names) or "none"
        raise FileError(path, f"needs one array of numbers, or one named {ARRAY!r} (has: {there})")
    return array


def _ntu(path: str) -> Float32[np.ndarray, "t m v 3"]:
    """Return the persons of a `.skeleton` file."""
    try:
        return ntu_cleaning.cleaned(ntu.parse(pathlib.Path(path).read_bytes(), path))
    except ntu_cleaning.NobodyError as error:
        raise FileError(path, str(error)) from None
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror})") from None
