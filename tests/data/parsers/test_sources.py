"""Raw files are found in folders and archives, once each, and damage has a name."""

import pathlib
import tracemalloc
import zipfile

import pytest

from data_pipelines.errors import DataError
from data_pipelines.parsers.sources import sources


def pack(archive: pathlib.Path, *members: str) -> pathlib.Path:
    with zipfile.ZipFile(archive, "w") as file:
        for member in members:
            file.writestr(member, f"{member} of {archive.name}")
    return archive


def found(raw: pathlib.Path) -> dict[str, str]:
    return {source.name: source.read().decode() for source in sources(raw, ".txt", "a.zip")}


def test_an_archive(tmp_path: pathlib.Path) -> None:
    archive = pack(tmp_path / "a.zip", "x/b.txt", "x/a.txt", "x/c.csv", "__MACOSX/x/._a.txt")
    assert found(archive) == {"a": "x/a.txt of a.zip", "b": "x/b.txt of a.zip"}
    assert list(found(archive)) == ["a", "b"]
    assert sources(archive, ".txt", "")[0].where == f"{archive}:x/a.txt"


def test_a_folder_and_the_archives_in_it(tmp_path: pathlib.Path) -> None:
    """What lies extracted beside its archive counts once, and the archive gives the rest."""
    pack(tmp_path / "one.zip", "a.txt", "b.txt")
    pack(tmp_path / "two.zip", "c.txt")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "b.txt").write_text("loose")
    (tmp_path / "deep" / ".hidden.txt").write_text("not a sample")
    (tmp_path / "folder.txt").mkdir()
    assert found(tmp_path) == {"a": "a.txt of one.zip", "b": "loose", "c": "c.txt of two.zip"}


@pytest.mark.parametrize("where", ["in two archives", "in two folders", "in one archive"])
def test_a_name_twice(tmp_path: pathlib.Path, where: str) -> None:
    if where == "in one archive":
        pack(tmp_path / "one.zip", "a.txt", "x/a.txt")
    for name in ("one", "two"):
        if where == "in two archives":
            pack(tmp_path / f"{name}.zip", "a.txt")
        if where == "in two folders":
            (tmp_path / name).mkdir()
            (tmp_path / name / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"a.txt: a is already in .*a.txt; remove one of them"):
        sources(tmp_path, ".txt", "a.zip")


def test_nothing_is_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match=r"holds no .txt file; --raw takes a.zip or more"):
        sources(tmp_path, ".txt", "a.zip or more")
    with pytest.raises(DataError, match=r"none: no such file or folder; --raw takes a.zip"):
        sources(tmp_path / "none", ".txt", "a.zip")


def test_what_is_no_archive(tmp_path: pathlib.Path) -> None:
    archive = pack(tmp_path / "a.zip", "a.txt")
    archive.write_bytes(archive.read_bytes()[:-5])
    for raw in (archive, tmp_path):
        with pytest.raises(DataError, match=r"a.zip: is cut short or not a zip archive; download"):
            sources(raw, ".txt", "a.zip")


def test_an_archive_of_an_unknown_version(tmp_path: pathlib.Path) -> None:
    archive = pack(tmp_path / "a.zip", "a.txt")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 99
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"a.zip: is cut short or not a zip archive; download"):
        sources(archive, ".txt", "a.zip")


@pytest.mark.parametrize("place", [20, 24], ids=["packed", "unpacked"])
def test_a_size_that_cannot_be_is_not_asked_of_the_memory(
    tmp_path: pathlib.Path, place: int
) -> None:
    archive = pack(tmp_path / "a.zip", "a.txt")
    content = bytearray(archive.read_bytes())
    entry = content.index(b"PK\x01\x02") + place
    content[entry : entry + 4] = (2**32 - 2).to_bytes(4, "little")
    archive.write_bytes(content)
    (source,) = sources(archive, ".txt", "a.zip")
    tracemalloc.start()
    with pytest.raises(DataError, match=r"a.zip:a.txt: is damaged; download the archive again"):
        source.read()
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_an_encrypted_archive(tmp_path: pathlib.Path) -> None:
    archive = pack(tmp_path / "a.zip", "a.txt")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    content[6] |= 1
    archive.write_bytes(content)
    for raw in (archive, tmp_path):
        with pytest.raises(DataError, match=r"a.zip: is encrypted; extract it with its password"):
            sources(raw, ".txt", "a.zip")


def test_what_is_hidden_beside_an_archive(tmp_path: pathlib.Path) -> None:
    """Such as what macOS leaves on a disk."""
    pack(tmp_path / "all.zip", "a.txt", ".git/c.txt")
    (tmp_path / "._all.zip").write_bytes(b"\0\5\x16\7 no archive")
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / "b.txt").write_text("old")
    assert found(tmp_path) == {"a": "a.txt of all.zip"}


def test_links_to_folders(tmp_path: pathlib.Path) -> None:
    """They are followed, and a folder that they lead to again is not read again."""
    raw, elsewhere = tmp_path / "raw", tmp_path / "elsewhere"
    (raw / "deep").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "a.txt").write_text("linked")
    (raw / "deep" / "b.txt").write_text("loose")
    (raw / "part").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(raw)
    (raw / "again").symlink_to(raw / "deep")
    (raw / "gone").symlink_to(tmp_path / "nowhere")
    assert found(raw) == {"a": "linked", "b": "loose"}


@pytest.mark.parametrize("name", ["a.tar.gz", "a.TGZ", "a.7z", "a.rar", "a.tar"])
def test_other_archives_are_to_be_extracted(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(DataError, match=f"holds no .txt file but {name}: extract it first; --raw"):
        sources(tmp_path, ".txt", "a.zip")


@pytest.mark.parametrize("damage", ["content", "compression"])
def test_a_damaged_member(tmp_path: pathlib.Path, damage: str) -> None:
    archive = pack(tmp_path / "a.zip", "a.txt")
    content = bytearray(archive.read_bytes())
    entry = content.index(b"PK\x01\x02")
    if damage == "content":
        content[40] ^= 1
    content[entry + 10] = content[8] = 77 if damage == "compression" else 0
    archive.write_bytes(content)
    (source,) = sources(archive, ".txt", "a.zip")
    with pytest.raises(DataError, match=r"a.zip:a.txt: is damaged; download the archive again"):
        source.read()


def test_a_file_that_went_away(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (source,) = sources(tmp_path, ".txt", "a.zip")
    (tmp_path / "a.txt").unlink()
    with pytest.raises(DataError, match=r"a.txt: cannot be read \(No such file or directory\)"):
        source.read()
