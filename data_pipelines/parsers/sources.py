"""The files of a raw dataset: in a folder, in zip archives in that folder, or in one archive."""

import functools
import itertools
import lzma
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from data_pipelines.errors import DataError, FileError

# Bytes that a file in an archive may have.
LARGEST = 1 << 28

# What zipfile raises for damage. RuntimeError is for an encrypted file and NotImplementedError,
# which is one, for an unknown version or kind of compression; KeyError is for one that is not
# there; ValueError and struct.error are for places and sizes that cannot be.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(RuntimeError, KeyError, ValueError, OverflowError),
)

# What changes with the content of a file: `state_of`.
State = tuple[int, int]


@dataclass(frozen=True)
class Source:
    """One raw file, which any process can read.

    Attributes:
        name: the file's name without its folder and ending.
        path: the file, or the archive that it is in.
        member: what the archive calls it; None for a file of its own.
        state: that of the file or, in an archive, the size and the checksum.
    """

    name: str
    path: str
    member: str | None
    state: State

    def __str__(self) -> str:
        return self.where

    @property
    def where(self) -> str:
        """Return how messages call the file."""
        return self.path if self.member is None else f"{self.path}:{self.member}"

    def read(self) -> bytes:
        """Return the content.

        Raises:
            FileError: the file or its archive is damaged.
        """
        try:
            if self.member is None:
                return pathlib.Path(self.path).read_bytes()
        except OSError as error:
            raise FileError(self.where, f"cannot be read ({error.strerror})") from None
        return _unpacked(self.path, self.member)


def state_of(path: pathlib.Path) -> State:
    """Return a file's size and the time of its last change in nanoseconds.

    The change may be of the content or of who may read it.
    """
    status = path.stat()
    return status.st_size, status.st_ctime_ns


def sources(raw: pathlib.Path, ending: str, wanted: str) -> list[Source]:
    """Return the files with an ending, sorted by name; of a name there is one.

    A folder is searched at all depths, and the archives that lie directly in it are read, too: of a
    file that is extracted beside its archive, the extracted one counts. Hidden files do not count.

    Args:
        raw: an archive or a folder.
        ending: the ending of the files' names, `.json`.
        wanted: what the option `--raw` takes, for messages.

    Raises:
        DataError: there is no such file, an archive is damaged, or two files have one name.
    """
    if not raw.exists():
        raise DataError(f"{raw}: no such file or folder; --raw takes {wanted}")
    files = _in_folder(raw, ending) if raw.is_dir() else list(_members(raw, ending))
    files = sorted(
        (s for s in files if not s.name.startswith(".")), key=lambda s: (s.name, s.where)
    )
    if not files:
        raise DataError(f"{raw}: holds no {ending} file; --raw takes {wanted}")
    for first, second in itertools.pairwise(files):
        if first.name == second.name:
            raise DataError(
                f"{second.where}: {first.name} is already in {first.where}; remove one of them"
            )
    return files


def _in_folder(folder: pathlib.Path, ending: str) -> list[Source]:
    """Return the files in a folder and those that only its archives hold."""
    paths = (path for path in folder.rglob(f"*{ending}") if path.is_file())
    loose = [Source(path.stem, str(path), None, state_of(path)) for path in paths]
    names = {source.name for source in loose}
    archives = sorted(folder.glob("*.zip"))
    packed = itertools.chain.from_iterable(_members(archive, ending) for archive in archives)
    return loose + [source for source in packed if source.name not in names]


def _members(archive: pathlib.Path, ending: str) -> Iterator[Source]:
    """Yield the files in a zip archive."""
    for member in _opened(str(archive), state_of(archive)).infolist():
        if member.filename.endswith(ending):
            name = pathlib.PurePosixPath(member.filename).stem
            packed = member.file_size, member.CRC
            yield Source(name, str(archive), member.filename, packed)


@functools.lru_cache(maxsize=8)
def _opened(archive: str, version: State) -> zipfile.ZipFile:
    """Return an archive whose table of contents has been read; `version` tells its states apart."""
    del version
    try:
        return zipfile.ZipFile(archive)
    except PermissionError as error:
        raise DataError(f"{archive}: cannot be read ({error.strerror})") from None
    except _DAMAGE:
        raise DataError(
            f"{archive}: is cut short or not a zip archive; download it again"
        ) from None


def _unpacked(archive: str, member: str) -> bytes:
    """Return the content of an archive's member."""
    try:
        state = state_of(pathlib.Path(archive))
        opened = _opened(archive, state)
        info = opened.getinfo(member)
        # The sizes are what zipfile asks memory for.
        possible = info.compress_size <= state[0] and info.file_size <= LARGEST
        content = opened.read(info) if possible else None
    except _DAMAGE:
        content = None
    if content is None:
        raise FileError(f"{archive}:{member}", "is damaged; download the archive again")
    return content
