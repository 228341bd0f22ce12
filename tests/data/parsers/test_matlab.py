"""MAT-files: SciPy's writer and reader are the oracles, and damage is always named."""

import io
import pathlib
import struct
import tracemalloc
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
import scipy.io

from data_pipelines.parsers import matlab
from support.raw_files import mat

RNG = np.random.default_rng(0)


TYPES = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("shape", [(20, 3, 7), (1, 1), (4, 0), (2, 3, 1, 5)])
def test_arrays(compress: bool, kind: str, shape: tuple[int, ...]) -> None:
    values = RNG.integers(0, 100, shape).astype(kind)
    content = mat(compress, first=[[1.5]], text="x", mine=values, a_much_longer_name=[[2.0]])
    found = matlab.variable(content, "mine")
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)
    assert matlab.variable(content, "yours") is None


@pytest.mark.parametrize(
    "other", ["text", np.zeros((2, 2), complex), np.array([1.0, "x"], object), {"field": 1.0}]
)
def test_what_is_no_array_of_reals(other: Any) -> None:
    content = mat(mine=other, last=[[3.0]])
    assert matlab.variable(content, "mine") is None
    assert matlab.variable(content, "last") == 3


def test_the_other_byte_order() -> None:
    header = bytes(124) + b"\x01\x00MI"
    flags, sizes = struct.pack(">IIII", 6, 8, 6, 0), struct.pack(">IIii", 5, 8, 1, 2)
    name, values = struct.pack(">HH4s", 1, 1, b"a"), struct.pack(">IIdd", 9, 16, 1.5, -2)
    # The small element of big-endian files has its size first.
    matrix = flags + sizes + name + values
    content = header + struct.pack(">II", 14, len(matrix)) + matrix
    np.testing.assert_array_equal(matlab.variable(content, "a"), [[1.5, -2]])


def test_the_real_files_are_as_scipy_reads_them(utd_mhad_zip: pathlib.Path) -> None:
    with zipfile.ZipFile(utd_mhad_zip) as archive:
        for name in archive.namelist()[::10]:
            content = archive.read(name)
            expected = scipy.io.loadmat(io.BytesIO(content))["d_skel"]
            np.testing.assert_array_equal(matlab.variable(content, "d_skel"), expected)


GOOD = mat(False, mine=np.ones((2, 3)))


def with_number(place: int, value: int) -> bytes:
    return GOOD[:place] + struct.pack("<i", value) + GOOD[place + 4 :]


# In GOOD the tag of the matrix is at 128, its flags at 136, its sizes at 152, its name at 168.
BAD_FILES = {
    "level 4": (bytes(200), "is not a MAT-file of level 5"),
    "HDF5": (b"MATLAB 7.3" + bytes(114) + b"\x00\x02MM", "is not a MAT-file of level 5"),
    "cut": (GOOD[:-1], "is cut"),
    "cut in a tag": (GOOD[:133], "is cut"),
    "cut when compressed": (mat(mine=np.ones((2, 3)))[:-5], "is cut"),
    "huge": (with_number(132, 2**31 - 1), "is cut"),
    "negative size": (with_number(164, -3), "has a damaged array"),
    "huge size": (with_number(164, 2**31 - 1), "has an array of another size than it says"),
    "unknown type": (with_number(176, 8), "has a damaged array"),
    "large small element": (with_number(168, 0x00090001), "is cut"),
    "damaged compression": (GOOD[:128] + struct.pack("<II4s", 15, 4, b"junk"), "has a damaged var"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file(case: str) -> None:
    content, message = BAD_FILES[case]
    with pytest.raises(ValueError, match=message):
        matlab.variable(content, "mine")


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matlab, "LARGEST", 1 << 20)
    packed = zlib.compress(bytes(1 << 26))
    content = GOOD[:128] + struct.pack("<II", 15, len(packed)) + packed
    tracemalloc.start()
    with pytest.raises(ValueError, match="is cut or larger than"):
        matlab.variable(content, "mine")
    assert tracemalloc.get_traced_memory()[1] < 3 * matlab.LARGEST
    tracemalloc.stop()


def test_damage_never_raises_anything_else() -> None:
    """Files with some altered or missing bytes are read or refused."""
    refused, trials = 0, 2000
    for trial in range(trials):
        content = bytearray(mat(bool(trial % 2), other="text", mine=RNG.normal(size=(2, 3, 4))))
        for _ in range(RNG.integers(1, 4)):
            content[RNG.integers(120, len(content))] = RNG.integers(256)
        try:
            matlab.variable(bytes(content[: RNG.integers(100, 2 * len(content))]), "mine")
        except ValueError:
            refused += 1
    assert trials / 3 < refused < trials


def test_every_truncation_is_refused_or_whole() -> None:
    for content in (GOOD, mat(mine=np.ones((2, 3)))):
        for stop in range(129, len(content)):
            with pytest.raises(ValueError):
                matlab.variable(content[:stop], "mine")
