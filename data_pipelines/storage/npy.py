"""Arrays in NumPy's `.npy` format: reading what may be damaged, writing rows as they arrive."""

import math
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float, Shaped

from data_pipelines.errors import UserError
from data_pipelines.parsers.npz import ARRAY_DAMAGE


def load(path: Path, mapped: bool = False) -> Shaped[np.ndarray, "..."] | None:
    """Return an array, or None if its file is missing or damaged.

    Args:
        path: the file.
        mapped: whether the array stays on the disk, mapped into memory.
    """
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except ARRAY_DAMAGE:
        return None


def write(
    file: BinaryIO, rows: int, blocks: Iterable[Float[np.ndarray, "_ ..."]], advice: str
) -> None:
    """Write an array whose rows arrive in blocks.

    A memory map would end the process when the disk is full; this raises an error.

    Args:
        file: a new file on a disk.
        rows: how many rows the blocks have in total.
        blocks: consecutive rows of the array.
        advice: what to do if the array does not fit on the disk.

    Raises:
        UserError: the array does not fit on the disk.
        OSError: the file cannot be written.
    """
    for block in blocks:
        if not file.tell():
            _write_header(file, (rows, *block.shape[1:]), advice)
        file.write(np.ascontiguousarray(block, "<f4"))
    file.flush()
    # Some file systems report only on fsync that they are full.
    os.fsync(file.fileno())


def _write_header(file: BinaryIO, shape: tuple[int, ...], advice: str) -> None:
    """Write the header of an array if the disk has room for the array."""
    folder = Path(file.name).parent
    needed, free = 4 * math.prod(shape), shutil.disk_usage(folder).free
    if needed > free:
        amounts = f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free"
        raise UserError(f"{folder}: {amounts}; {advice}")
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
