"""PKU-MMD's parser on videos made here, and on bad files."""

import csv
import pathlib

import numpy as np
import pytest

from data_pipelines import verify
from data_pipelines.convert import convert, main
from data_pipelines.datasets import pku_mmd, pku_mmd_2
from data_pipelines.errors import DataError
from data_pipelines.specs.record import LeftOut, Record
from data_pipelines.storage.index import Index, select
from support.raw_records import records_of

VIDEOS = {"0002-L": 40, "0002-M": 50, "0003-R": 30}
LABELS = {
    "0002-L": "51,1,10,2\n3,11,40,1\n",
    "0002-M": "23,21,21,2\n23,30,50,2\n",
    "0003-R": "1,5,9,2",
}


def video(frames: int) -> np.ndarray:
    """Return two persons (t 2 v 3), the second of whom comes in frame 12."""
    skeleton = np.random.default_rng(frames).normal(size=(frames, 2, 25, 3)).astype(np.float32)
    skeleton[:, 1] /= 2
    skeleton[:12, 1] = 0
    return skeleton


def text(skeleton: np.ndarray) -> str:
    rows = skeleton.reshape(len(skeleton), -1)
    return "".join(" ".join(f"{x:.9g}" for x in row) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    raw = tmp_path / "raw"
    for name in ("Skeleton", "Label_PKUMMD"):
        (raw / name).mkdir(parents=True)
    for name, frames in VIDEOS.items():
        (raw / "Skeleton" / f"{name}.txt").write_text(text(video(frames)))
        (raw / "Label_PKUMMD" / f"{name}.txt").write_text(LABELS[name])
    titles = "Training videos:", "Validation videos:"
    for name, train, test in (
        ("cross-subject", "0002-L, 0002-M, 0007-R,", "0003-R"),
        ("cross_view", "0002-M, 0003-R", "0002-L"),
    ):
        (raw / f"{name}.txt").write_text("\n".join([titles[0], train, titles[1], test, ""]))
    return raw


def test_actions_are_cut_from_the_videos(folder: pathlib.Path) -> None:
    records = list(records_of(pku_mmd, folder))
    metadata = [(r.name, r.label, r.subject, r.camera, r.setup) for r in records]
    assert metadata == [
        ("F002V001C051L001", 50, 2, 1, 2),
        ("F002V001C003L002", 2, 2, 1, 2),
        ("F002V002C023L001", 22, 2, 2, 3),
        ("F002V002C023L002", 22, 2, 2, 3),
        ("F003V003C001L001", 0, 3, 3, 1),
    ]
    assert [record.skeleton.shape[:2] for record in records] == [
        *((10, 1), (30, 2), (1, 2), (21, 2), (5, 1)),
    ]
    np.testing.assert_array_equal(records[0].skeleton, video(40)[:10, :1])
    np.testing.assert_array_equal(records[1].skeleton, video(40)[10:40])
    np.testing.assert_array_equal(records[4].skeleton, video(30)[4:9, :1])
    assert records[0].skeleton.dtype == np.float32


def test_ignored_samples(folder: pathlib.Path) -> None:
    for kind in ("Skeleton", "Label_PKUMMD"):
        (folder / kind / "0002-M.txt").rename(folder / kind / "0089-M.txt")
    found = list(records_of(pku_mmd, folder))
    (lost,) = [each for each in found if isinstance(each, LeftOut)]
    assert (lost.reason, lost.line) == ("all papers leave this action out", 1)
    names = [each.name for each in found if isinstance(each, Record)]
    assert "F089V002C023L001" not in names
    assert "F089V002C023L002" in names


def test_an_ignored_sample_may_be_anywhere(folder: pathlib.Path) -> None:
    """Where it is in the video does not matter, and that of others does."""
    for kind in ("Skeleton", "Label_PKUMMD"):
        (folder / kind / "0002-M.txt").rename(folder / kind / "0089-L.txt")
    label = folder / "Label_PKUMMD" / "0089-L.txt"
    label.write_text("23,50,40,1\n23,30,50,2\n")
    *_, lost, kept = records_of(pku_mmd, folder)
    assert lost == LeftOut(str(label), "all papers leave this action out", 1)
    assert (kept.name, len(kept.skeleton)) == ("F089V001C023L002", 21)
    label.write_text("23,30,50,2\n23,50,40,1\n")
    with pytest.raises(DataError, match=r"0089-L.txt: line 2: class 23, frames 50 to 40, of 51"):
        list(records_of(pku_mmd, folder))


def test_converted_and_split(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    index = Index.load(convert("pku_mmd", folder, tmp_path / "data"))
    for protocol, expected in (("xsub", [0, 1, 2, 3]), ("xview", [2, 3, 4])):
        train, _ = select(index, pku_mmd.SPEC.protocols[protocol])
        assert train.tolist() == expected


BAD_LABELS = {
    "class 0": ("0,1,2,1", "line 1: class 0, frames 1 to 2, of 51 classes and a video of 50"),
    "class 52": ("1,1,2,1\n52,1,2,1", "line 2: class 52, frames 1 to 2, of 51 classes"),
    "frame 0": ("1,0,2,1", "line 1: class 1, frames 0 to 2"),
    "backwards": ("1,5,4,1", "line 1: class 1, frames 5 to 4"),
    "too far": ("1,5,51,1", "line 1: class 1, frames 5 to 51, of .* a video of 50 frames"),
    "three": ("1,2,3", "line 1: '1,2,3' is not class,first,last,confidence"),
    "word": ("1,2,x,1", "line 1: '1,2,x,1' is not class,first,last,confidence"),
    "negative": ("1,-2,5,1", "line 1: '1,-2,5,1' is not class,first,last,confidence"),
    "huge": ("1,2," + "9" * 5000 + ",1", "line 1: '1,2,9999.*' is not class,first"),
    "empty": ("", "line 1: '' is not class,first,last,confidence"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels(folder: pathlib.Path, case: str) -> None:
    content, message = BAD_LABELS[case]
    (folder / "Label_PKUMMD" / "0002-M.txt").write_text(content)
    with pytest.raises(DataError, match=f"Label_PKUMMD/0002-M.txt: {message}") as caught:
        list(records_of(pku_mmd, folder))
    assert "\n" not in str(caught.value)


ROW = "0.5 " * 149
BAD_SKELETONS = {
    "cut": (ROW + "1\n" + ROW, "line 2: has 149 numbers, not 150"),
    "long": (ROW + "1 2\n", "line 1: has 151 numbers, not 150"),
    "nan": (ROW + "1\n" + ROW + "nan\n", "line 2: 'nan' is not a coordinate"),
    "word": (ROW + "x\n", "line 1: 'x' is not a coordinate"),
    "empty": ("", "line 1: has 0 numbers, not 150"),
    "blank line": (ROW + "1\n\n" + ROW + "1\n", "line 2: has 0 numbers, not 150"),
}


@pytest.mark.parametrize("case", BAD_SKELETONS)
def test_bad_skeletons(folder: pathlib.Path, case: str) -> None:
    content, message = BAD_SKELETONS[case]
    (folder / "Skeleton" / "0002-M.txt").write_text(content)
    with pytest.raises(DataError, match=f"Skeleton/0002-M.txt: {message}; extract or download"):
        list(records_of(pku_mmd, folder))


def test_a_bad_video_does_not_stop_the_others(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (folder / "Skeleton" / "0002-M.txt").write_text(BAD_SKELETONS["nan"][0])
    (folder / "Label_PKUMMD" / "0003-R.txt").write_text("1,5,9,2\n1,5,31,2")
    data = convert("pku_mmd", folder, tmp_path / "data")
    assert Index.load(data).name.tolist() == ["F002V001C051L001", "F002V001C003L002"]
    _, *rows = csv.reader((data / "rejected.csv").read_text().splitlines())
    assert [(pathlib.Path(row[0]).relative_to(folder).as_posix(), row[1]) for row in rows] == [
        ("Skeleton/0002-M.txt", "2"),
        ("Label_PKUMMD/0003-R.txt", "2"),
    ]


def test_nobody_there(folder: pathlib.Path) -> None:
    (folder / "Skeleton" / "0003-R.txt").write_text(text(0 * video(30)))
    *others, lost = records_of(pku_mmd, folder)
    assert len(others) == 4
    reason = "nobody is in the frames of this action"
    assert lost == LeftOut(f"{folder}/Label_PKUMMD/0003-R.txt", reason, 1)


def second_part(folder: pathlib.Path) -> pathlib.Path:
    """Give the files of `folder` the names of Part II."""
    videos = {"0002-L": "A01N02-L", "0002-M": "A01N02-M", "0003-R": "A26N13-R"}
    for old, new in videos.items():
        for kind in ("Skeleton", "Label_PKUMMD"):
            (folder / kind / f"{old}.txt").rename(folder / kind / f"{new}.txt")
    for old in ("cross-subject", "cross_view"):
        text = (folder / f"{old}.txt").read_text()
        for name in (*videos, "0007-R"):
            text = text.replace(name, videos.get(name, "A02N01-R"))
        (folder / f"{old}.txt").unlink()
        (folder / f"{old.replace('-', '_')}_v2.txt").write_text(text)
    return folder


def test_part_two(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Its names say who moves; an action without anybody does not cost the video."""
    second_part(folder)
    frames = video(50)
    frames[20] = 0
    (folder / "Skeleton" / "A01N02-M.txt").write_text(text(frames))
    out = tmp_path / "data"
    assert main(["pku_mmd_2", f"--raw={folder}", f"--out={out}", "--strict", "--jobs=1"]) == 0
    index = Index.load(out / "pku_mmd_2")
    assert index.name.tolist() == [
        *("A001N002V001C051L001", "A001N002V001C003L002", "A001N002V002C023L002"),
        "A026N013V003C001L001",
    ]
    assert index.subject.tolist() == [2, 2, 2, 13]
    assert index.setup.tolist() == [2, 2, 3, 1]
    _, row = (out / "pku_mmd_2" / "left_out.csv").read_text().splitlines()
    label = folder / "Label_PKUMMD" / "A01N02-M.txt"
    assert row == f"{label},1,nobody is in the frames of this action"
    assert verify.main([str(out / "pku_mmd_2")]) == 0


def test_part_two_is_not_part_one(folder: pathlib.Path) -> None:
    with pytest.raises(DataError, match=r"cross-subject_v2.txt: is missing; --raw takes .*_v2.txt"):
        list(records_of(pku_mmd_2, folder))
    with pytest.raises(DataError, match=r"pku_mmd_2 needs --raw=PATH: .*Skeleton_v2.7z"):
        convert("pku_mmd_2", None, folder)
    (folder / "cross-subject.txt").rename(folder / "cross-subject_v2.txt")
    with pytest.raises(DataError, match=r"v2.txt: line 2 is not a list of videos A01N02-L, ...;"):
        list(records_of(pku_mmd_2, folder))


def test_missing_files(folder: pathlib.Path) -> None:
    with pytest.raises(DataError, match="pku_mmd needs --raw=PATH: request access at http"):
        convert("pku_mmd", None, folder)
    with pytest.raises(
        DataError, match=r"none: no such folder; --raw takes a folder with skeleton"
    ):
        list(records_of(pku_mmd, folder / "none"))
    (folder / "Skeleton" / "0002-M.txt").unlink()
    with pytest.raises(DataError, match=r"Label_PKUMMD/0002-M.txt: there is no skeleton of this"):
        list(records_of(pku_mmd, folder))
    (folder / "Skeleton_v2").mkdir()
    with pytest.raises(DataError, match=r"has 2 folders skeleton\*, not one; --raw takes a folder"):
        list(records_of(pku_mmd, folder))
    (folder / "cross_view.txt").write_text("Training videos\n2, 3\n")
    with pytest.raises(DataError, match=r"cross_view.txt: line 2 is not a list of videos 0002-L"):
        list(records_of(pku_mmd, folder))
    (folder / "cross_view.txt").unlink()
    with pytest.raises(DataError, match=r"cross-view.txt: is missing; --raw takes a folder with"):
        list(records_of(pku_mmd, folder))


def test_a_label_file_of_another_name(folder: pathlib.Path) -> None:
    (folder / "Label_PKUMMD" / "0003-R.txt").rename(folder / "Label_PKUMMD" / "readme.txt")
    with pytest.raises(DataError, match=r"readme.txt: is not named like 0002-L.txt; rename or re"):
        list(records_of(pku_mmd, folder))


def test_a_list_that_may_not_be_read(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: pathlib.Path, **_: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pathlib.Path, "read_text", refuse)
    with pytest.raises(DataError, match=r"cross-subject.txt: cannot be read \(Permission denied\)"):
        list(records_of(pku_mmd, folder))
