"""A file of features: it is written as they arrive, and is whole or not there."""

import math
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tqdm
from jaxtyping import Float

from data_pipelines.errors import UserError
from data_pipelines.storage.disk import writing


def write(path: Path, every: Iterable[Float[np.ndarray, "b t v d"]], count: int) -> None:
    """Write the features of `count` items, which arrive in batches, as a whole or not at all.

    Args:
        path: the file, in NumPy's format.
        every: the batches; nothing is written before the first.
        count: how many items they have together.

    Raises:
        UserError: they would not fit on the disk, or writing there is not allowed.
        DiskError: the disk does not answer.
    """
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            for left in path.parent.glob(f"{path.stem}.*.partial"):
                left.unlink()
            _write_all(partial, every, count)
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_all(path: Path, every: Iterable[Float[np.ndarray, "b t v d"]], count: int) -> None:
    """Write features as they arrive."""
    # Not through a memory map, which would end the process where the disk is full.
    with path.open("wb") as file, tqdm.tqdm(total=count, unit="clip", desc="features") as bar:
        for values in every:
            if not file.tell():
                _begin(file, (count, *values.shape[1:]), path.parent)
            file.write(np.ascontiguousarray(values, np.float32))
            bar.update(len(values))


def _begin(file: BinaryIO, shape: tuple[int, ...], folder: Path) -> None:
    """Write the head of an array of float32, if there is room for all of it."""
    _refuse_full_disk(folder, 4 * math.prod(shape))
    facts = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, facts)


def _refuse_full_disk(folder: Path, needed: int) -> None:
    """Raise UserError where a file would not fit."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: features need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            "choose a --workdir on another disk, or encoder.features=fresh"
        )
