"""The digest of a converted dataset's coordinates, of which `index.csv` says nothing."""

import functools
import hashlib
import os
from pathlib import Path

import numpy as np
from etils import epath

from data_pipelines.errors import DataError
from data_pipelines.parsers.sources import State, state_of
from data_pipelines.storage import tfrecord
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import bodies_in_turn, open_pack


def digest(directory: str | os.PathLike, index: Index, packed: bool) -> str:
    """Return the SHA-256 of all coordinates, in the order of a pack.

    TFRecords, in any number of files, and the pack made of them have the same digest. It is cached
    until the files change.

    Args:
        directory: the converted dataset's folder.
        index: its index.
        packed: whether to read the pack instead of the TFRecords.

    Raises:
        DataError: a file is missing or damaged.
    """
    if packed:
        path = Path(open_pack(os.fspath(directory), index).frames.filename)
        return _of_pack(path, state_of(path))
    paths = [epath.Path(directory) / shard for shard in dict.fromkeys(index.shard.tolist())]
    return _of_records(tuple((os.fspath(path), _state(path)) for path in paths))


@functools.lru_cache(maxsize=8)
def _of_pack(path: Path, state: State) -> str:
    """Return the digest of a pack's frames; `state` is part of the cache key."""
    del state
    frames = np.load(path, mmap_mode="r")
    return hashlib.sha256(np.ascontiguousarray(frames)).hexdigest()


@functools.lru_cache(maxsize=8)
def _of_records(files: tuple[tuple[str, State], ...]) -> str:
    """Return the digest of the records of files; their states are part of the cache key."""
    sha256 = hashlib.sha256()
    for path, _ in files:
        for _, _, record in tfrecord.read(path):
            sha256.update(np.ascontiguousarray(bodies_in_turn(record.skeleton)))
    return sha256.hexdigest()


def _state(path: epath.Path) -> State:
    """Return the state of a file, which may be in a bucket."""
    if not path.exists():
        raise DataError(f"{path}: is gone; when it is back, run the same command to continue")
    if "://" in os.fspath(path):
        status = path.stat()
        return status.length, status.mtime
    return state_of(Path(path))
