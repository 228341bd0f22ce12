"""Atomic writing: files and folders that are there completely or not at all."""

import contextlib
import pathlib
import threading

import pytest

from data_pipelines.storage.atomic import locked, replacing_file, replacing_folder


def write_folder(target: pathlib.Path, text: str | None) -> None:
    with replacing_folder(target) as folder:
        assert folder.name == target.name
        assert list(folder.iterdir()) == []
        (folder / "file").touch()
        (folder / "file").write_text(text)


def test_a_folder_appears_at_the_end(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "target"
    with replacing_folder(target) as folder:
        (folder / "file").write_text("new")
        assert not target.exists()
    assert (target / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "target"
    write_folder(target, "old")
    (target / "more").write_text("old")
    write_folder(target, "new")
    assert [path.name for path in target.iterdir()] == ["file"]
    assert (target / "file").read_text() == "new"


def test_an_error_keeps_the_old_folder(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "target"
    write_folder(target, "old")
    with pytest.raises(TypeError):
        write_folder(target, None)
    assert (target / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_rename_that_fails_puts_the_old_folder_back(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    write_folder(target, "old")
    rename = pathlib.Path.rename

    def fail_on_fresh(path: pathlib.Path, other: pathlib.Path) -> pathlib.Path:
        if path.name == "target" and path.parent != tmp_path:
            raise OSError("no")
        return rename(path, other)

    monkeypatch.setattr(pathlib.Path, "rename", fail_on_fresh)
    with pytest.raises(OSError, match="no"):
        write_folder(target, "new")
    assert (target / "file").read_text() == "old"


def test_what_a_killed_process_left_of_a_folder_is_removed(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".target.partial" / "target").mkdir(parents=True)
    (tmp_path / ".target.partial" / "target" / "half").write_text("half")
    write_folder(tmp_path / "target", "new")
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["file"]
    assert list(tmp_path.iterdir()) == [tmp_path / "target"]


@pytest.mark.parametrize("text", ["new", None])
def test_a_process_killed_between_the_renames_loses_no_folder(
    tmp_path: pathlib.Path, text: str | None
) -> None:
    target, partial = tmp_path / "target", tmp_path / ".target.partial"
    write_folder(target, "old")
    (partial / "target").mkdir(parents=True)
    target.rename(partial / "replaced")
    with contextlib.suppress(TypeError):
        write_folder(target, text)
    assert (target / "file").read_text() == (text or "old")
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupt_between_the_renames_puts_the_old_folder_back(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    write_folder(target, "old")
    rename = pathlib.Path.rename

    def interrupted(path: pathlib.Path, other: pathlib.Path) -> None:
        rename(path, other)
        if path == target:
            raise KeyboardInterrupt

    monkeypatch.setattr(pathlib.Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_folder(target, "new")
    assert (target / "file").read_text() == "old"


@pytest.mark.parametrize("single_writer", [False, True])
def test_a_file_is_replaced_at_the_end(tmp_path: pathlib.Path, single_writer: bool) -> None:
    target = tmp_path / "new" / "file"
    for content in (b"old", b"new"):
        with replacing_file(target, single_writer) as file:
            file.write(content)
            file.flush()
            assert not target.exists() or target.read_bytes() == b"old"
        assert target.read_bytes() == content
        assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("single_writer", [False, True])
def test_an_error_keeps_the_old_file(tmp_path: pathlib.Path, single_writer: bool) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(TypeError), replacing_file(target, single_writer) as file:
        file.writelines([b"new", None])
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_of_a_file_is_overwritten(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".file.partial").write_bytes(b"longer")
    with replacing_file(tmp_path / "file", single_writer=True) as file:
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_several_processes_may_write_the_same_file(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "file"
    with replacing_file(target) as first, replacing_file(target) as second:
        first.write(b"first")
        second.write(b"second")
    assert target.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [target]


def test_one_writer_at_a_time(tmp_path: pathlib.Path) -> None:
    order = []

    def second() -> None:
        with locked(tmp_path / "new" / "target"):
            order.append("second")

    thread = threading.Thread(target=second)
    with locked(tmp_path / "new" / "target"):
        thread.start()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
