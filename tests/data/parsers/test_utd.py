"""UTD-MHAD's parser on the real archive and on bad files."""

import itertools
import pathlib
import zipfile

import numpy as np
import pytest

from data_pipelines.convert import convert
from data_pipelines.datasets import nw_ucla, utd_mhad
from data_pipelines.errors import DataError
from data_pipelines.parsers import utd
from data_pipelines.specs.record import Record
from data_pipelines.specs.skeletons import KINECT20
from support.raw_files import mat
from support.raw_records import records_of

# The joints of a file (the text), from which the order of the records follows by name.
_LIMBS = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")
FILE_JOINTS = (
    *("head", "shoulder center", "spine", "hip center"),
    *(f"{side} {joint}" for limb in _LIMBS for side in ("left", "right") for joint in limb),
)


def coordinates(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).normal(size=(20, 3, frames))


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a folder with three good sequences of 2, 3 and 4 frames."""
    (tmp_path / "Skeleton").mkdir()
    for frames, name in enumerate(("a27_s8_t4", "a1_s2_t1", "a10_s1_t3"), 2):
        content = mat(d_skel=coordinates(frames), other=[[1.0]])
        (tmp_path / "Skeleton" / f"{name}_skeleton.mat").write_bytes(content)
    return tmp_path / "Skeleton"


def zipped(folder: pathlib.Path) -> pathlib.Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.iterdir():
            file.write(path, f"Skeleton/{path.name}")
    return archive


@pytest.fixture(scope="module")
def real(utd_mhad_zip: pathlib.Path) -> list[Record]:
    return list(records_of(utd_mhad, utd_mhad_zip))


def test_real_counts(real: list[Record]) -> None:
    assert len(real) == 861
    protocol = utd_mhad.SPEC.protocols["xsub"]
    train = sum(record.subject in protocol.train for record in real)
    assert (train, len(real) - train) == protocol.counts
    assert {record.subject for record in real} == set(range(1, 9))
    assert {record.label for record in real} == set(range(27))
    lengths = [len(record.skeleton) for record in real]
    assert (min(lengths), max(lengths)) == (41, 125)


def test_real_bodies_are_upright_and_whole(real: list[Record]) -> None:
    """In the first frame the spine and legs stand in order, and each bone has a bone's length."""
    heights = np.stack([record.skeleton[0, 0, :, 1] for record in real])
    column = [KINECT20.joints.index(name) for name in ("head", "shoulder center", "hip center")]
    legs = [KINECT20.joints.index(f"{side} foot") for side in ("left", "right")]
    upper = np.diff(heights[:, column], axis=1) < 0
    assert upper.all()
    # Those who begin seated (sit to stand) have their feet below their hips, too.
    assert (heights[:, legs].max(1) < heights[:, 0]).all()
    for child, parent in KINECT20.bones:
        bones = [r.skeleton[:, 0, child] - r.skeleton[:, 0, parent] for r in real]
        lengths = np.median(np.linalg.norm(np.concatenate(bones), axis=-1))
        assert 0.03 < lengths < 0.5, (KINECT20.joints[child], lengths)


def test_real_arms_and_legs_are_chains(real: list[Record]) -> None:
    """A limb's joints are nearer to their neighbors than to those of the other side."""
    mean = np.mean([record.skeleton[:, 0].mean(0) for record in real], axis=0)
    for limb in _LIMBS:
        left, right = (
            np.stack([mean[KINECT20.joints.index(f"{side} {name}")] for name in limb])
            for side in ("left", "right")
        )
        for side, other in ((left, right), (right, left)):
            steps = np.linalg.norm(np.diff(side, axis=0), axis=-1)
            across = np.linalg.norm(side[1:] - other[:-1], axis=-1)
            assert (steps < across).all()


def handedness(skeleton: np.ndarray) -> float:
    """Return right x up . forward of the mean body; its sign tells a body from its mirror image."""
    mean = dict(zip(KINECT20.joints, skeleton.mean((0, 1)), strict=True))
    right = mean["right shoulder"] - mean["left shoulder"]
    forward = sum(mean[f"{side} foot"] - mean[f"{side} ankle"] for side in ("left", "right"))
    return float(np.cross(right, mean["head"] - mean["hip center"]) @ forward)


def test_bodies_are_nw_uclas_and_not_their_mirror_images(
    real: list[Record], nw_ucla_zip: pathlib.Path
) -> None:
    assert np.mean([handedness(record.skeleton) < 0 for record in real]) > 0.99
    others = itertools.islice(records_of(nw_ucla, nw_ucla_zip), 100)
    assert np.mean([handedness(record.skeleton) < 0 for record in others]) > 0.95


