"""Conversion goes on where it was, whatever ended it, and reads again what has changed."""

import errno
import pathlib
import zipfile
from collections.abc import Callable

import pytest

from data_pipelines.conversion import reading
from data_pipelines.convert import convert, main
from data_pipelines.errors import DiskError, FileError
from data_pipelines.storage import chunks
from support import raw_files, tiny_dataset
from support.raw_files import contents

pytestmark = pytest.mark.usefixtures("tiny_known")


@pytest.fixture
def raw(tmp_path: pathlib.Path) -> pathlib.Path:
    return raw_files.seventy(tmp_path / "raw")


@pytest.fixture
def interrupted(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], list[int]]:
    """Return what was read by a conversion of `tiny` that follows one which stopped at item 7."""
    from data_pipelines.datasets import tiny

    read, calls, again = tiny.read, [], []

    def stopping(item: int) -> list:
        calls.append(item)
        if item == 7 and not again:
            raise KeyboardInterrupt
        return list(read(item))

    monkeypatch.setattr(tiny, "read", stopping)
    assert main(["tiny", f"--out={tmp_path}", "--jobs=1"]) == 130
    interruption = "interrupted: run the same command to continue\n"
    assert capsys.readouterr().err.endswith(interruption)
    assert calls == [*range(8)]
    calls.clear()

    def resumed() -> list[int]:
        again.append(True)
        convert("tiny", None, tmp_path)
        return calls

    return resumed


def test_what_has_been_read_is_not_read_again(
    interrupted: Callable, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert interrupted() == [7, 8, 9, 10]
    assert "files read before: 7 of 11\n" in capsys.readouterr().out
    other = tiny_dataset.converted(tmp_path / "undisturbed")
    assert contents(tmp_path / "tiny") == contents(other)
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", ".tiny.lock", "undisturbed"}


def test_a_cut_chunk_is_read_again(interrupted: Callable, tmp_path: pathlib.Path) -> None:
    """As a loss of power leaves it."""
    cut, empty, *_ = (tmp_path / ".tiny.chunks").iterdir()
    cut.write_bytes(cut.read_bytes()[:-9])
    empty.write_bytes(b"")
    (tmp_path / ".tiny.chunks" / "0.npz.123").write_bytes(b"never finished")
    assert len(interrupted()) == 6


def test_a_full_disk(interrupted: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(chunks, "save", save)
        with pytest.raises(
            DiskError, match="tiny cannot be written: No space left on device; once it can, run"
        ):
            interrupted()
    assert interrupted() == [7, 7, 8, 9, 10]


def test_other_code_discards_chunks(
    interrupted: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(reading, "_code", lambda module: "another version")
    assert interrupted() == [*range(11)]
    assert "discarded, of other raw files or of other code: 7 chunks\n" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["loose", "zip"])
def test_a_changed_file_discards_its_chunk(
    raw: pathlib.Path, tmp_path: pathlib.Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = raw / "S001C001P001R031A001.skeleton"

    def given() -> pathlib.Path:
        if kind == "loose":
            return raw
        with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
            for path in raw.iterdir():
                archive.write(path)
        return tmp_path / "raw.zip"

    (raw / "S001C001P001R070A001.skeleton").write_text("")
    with pytest.raises(FileError, match="R070A001"):
        convert("ntu60", given(), tmp_path / "data", strict=True)
    before = changed.read_text()
    # The same number of bytes, in another order.
    changed.write_text(before.replace("0.2059", "0.2095"))
    capsys.readouterr()
    convert("ntu60", given(), tmp_path / "data")
    out = capsys.readouterr().out
    assert "of other code: 1 chunks\n" in out
    assert "files read before: 68 of 70\n" in out
