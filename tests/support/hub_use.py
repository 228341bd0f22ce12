"""What tests do with a hub, and with the folders that come from it."""

import errno
import pathlib

from gapjax.serving import publication
from gapjax.workdir import bundle_hub

NAME = "lab/waves"


def pushed(folder: pathlib.Path, name: str = NAME, public: bool = False) -> str:
    """Push as the command does; return the revision."""
    return publication.push(folder, publication.require(name, public))


def located(name: str) -> pathlib.Path:
    """Open as a new process does."""
    bundle_hub._copy.cache_clear()
    return bundle_hub.located(pathlib.Path(name))


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def find_no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
