"""NTU RGB+D from files to a converted dataset, with the built-in data as `.skeleton` files."""

import pathlib
import zipfile
from types import ModuleType

import numpy as np
import pytest

from data_pipelines.checks.index_checks import selection_checks
from data_pipelines.convert import convert, main
from data_pipelines.datasets import _ntu, ntu60, ntu120
from data_pipelines.errors import DataError
from data_pipelines.parsers.ntu import parse, parsed_name
from data_pipelines.storage.index import Index, select
from data_pipelines.storage.packed import open_pack
from data_pipelines.synthesis.__main__ import write
from stress import ntu_files
from support import ntu_names
from support.ntu_text import footage, ntu_text, person
from support.raw_records import records_of

ONE = ntu_text(footage(14, {0: (1, person(13))}))
NAMES = (
    *("S018C001P045R001A061", "S001C001P001R001A001", "S017C003P040R002A060"),
    *("S032C002P106R001A120", "S018C001P045R001A060"),
)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a folder with a file of each of NAMES."""
    (tmp_path / "raw").mkdir()
    for name in NAMES:
        (tmp_path / "raw" / f"{name}.skeleton").write_text(ONE)
    return tmp_path / "raw"


def test_both_data_sets_from_one_folder(folder: pathlib.Path) -> None:
    metadata = [(r.name, r.label, r.subject, r.camera, r.setup) for r in records_of(ntu60, folder)]
    assert metadata == [
        ("S001C001P001R001A001", 0, 1, 1, 1),
        ("S017C003P040R002A060", 59, 40, 3, 17),
    ]
    metadata = [(r.name, r.label, r.subject, r.camera, r.setup) for r in records_of(ntu120, folder)]
    assert [fact[0] for fact in metadata] == sorted(NAMES)
    assert metadata[-1] == ("S032C002P106R001A120", 119, 106, 2, 32)
    (record, *_) = records_of(ntu120, folder)
    assert record.skeleton.shape == (13, 1, 25, 3)
    assert not record.skeleton[0, 0, 1].any()


def test_the_official_archives(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "archives").mkdir()
    for archive, names in (("one", NAMES[::2]), ("two", NAMES[1::2])):
        with zipfile.ZipFile(tmp_path / "archives" / f"{archive}.zip", "w") as file:
            for name in names:
                file.writestr(f"nturgb+d_skeletons/{name}.skeleton", ONE)
    loose = list(records_of(ntu120, folder))
    for record, same in zip(loose, records_of(ntu120, tmp_path / "archives"), strict=True):
        assert record.name == same.name
        np.testing.assert_array_equal(record.skeleton, same.skeleton)


def test_a_bad_file_is_named(folder: pathlib.Path) -> None:
    path = folder / "S002C001P001R001A001.skeleton"
    path.write_text(ONE[:-300])
    message = "line .*: the file ends within a frame; extract or download it again"
    with pytest.raises(DataError, match=f"S002C001P001R001A001.skeleton: {message}"):
        list(records_of(ntu60, folder))
    path.rename(folder / "notes.skeleton")
    with pytest.raises(DataError, match=r"notes.skeleton: is not named SsssCccc.*; remove it"):
        list(records_of(ntu60, folder))


def test_recordings_without_a_skeleton_are_no_fault(
    folder: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the official list, whatever is in them, and any others in which nobody is."""
    listed = "S001C002P005R002A008", "S001C003P002R002A012", "S019C001P046R001A075"
    for name, content in zip(listed, ("2\n0\n0\n", ONE, ONE), strict=True):
        (folder / f"{name}.skeleton").write_text(content)
    (folder / "S002C001P001R001A001.skeleton").write_text("2\n0\n0\n")
    for name, lost, there in (("ntu60", 2, 2), ("ntu120", 3, 5)):
        out = tmp_path / "data" / name
        for _ in range(2):
            given = [name, f"--raw={folder}", f"--out={out.parent}", "--strict", "--jobs=1"]
            assert main(given) == 0
            told = capsys.readouterr().out.splitlines()[1:]
            where = f"listed in {out}/left_out.csv"
            assert told == [
                f"left out: {lost}, on the official list of missing skeletons; {where}",
                f"left out: 1, there is no body in any frame; {where}",
            ]
        assert len(Index.load(out)) == there
        assert not (out / "rejected.csv").exists()
        _, *rows = (out / "left_out.csv").read_text().splitlines()
        assert (
            rows[0] == f"{folder}/{listed[0]}.skeleton,,on the official list of missing skeletons"
        )
        assert len(rows) == lost + 1


