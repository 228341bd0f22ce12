"""Conversion of many files: any number of processes, and bad ones that do not stop it."""

import csv
import pathlib
import re
import zipfile

import pytest

from data_pipelines.convert import convert, main
from data_pipelines.errors import DataError
from data_pipelines.storage.index import Index
from support import raw_files
from support.raw_files import contents

pytestmark = pytest.mark.usefixtures("tiny_known")


@pytest.fixture
def raw(tmp_path: pathlib.Path) -> pathlib.Path:
    return raw_files.seventy(tmp_path / "raw")


def spoil(raw: pathlib.Path) -> list[list[str]]:
    """Damage three files of `raw`, add one of no name, and return their rows in rejected.csv."""
    paths = [raw / f"S001C001P001R{number:03}A001.skeleton" for number in (1, 34, 70)]
    paths[0].write_text("1\n0\n1\n")
    paths[1].write_text(paths[1].read_text().replace("\n25\n", "\n24\n", 2))
    paths[2].write_text("")
    (raw / "notes, old.skeleton").write_text("x")
    again = "; extract or download it again"
    return [
        ["file", "line", "reason"],
        [str(paths[0]), "3", "follows the last frame" + again],
        [str(paths[1]), "4", "a body has 24 joints, not 25" + again],
        [str(paths[2]), "1", "'' is not the number of frames" + again],
        [
            str(raw / "notes, old.skeleton"),
            *("", "is not named SsssCcccPpppRrrrAaaa.skeleton; remove it"),
        ],
    ]


def test_the_number_of_jobs_changes_nothing(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    rows = spoil(raw)
    one = contents(convert("ntu60", raw, tmp_path / "one", jobs=1))
    three = contents(convert("ntu60", raw, tmp_path / "three", jobs=3))
    assert one == three
    assert list(csv.reader(one["rejected.csv"].decode().splitlines())) == rows
    assert len(one["index.csv"].splitlines()) == 1 + 70 - 3


def test_bad_files_are_rejected_and_the_rest_is_there(
    raw: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["ntu60", f"--raw={raw}", f"--out={tmp_path / 'data'}", "--jobs=1"]
    spoil(raw)
    folder = tmp_path / "data" / "ntu60"
    assert main([*given, "--strict"]) == 2
    first = f"gapjax: {raw}/S001C001P001R001A001.skeleton: line 3: follows the last frame"
    first += "; extract or download it again"
    assert capsys.readouterr().err == first + "\n"
    assert not folder.exists()
    for _ in range(2):
        # The second time all is there already, which does not make it more complete.
        assert main(given) == 3
        assert capsys.readouterr().out.endswith(
            f"\nrejected files: 4, listed in {folder}/rejected.csv\n"
        )
    names = Index.load(folder).name.tolist()
    good = set(range(1, 71)) - {1, 34, 70}
    assert names == [f"S001C001P001R{number:03}A001" for number in sorted(good)]
    for path in csv.reader((folder / "rejected.csv").read_text().splitlines()[1:]):
        pathlib.Path(path[0]).unlink()
    assert main([*given, "--overwrite", "--strict"]) == 0
    assert not (folder / "rejected.csv").exists()


def test_nothing_but_bad_files(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for path in raw.iterdir():
        path.write_text("1\n0\n1\n")
    message = r"ntu60: no file can be used; the first of 70: .*R001A001.skeleton: line 3: f"
    with pytest.raises(DataError, match=message):
        convert("ntu60", raw, tmp_path / "data")
    assert not (tmp_path / "data" / "ntu60").exists()


def test_a_bad_source_is_fatal(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with zipfile.ZipFile(raw / "more.zip", "w") as archive:
        archive.writestr("S002C001P001R001A001.skeleton", "")
    (raw / "more.zip").write_bytes((raw / "more.zip").read_bytes()[:-3])
    with pytest.raises(DataError, match=r"more.zip: is cut short or not a zip archive"):
        convert("ntu60", raw, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_an_error_of_the_program_is_no_bad_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data_pipelines.datasets import tiny

    monkeypatch.setattr(tiny, "read", lambda item: [] if item < 5 else [1 / 0])
    with pytest.raises(ZeroDivisionError) as caught:
        convert("tiny", None, tmp_path)
    assert caught.value.__notes__ == ["while reading 5"]


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5"])
def test_a_wrong_number_of_jobs(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["tiny", "--out=x", f"--jobs={jobs}"])
    assert caught.value.code == 2
    assert re.search(rf"--jobs: {jobs} is not a number from 1", capsys.readouterr().err)
