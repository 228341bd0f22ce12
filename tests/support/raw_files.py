"""Raw files: those of NTU RGB+D's form, MAT-files, and what conversion makes of them."""

import io
import pathlib
from typing import Any

import scipy.io

from support.ntu_text import footage, ntu_text, person


def seventy(folder: pathlib.Path) -> pathlib.Path:
    """Make and return a folder of 70 `.skeleton` files, which are more than there are chunks."""
    folder.mkdir()
    text = ntu_text(footage(3, {0: (0, person(3))}))
    for number in range(1, 71):
        (folder / f"S001C001P001R{number:03}A001.skeleton").write_text(text)
    return folder


def mat(compress: bool = True, **variables: Any) -> bytes:
    """Return a MAT-file with these variables, as SciPy writes it."""
    file = io.BytesIO()
    scipy.io.savemat(file, variables, do_compression=compress)
    return file.getvalue()


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Return what the files in a folder hold, by their paths in it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
