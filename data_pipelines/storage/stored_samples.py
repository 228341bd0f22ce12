"""Samples of converted datasets as items of a conversion, for datasets that are made of others."""

import functools
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

from data_pipelines.errors import FileError
from data_pipelines.parsers.sources import State, state_of
from data_pipelines.specs.record import Record
from data_pipelines.storage import index as indexing
from data_pipelines.storage import packed


@dataclass(frozen=True)
class Item:
    """Row `row` of the dataset in `folder`, whose pack has the state `state`.

    Attributes:
        metadata: label, subject, camera and setup in the new dataset.
        name: its name in the new dataset.
    """

    folder: str
    state: State
    row: int
    metadata: tuple[int, int, int, int]
    name: str

    def __str__(self) -> str:
        return f"{self.folder} ({self.name})"


def state(folder: pathlib.Path) -> State:
    """Return the state of a dataset's pack, which exists."""
    return state_of(folder / "pack" / "frames.npy")


def read(item: Item) -> Iterator[Record]:
    """Yield a sample, from the pack; FileError if that is gone."""
    pack = _pack(item.folder, item.state)
    if pack is None:
        raise FileError(str(item), "its pack is gone; run the command again")
    yield Record(pack.skeleton(item.row), *item.metadata, item.name)


@functools.lru_cache(maxsize=8)
def _pack(folder: str, state: State) -> packed.Pack | None:
    """Return the pack of a dataset; `state` is part of the cache key."""
    del state
    return packed.stored(pathlib.Path(folder), indexing.read(folder))
