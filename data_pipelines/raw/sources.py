"""The files of a raw data set: in a folder, in zip archives in that folder, or in one archive."""

import functools
import itertools
import pathlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from data_pipelines.raw.record import DataError


@dataclass(frozen=True)
class Source:
    """One raw file.

    Attributes:
        name: the file's name without its folder and ending.
        where: how messages call the file.
        read: returns the content; raises DataError where the file or its archive is damaged.
    """

    name: str
    where: str
    read: Callable[[], bytes]


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
    found = _in_folder(raw, ending) if raw.is_dir() else list(_members(raw, ending))
    found = sorted(
        (s for s in found if not s.name.startswith(".")), key=lambda s: (s.name, s.where)
    )
    if not found:
        raise DataError(f"{raw}: holds no {ending} file; --raw takes {wanted}")
    for first, second in itertools.pairwise(found):
        if first.name == second.name:
            raise DataError(
                f"{second.where}: {first.name} is already in {first.where}; remove one of them"
            )
    return found


def _in_folder(folder: pathlib.Path, ending: str) -> list[Source]:
    """Return the files in a folder and those that only its archives hold."""
    paths = (path for path in folder.rglob(f"*{ending}") if path.is_file())
    loose = [Source(path.stem, str(path), functools.partial(_content, path)) for path in paths]
    names = {source.name for source in loose}
    archives = sorted(folder.glob("*.zip"))
    packed = itertools.chain.from_iterable(_members(archive, ending) for archive in archives)
    return loose + [source for source in packed if source.name not in names]


def _members(archive: pathlib.Path, ending: str) -> Iterator[Source]:
    """Yield the files in a zip archive."""
    try:
        opened = zipfile.ZipFile(archive)
    except PermissionError as error:
        raise DataError(f"{archive}: cannot be read ({error.strerror})") from None
    except zipfile.BadZipFile:
        raise DataError(
            f"{archive}: is cut short or not a zip archive; download it again"
        ) from None
    for member in opened.namelist():
        if member.endswith(ending):
            where = f"{archive}:{member}"
            read = functools.partial(_unpacked, opened, member, where)
            yield Source(pathlib.PurePosixPath(member).stem, where, read)


def _content(path: pathlib.Path) -> bytes:
    """Return the content of a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _unpacked(archive: zipfile.ZipFile, member: str, where: str) -> bytes:
    """Return the content of an archive's member.

    Of what zipfile raises, RuntimeError is for an encrypted member and NotImplementedError (which
    is one) for an unknown kind of compression.
    """
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError):
        raise DataError(f"{where}: is damaged; download the archive again") from None
