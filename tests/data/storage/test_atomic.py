"""Folders that are there completely or not at all."""

import pathlib
import threading

import pytest

from data_pipelines.storage.atomic import locked, replacing


def write(target: pathlib.Path, text: str | None) -> None:
    with replacing(target) as folder:
        assert folder.name == target.name
        assert list(folder.iterdir()) == []
        (folder / "file").touch()
        (folder / "file").write_text(text)


def test_the_folder_appears_at_the_end(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "target"
    with replacing(target) as folder:
        (folder / "file").write_text("new")
        assert not target.exists()
    assert (target / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_it_replaces_what_was_there(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "target"
    write(target, "old")
    (target / "more").write_text("old")
    write(target, "new")
    assert [path.name for path in target.iterdir()] == ["file"]
    assert (target / "file").read_text() == "new"


def test_an_error_leaves_what_was_there(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "target"
    write(target, "old")
    with pytest.raises(TypeError):
        write(target, None)
    assert (target / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_is_removed(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".target.partial" / "target").mkdir(parents=True)
    (tmp_path / ".target.partial" / "target" / "half").write_text("half")
    write(tmp_path / "target", "new")
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["file"]
    assert list(tmp_path.iterdir()) == [tmp_path / "target"]


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
