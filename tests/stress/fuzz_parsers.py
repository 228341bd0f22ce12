"""The parsers of raw files as `fuzz.py` runs them: valid files, and what must hold of a result.

A parser refuses a file with `DataError`, whose message is one line, or returns finite arrays of the
right shape; those of texts must be what a reader reads that goes line by line.
"""

import dataclasses
import functools
import io
import json
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io

from data_pipelines.datasets import nw_ucla, pku_mmd, utd_mhad
from data_pipelines.parsers import ntu, ntu_cleaning, pku
from data_pipelines.parsers.sources import sources
from stress import fuzz_damage, fuzz_kinect
from stress.fuzz_held import check, held
from support.ntu_text import footage, ntu_text, person, slowly

# Valid files of a parser.
_FILES = 64


@dataclasses.dataclass(frozen=True)
class Parser:
    """A parser as it is run.

    Attributes:
        make: returns a valid file.
        read: parses a file and asserts what must hold of the result.
        damage: what happens to files.
    """

    make: Callable[[np.random.Generator], bytes]
    read: Callable[[bytes], None]
    damage: tuple[fuzz_damage.Damage, ...]

    def content(self, seed: int) -> bytes:
        """Return the input of a seed.

        Every fourth is one valid file, cut at the next of its bytes; every hundredth a valid file.
        """
        rng = np.random.default_rng(seed)
        if seed % 4 == 0:
            content = _middling(self)
            return content[: seed // 4 % len(content)]
        content = _valid(self, int(rng.integers(_FILES)))
        return content if seed % 100 == 1 else fuzz_damage.damaged(content, self.damage, rng)


@functools.lru_cache(maxsize=_FILES)
def _valid(parser: Parser, number: int) -> bytes:
    return parser.make(np.random.default_rng(number))


@functools.cache
def _middling(parser: Parser) -> bytes:
    """Return the valid file whose size is nearest to what 20,000 inputs cut at every byte."""
    return min((_valid(parser, number) for number in range(_FILES)), key=_from_middling)


def _from_middling(content: bytes) -> int:
    return abs(len(content) - 3000)


def _ntu_file(rng: np.random.Generator) -> bytes:
    """One to three bodies that come, vanish, and are seen under flickering ids; empty frames."""
    length = int(rng.choice([1, 2, 3, 16]))
    bodies = {}
    for body in range(rng.integers(1, 4)):
        first = int(rng.integers(length))
        seen = person(int(rng.integers(1, length - first + 1)), int(rng.integers(100)))
        bodies[body] = first, seen
    frames = footage(length, bodies)
    for frame in frames:
        if rng.random() < 0.15:
            frame.clear()
        if frame and rng.random() < 0.15:
            frame[10 + rng.integers(3)] = frame.pop(next(iter(frame)))
    fields, end = int(rng.choice([10, 10, 9, 2, 1])), str(rng.choice(["\n", "\n", "\r\n"]))
    return ntu_text(frames, fields, end).encode()


def _read_ntu(content: bytes) -> None:
    found = ntu.parse(content, "raw/file.skeleton")
    frames, bodies, joints = slowly(content.removeprefix(b"\xef\xbb\xbf"))
    assert found.frame.tolist() == frames
    assert found.body.tolist() == bodies
    assert found.joints.dtype == np.float32
    np.testing.assert_array_equal(found.joints, joints)
    assert np.isfinite(found.joints).all()
    try:
        skeleton = ntu_cleaning.cleaned(found)
    except ntu_cleaning.NobodyError:
        return
    check(skeleton, 25)


def _pku_file(rng: np.random.Generator) -> bytes:
    skeleton = rng.normal(size=(rng.integers(1, 6), 2, 75))
    skeleton[: rng.integers(4), 1] = 0
    form = str(rng.choice(["{:.9g}", "{:.6f}", "{:.17g}", "{:.3e}"]))
    rows = skeleton.reshape(len(skeleton), -1)
    return "".join(" ".join(map(form.format, row)) + "\n" for row in rows).encode()


def _read_pku(content: bytes) -> None:
    found = pku.skeleton(held("0002-L", content))
    lines = [line.split() for line in content.rstrip().split(b"\n")]
    expected = np.array([[float(text) for text in line] for line in lines]).astype(np.float32)
    np.testing.assert_array_equal(found, expected.reshape(-1, 2, 25, 3))
    check(found, 25)


def _pku_labels(rng: np.random.Generator) -> bytes:
    first = np.sort(rng.integers(1, 900, size=rng.integers(1, 9)))
    last = first + rng.integers(100, size=len(first))
    rows = zip(rng.integers(1, 52, size=len(first)), first, last, strict=True)
    return "".join(f"{label},{start},{stop},1\n" for label, start, stop in rows).encode()


def _read_pku_labels(content: bytes) -> None:
    classes, source = len(pku_mmd.SPEC.labels), held("0002-L", content)
    for action in pku.actions(source):
        pku.check(action, source, classes, 1000)
        assert 0 <= action.label < classes
        assert 0 <= action.start < action.stop <= 1000


def _pku_list(rng: np.random.Generator) -> bytes:
    videos = [f"{n:04}-{'LMR'[n % 3]}" for n in rng.integers(1, 365, size=rng.integers(1, 30))]
    return f"Training videos:\n{', '.join(videos)},\nValidation videos:\n0001-L\n".encode()


def _read_pku_list(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cross-view.txt").write_bytes(content)
        videos = pku.training_videos(Path(folder), "cross-view")
    assert videos
    assert all(len(video) == 6 for video in videos)


def _ucla_file(rng: np.random.Generator) -> bytes:
    skeleton = rng.normal(size=(rng.integers(1, 4), 20, 3))
    document = {"file_name": "x", "skeletons": skeleton.tolist(), "label": 1}
    if rng.random() < 0.1:
        document["skeletons"] = functools.reduce(lambda inner, _: [inner], range(300), 0.5)
    indent = [None, 1][rng.integers(2)]
    return json.dumps(document, indent=indent).encode()


def _read_ucla(content: bytes) -> None:
    (record,) = nw_ucla.read(held("a01_s01_e00_v01", content))
    check(record.skeleton, 20)


def _utd_file(rng: np.random.Generator) -> bytes:
    kind = str(rng.choice(["f8", "f8", "f4", "i2", "u1"]))
    skeleton = rng.normal(size=(20, 3, rng.integers(1, 4))).astype(kind)
    if rng.random() < 0.05:
        return _bomb()
    file = io.BytesIO()
    variables = {"other": "text", "d_skel": skeleton}
    scipy.io.savemat(file, variables, do_compression=bool(rng.integers(2)))
    cells = _cells(int(rng.choice([0, 0, 1, 300])))
    # SciPy writes the time of day into the header's text.
    title = b"MATLAB 5.0 MAT-file".ljust(116)
    return title + file.getvalue()[116:128] + cells + file.getvalue()[128:]


def _cells(depth: int) -> bytes:
    """Return an array of cells in cells, as a variable of a MAT-file."""
    cell = b""
    for _ in range(depth):
        flags, sizes = struct.pack("<IIII", 6, 8, 1, 0), struct.pack("<IIii", 5, 8, 1, 1)
        inner = flags + sizes + struct.pack("<II", 1, 0) + cell
        cell = struct.pack("<II", 14, len(inner)) + inner
    return cell


def _bomb() -> bytes:
    """Return a small MAT-file whose variable is large, unpacked."""
    stream = zlib.compressobj(1)
    packed = b"".join(stream.compress(bytes(1 << 20)) for _ in range(200)) + stream.flush()
    return bytes(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed


def _read_utd(content: bytes) -> None:
    (record,) = utd_mhad.read(held("a1_s1_t1_skeleton", content))
    check(record.skeleton, 20)


def _archive(rng: np.random.Generator) -> bytes:
    file = io.BytesIO()
    kind = int(rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED]))
    count = rng.integers(1, 4)
    files = {f"all_sqe/{n}.json": rng.bytes(rng.integers(300)) * 2 for n in range(count)}
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in {**files, "__MACOSX/all_sqe/._0.json": b"x"}.items():
            # With a date of its own: by name alone it would have today's.
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return file.getvalue()


def _read_archive(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all_sqe.zip"
        path.write_bytes(content)
        for source in sources(path, ".json", "all_sqe.zip"):
            assert isinstance(source.read(), bytes)


PARSERS = {
    "ntu": Parser(_ntu_file, _read_ntu, fuzz_damage.TEXT),
    "pku": Parser(_pku_file, _read_pku, fuzz_damage.TEXT),
    "pku_labels": Parser(_pku_labels, _read_pku_labels, fuzz_damage.TEXT),
    "pku_lists": Parser(_pku_list, _read_pku_list, fuzz_damage.TEXT),
    "ucla": Parser(_ucla_file, _read_ucla, fuzz_damage.TEXT),
    "utd": Parser(_utd_file, _read_utd, fuzz_damage.BINARY),
    "utkinect": Parser(fuzz_kinect.utkinect_file, fuzz_kinect.read_utkinect, fuzz_damage.TEXT),
    "utkinect_list": Parser(
        fuzz_kinect.utkinect_list, fuzz_kinect.read_utkinect_list, fuzz_damage.TEXT
    ),
    "msrc": Parser(fuzz_kinect.msrc_file, fuzz_kinect.read_msrc, fuzz_damage.TEXT),
    "msrc_tags": Parser(fuzz_kinect.msrc_tags, fuzz_kinect.read_msrc_tags, fuzz_damage.TEXT),
    "archive": Parser(_archive, _read_archive, fuzz_damage.BINARY),
}
