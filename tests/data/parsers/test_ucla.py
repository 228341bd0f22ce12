"""NW-UCLA's parser on the real archive and on bad files."""

import json
import pathlib
import zipfile

import numpy as np
import pytest

from data_pipelines.convert import convert
from data_pipelines.datasets import nw_ucla
from data_pipelines.errors import DataError
from data_pipelines.parsers import ucla
from support.raw_records import records_of

RNG = np.random.default_rng(0)


def document(frames: int) -> dict:
    return {"file_name": "x", "label": 1, "skeletons": RNG.normal(size=(frames, 20, 3)).tolist()}


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a folder with three good sequences of 2, 3 and 4 frames."""
    (tmp_path / "all_sqe").mkdir()
    for frames, name in enumerate(("a12_s10_e00_v03", "a01_s02_e10_v01", "a08_s01_e00_v02"), 2):
        (tmp_path / "all_sqe" / f"{name}.json").write_text(json.dumps(document(frames)))
    return tmp_path / "all_sqe"


def zipped(folder: pathlib.Path) -> pathlib.Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.iterdir(), reverse=True):
            file.write(path, f"all_sqe/{path.name}")
        file.writestr("__MACOSX/all_sqe/._a01_s02_e10_v01.json", "resource fork")
    return archive


def test_real_counts(nw_ucla_zip: pathlib.Path) -> None:
    records = list(records_of(nw_ucla, nw_ucla_zip))
    assert len(records) == 1484
    protocol = nw_ucla.SPEC.protocols["xview"]
    train = sum(record.camera in protocol.train for record in records)
    assert (train, len(records) - train) == protocol.counts
    assert {record.subject for record in records} == set(range(1, 11))
    assert {record.label for record in records} == set(range(10))
    short = sorted(len(record.skeleton) for record in records)[:5]
    assert short == [1, 1, 6, 6, 8]


def test_real_sequence_is_raw(nw_ucla_zip: pathlib.Path) -> None:
    record = next(iter(records_of(nw_ucla, nw_ucla_zip)))
    assert (record.name, record.label, record.subject, record.camera) == (
        "a01_s01_e00_v01",
        0,
        1,
        1,
    )
    assert record.skeleton.shape == (44, 1, 20, 3)
    assert record.skeleton.dtype == np.float32
    # Three meters from the camera: raw coordinates, not centered ones.
    np.testing.assert_allclose(record.skeleton[0, 0, 0], [-0.619699, 0.328046, 3.18186])


def test_facts_come_from_the_name(folder: pathlib.Path) -> None:
    records = list(records_of(nw_ucla, folder))
    metadata = [(r.name, r.label, r.subject, r.camera, r.setup, len(r.skeleton)) for r in records]
    assert metadata == [
        ("a01_s02_e10_v01", 0, 2, 1, 0, 3),
        ("a08_s01_e00_v02", 6, 1, 2, 0, 4),
        ("a12_s10_e00_v03", 9, 10, 3, 0, 2),
    ]
    assert nw_ucla.SPEC.labels[6] == "donning"


def test_archive_equals_folder(folder: pathlib.Path) -> None:
    for record, same in zip(
        records_of(nw_ucla, folder), records_of(nw_ucla, zipped(folder)), strict=True
    ):
        assert record.name == same.name
        np.testing.assert_array_equal(record.skeleton, same.skeleton)


def changed(key: str, value: object) -> str:
    return json.dumps(document(3) | {key: value})


def altered(place: tuple, value: object) -> str:
    file = document(3)
    file["skeletons"][place[0]][place[1]][place[2]] = value
    return json.dumps(file)


BAD_FILES = {
    "no skeletons": (json.dumps({"label": 1}), "has no 'skeletons'"),
    "a list": ("[1, 2]", "has no 'skeletons'"),
    "not a number": (altered((1, 4, 2), float("nan")), "frame 1, joint 4 is not finite"),
    "infinite": (altered((2, 0, 0), float("inf")), "frame 2, joint 0 is not finite"),
    "too large": (altered((0, 3, 1), 1e300), "frame 0, joint 3 is not finite"),
    "far too large": (altered((0, 3, 1), 10**400), "is not frames x 20 x 3 numbers"),
    "text": (altered((0, 0, 0), "x"), "is not frames x 20 x 3 numbers"),
    "null": (altered((0, 0, 0), None), "frame 0, joint 0 is not finite"),
    "ragged": (changed("skeletons", [[[0, 0, 0]] * 20, [[0, 0, 0]]]), "is not frames x 20 x 3"),
    "joints": (changed("skeletons", [[[0, 0, 0]] * 25] * 3), "is 3 x 25 x 3, not frames x 20 x 3"),
    "no frame": (changed("skeletons", []), "is 0, not frames x 20 x 3"),
    "nested": ("[" * 100_000, "is not valid JSON"),
    "cut": (changed("label", 2)[:50], "is not valid JSON"),
    "empty": ("", "is not valid JSON"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file(folder: pathlib.Path, case: str) -> None:
    content, message = BAD_FILES[case]
    (folder / "a03_s01_e00_v01.json").write_text(content)
    for raw in (folder, zipped(folder)):
        with pytest.raises(DataError, match=message) as caught:
            list(records_of(nw_ucla, raw))
        assert "a03_s01_e00_v01.json: " in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a07_s01_e00_v01", "unknown action a07 .there are: a01, .*, a12.; remove it"),
        ("a1_s01_e00_v01", "is not named aAA_sSS_eEE_vVV.json; remove it"),
    ],
)
def test_bad_name(folder: pathlib.Path, name: str, message: str) -> None:
    (folder / f"{name}.json").write_text(json.dumps(document(2)))
    with pytest.raises(DataError, match=f"{name}.json: {message}"):
        list(records_of(nw_ucla, folder))


def test_the_same_name_twice(folder: pathlib.Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "a08_s01_e00_v02.json").write_text(json.dumps(document(2)))
    with pytest.raises(DataError, match=r"a08_s01_e00_v02 is already in .*; remove one"):
        list(records_of(nw_ucla, folder))


def test_cut_archive(folder: pathlib.Path) -> None:
    archive = zipped(folder)
    archive.write_bytes(archive.read_bytes()[:-300])
    with pytest.raises(
        DataError, match=r"all_sqe.zip: is cut short or not a zip archive; download"
    ):
        list(records_of(nw_ucla, archive))


def test_archive_with_a_damaged_member(folder: pathlib.Path) -> None:
    archive = zipped(folder)
    content = bytearray(archive.read_bytes())
    content[200:300] = bytes(100)
    archive.write_bytes(content)
    with pytest.raises(
        DataError, match=r"all_sqe.zip:all_sqe/a.*json: is damaged; download the archive again"
    ):
        list(records_of(nw_ucla, archive))


def test_nothing_to_read(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match=r"holds no .json file; --raw takes all_sqe.zip"):
        list(records_of(nw_ucla, tmp_path))
    with pytest.raises(DataError, match=r"absent: no such file or folder; --raw takes all_sqe.zip"):
        list(records_of(nw_ucla, tmp_path / "absent"))
    with pytest.raises(DataError, match=r"needs --raw=PATH: download all_sqe.zip from http"):
        convert("nw_ucla", None, tmp_path)


def test_other_actions_and_joints(folder: pathlib.Path) -> None:
    """The class of an action is its index in the list that the dataset gives."""
    assert [ucla.record(s, (12, 8, 1), 20).label for s in nw_ucla.items(folder)] == [2, 1, 0]
    with pytest.raises(DataError, match="is 3 x 20 x 3, not frames x 25 x 3"):
        ucla.record(nw_ucla.items(folder)[0], (12, 8, 1), 25)