def test_only_recordings_without_a_skeleton(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "S002C001P001R001A001.skeleton").write_text("2\n0\n0\n")
    assert main(["ntu60", f"--raw={tmp_path}", f"--out={tmp_path / 'data'}", "--jobs=1"]) == 2
    assert "ntu60: the raw files hold no sample" in capsys.readouterr().err


@pytest.mark.parametrize(("module", "setups", "lost"), [(ntu60, 17, 302), (ntu120, 32, 535)])
def test_the_counts_of_a_full_set(module: ModuleType, setups: int, lost: int) -> None:
    """Of every recording that there is, the official list leaves what the papers count."""
    every = list(ntu_names.names(setups))
    assert len(every) == {17: 56_880, 32: 114_480}[setups]
    there = [name for name in every if name not in _ntu.missing()]
    assert len(every) - len(there) == lost
    metadata = [parsed_name(name, name) for name in there]
    ones = np.ones(len(there), np.int32)
    columns = {
        "label": [each.action - 1 for each in metadata],
        "subject": [each.subject for each in metadata],
        "camera": [each.camera for each in metadata],
        "setup": [each.setup for each in metadata],
    }
    columns = {name: np.array(column, np.int32) for name, column in columns.items()}
    places = ones.astype(np.int64)
    index = Index(
        *(np.array(there), *columns.values(), ones, ones),
        *(ones.astype(str), places, places),
    )
    checks = list(selection_checks(index, module.SPEC))
    assert len(checks) == len(module.SPEC.protocols) + len(module.SPEC.zero_shot)
    for check in checks:
        assert not check.faults, check
        assert not check.partial, check


def test_nothing_to_read(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ntu60", "ntu120"):
        assert main([name, f"--out={tmp_path}"]) == 2
        error = capsys.readouterr().err
        assert f"{name} needs --raw=PATH: request access at https://rose1.ntu.edu.sg" in error
        assert error.count("\n") == 1


def test_generated_files_have_the_names_of_the_first_setup() -> None:
    """Two actions of one movement differ, and what is listed as missing has no body."""
    every = list(ntu_names.names(1))
    assert len(every) == 2880
    assert sum(name in _ntu.missing() for name in every) == 8
    first, other = (parse(ntu_files.text(name).encode(), name).joints for name in every[:25:24])
    assert first.shape != other.shape or (first != other).any()
    assert len(parse(ntu_files.text("S001C002P005R002A008").encode(), "file").frame) == 0


def test_converted_end_to_end(tmp_path: pathlib.Path) -> None:
    """The built-in dataset's 24 actions of 2 subjects in 3 views, as ntu60, packed and split."""
    count = write(tmp_path / "raw", 0, 2, 1)
    folder = convert("ntu60", tmp_path / "raw", tmp_path / "data")
    index = Index.load(folder)
    assert len(index) == count == 144
    assert set(index.setup) == {1}
    assert set(index.bodies) == {1, 2}
    train, test = select(index, ntu60.SPEC.protocols["xview"])
    assert (len(train), len(test)) == (96, 48)
    frames = open_pack(folder).frames
    assert frames.shape[1:] == (25, 3)
    assert np.isfinite(frames).all()
    # Centered on the first frame, the middle of everybody's spine stays within their reach.
    assert np.abs(frames[:, 1]).max() < 3