def test_facts_and_joints(folder: pathlib.Path) -> None:
    records = list(records_of(utd_mhad, folder))
    metadata = [(r.name, r.label, r.subject, r.camera, r.setup, len(r.skeleton)) for r in records]
    assert metadata == [
        ("a10_s1_t3", 9, 1, 1, 0, 4),
        ("a1_s2_t1", 0, 2, 1, 0, 3),
        ("a27_s8_t4", 26, 8, 1, 0, 2),
    ]
    assert utd_mhad.SPEC.labels[9] == "draw circle counter-clockwise"
    for record in records:
        assert record.skeleton.dtype == np.float32
        stored = coordinates(len(record.skeleton))
        for joint, name in enumerate(KINECT20.joints):
            expected = stored[FILE_JOINTS.index(name)].T.astype(np.float32)
            np.testing.assert_array_equal(record.skeleton[:, 0, joint], expected)


def test_archive_equals_folder(folder: pathlib.Path) -> None:
    archive = zipped(folder)
    for record, same in zip(
        records_of(utd_mhad, folder), records_of(utd_mhad, archive), strict=True
    ):
        assert record.name == same.name
        np.testing.assert_array_equal(record.skeleton, same.skeleton)


def test_a_damaged_member(folder: pathlib.Path) -> None:
    archive = zipped(folder)
    content = bytearray(archive.read_bytes())
    content[200:300] = bytes(100)
    archive.write_bytes(content)
    message = r"Skeleton.zip:Skeleton/a\S+.mat: is damaged; download the archive again$"
    with pytest.raises(DataError, match=message):
        list(records_of(utd_mhad, archive))


def test_labels_and_splits() -> None:
    spec = utd_mhad.SPEC
    assert len(set(spec.labels)) == 27
    for name, unseen in spec.zero_shot.items():
        assert name == f"{27 - len(unseen)}_{len(unseen)}"
        assert sorted(set(unseen)) == list(unseen)
    unseen = [spec.labels[label] for label in spec.zero_shot["22_5"]]
    assert unseen == ["throw", "tennis swing", "push", "sit to stand", "stand to sit"]


def bad(value: float) -> bytes:
    stored = coordinates(5)
    stored[4, 2, 3] = value
    return mat(d_skel=stored)


# Not a number, of the kind that processors report.
SIGNALLING = np.array([0x7FF0000000000001]).view(np.float64)[0]
BAD_FILES = {
    "no d_skel": (mat(skeleton=coordinates(3)), "has no array 'd_skel'"),
    "joints": (mat(d_skel=np.zeros((25, 3, 4))), "is 25 x 3 x 4, not 20 x 3 x frames"),
    "one frame lost its axis": (mat(d_skel=np.zeros((20, 3))), "is 20 x 3, not 20 x 3 x frames"),
    "text": (mat(d_skel="hello"), "has no array 'd_skel'"),
    "no frame": (mat(d_skel=np.zeros((20, 3, 0))), "'d_skel' has no frame"),
    "not a number": (bad(np.nan), "frame 3, joint 4 is not finite"),
    "signalling": (bad(SIGNALLING), "frame 3, joint 4 is not finite"),
    "infinite": (bad(np.inf), "frame 3, joint 4 is not finite"),
    "too large": (bad(1e300), "frame 3, joint 4 is not finite"),
    "cut": (mat(d_skel=coordinates(3))[:-40], "is cut; extract or download it again"),
    "empty": (b"", "is not a MAT-file of level 5; extract or download"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file(folder: pathlib.Path, case: str) -> None:
    content, message = BAD_FILES[case]
    (folder / "a3_s1_t1_skeleton.mat").write_bytes(content)
    for raw in (folder, zipped(folder)):
        with pytest.raises(DataError, match=message) as caught:
            list(records_of(utd_mhad, raw))
        assert "a3_s1_t1_skeleton.mat: " in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a28_s1_t1_skeleton", "unknown action a28 .there are a1 to a27.; remove it"),
        ("a1_s1_skeleton", "is not named aA_sS_tT_skeleton.mat; remove it"),
        ("a0_s1_t1_skeleton", "is not named aA_sS_tT_skeleton.mat; remove it"),
    ],
)
def test_bad_name(folder: pathlib.Path, name: str, message: str) -> None:
    (folder / f"{name}.mat").write_bytes(mat(d_skel=coordinates(2)))
    with pytest.raises(DataError, match=f"{name}.mat: {message}"):
        list(records_of(utd_mhad, folder))


def test_nothing_to_read(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match=r"holds no .mat file; --raw takes Skeleton.zip or its"):
        list(records_of(utd_mhad, tmp_path))
    with pytest.raises(DataError, match=r"needs --raw=PATH: download Skeleton.zip from"):
        convert("utd_mhad", None, tmp_path)


def test_other_joints(folder: pathlib.Path) -> None:
    with pytest.raises(DataError, match="is 20 x 3 x 4, not 3 x 3 x frames"):
        utd.record(utd_mhad.items(folder)[0], 27, (0, 1, 2))
