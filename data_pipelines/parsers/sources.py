"""The files of a raw dataset: in a folder, in zip archives in it, or in one archive."""

import functools
import itertools
import lzma
import os
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from data_pipelines.errors import DataError, FileError
from data_pipelines.specs import wrong_file

# The largest size of a file in an archive, in bytes.
LARGEST = 1 << 28

# What zipfile raises for damage: RuntimeError's subclass NotImplementedError for an unknown version
# or compression, KeyError for a missing file, ValueError and struct.error for impossible offsets
# and sizes.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(RuntimeError, KeyError, ValueError, OverflowError),
)

# Archives that are not searched.
_OTHER_ARCHIVES = (".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_ENCRYPTED = 1

# A file's size and change time, see `state_of`.
State = tuple[int, int]


@dataclass(frozen=True)
class Source:
    """One raw file, which any process can read.

    Attributes:
        name: the file's name without its folder and extension.
        path: the file, or its archive.
        member: its name in the archive; None outside of archives.
        state: the file's state or, in an archive, its size and checksum.
    """

    name: str
    path: str
    member: str | None
    state: State

    def __str__(self) -> str:
        return self.where

    @property
    def where(self) -> str:
        """Return the file's name in messages."""
        return self.path if self.member is None else f"{self.path}:{self.member}"

    def read(self) -> bytes:
        """Return the content; FileError if the file or its archive is damaged, or another file."""
        try:
            member = self.member
            content = _bytes(self.path) if member is None else _unpacked(self.path, member)
        except OSError as error:
            raise FileError(self.where, f"cannot be read ({error.strerror})") from None
        if reason := wrong_file.described(content[: wrong_file.HEAD]):
            raise FileError(self.where, reason)
        return content


def _bytes(path: str) -> bytes:
    return pathlib.Path(path).read_bytes()


def state_of(path: pathlib.Path) -> State:
    """Return a file's size and the time of its last change (st_ctime) in nanoseconds."""
    status = path.stat()
    return status.st_size, status.st_ctime_ns


def sources(raw: pathlib.Path, ending: str, wanted: str) -> list[Source]:
    """Return the files with an extension, sorted by name.

    A folder is searched recursively, links to folders included, and so are the archives directly in
    it; extracted files take precedence over archived ones. What is hidden is ignored.

    Args:
        raw: an archive or a folder.
        ending: the extension, such as `.json`.
        wanted: what the option `--raw` takes, for messages.

    Raises:
        DataError: there is no such file, an archive is damaged, or two files have the same name.
    """
    if not raw.exists():
        raise DataError(f"{raw}: no such file or folder; --raw takes {wanted}")
    files = _in_folder(raw, ending) if raw.is_dir() else list(_members(raw, ending))
    files.sort(key=lambda source: (source.name, source.where))
    if not files:
        packed = [path for path in _files(raw) if path.name.lower().endswith(_OTHER_ARCHIVES)]
        archive = f" but {packed[0].name}: extract it first" if packed else ""
        raise DataError(f"{raw}: holds no {ending} file{archive}; --raw takes {wanted}")
    for first, second in itertools.pairwise(files):
        if first.name == second.name:
            duplicate = f"{first.name} is already in {first.where}"
            raise DataError(f"{second.where}: {duplicate}; remove one of them")
    return files


def _in_folder(folder: pathlib.Path, ending: str) -> list[Source]:
    """Return the files in a folder and those that are only in its archives."""
    paths = (path for path in _files(folder) if path.name.endswith(ending))
    loose = [Source(path.stem, str(path), None, state_of(path)) for path in paths]
    names = {source.name for source in loose}
    archives = sorted(path for path in folder.glob("*.zip") if not path.name.startswith("."))
    packed = itertools.chain.from_iterable(_members(archive, ending) for archive in archives)
    return loose + [source for source in packed if source.name not in names]


def _files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield the files in a folder and its subfolders that are not hidden, each folder once."""

    def refuse(error: OSError) -> None:
        """Raise DataError for a folder that cannot be listed."""
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})")

    visited = set()
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = () if real in visited else (f for f in folders if not f.startswith("."))
        paths = (pathlib.Path(parent, name) for name in names if not name.startswith("."))
        yield from () if real in visited else (path for path in paths if path.is_file())
        visited.add(real)


def _members(archive: pathlib.Path, ending: str) -> Iterator[Source]:
    for member in _opened(str(archive), state_of(archive)).infolist():
        path = pathlib.PurePosixPath(member.filename)
        if not path.name.endswith(ending) or any(part.startswith(".") for part in path.parts):
            continue
        if member.flag_bits & _ENCRYPTED:
            reason = "is encrypted; extract it with its password, and give the folder"
            raise DataError(f"{archive}: {reason}")
        yield Source(path.stem, str(archive), member.filename, (member.file_size, member.CRC))


@functools.lru_cache(maxsize=8)
def _opened(archive: str, version: State) -> zipfile.ZipFile:
    """Return an open archive; `version` is part of the cache key."""
    del version
    try:
        return zipfile.ZipFile(archive)
    except PermissionError as error:
        raise DataError(f"{archive}: cannot be read ({error.strerror})") from None
    except _DAMAGE:
        wrong_file.refuse(archive)
        reason = "is cut short or not a zip archive; download it again"
        raise DataError(f"{archive}: {reason}") from None


def _unpacked(archive: str, member: str) -> bytes:
    try:
        state = state_of(pathlib.Path(archive))
        opened = _opened(archive, state)
        info = opened.getinfo(member)
        # zipfile allocates these sizes.
        possible = info.compress_size <= state[0] and info.file_size <= LARGEST
        content = opened.read(info) if possible else None
    except _DAMAGE:
        content = None
    if content is None:
        raise FileError(f"{archive}:{member}", "is damaged; download the archive again")
    return content
