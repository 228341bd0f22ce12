"""Batches onto the devices, in two ways that give the same batches.

A feed is asked for batches by item (`data_pipelines.readers.order`) and yields *requests*: pytrees
whose
first axis counts steps. `load`, a pure function inside the jitted step, turns one request and the
feed's `store` into a `Batch`. The resident feed keeps all frames on the devices and its requests
are a few numbers; the stream's requests are the frames themselves and its store is empty.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from gapjax.inputs.batch import Batch
from gapjax.parallel.sharding import Layout

# Rows of several batches, (steps, batch) → for each batch its padded frames and true lengths.
Read = Callable[
    [Int[np.ndarray, "n b"]],
    Iterator[tuple[Float[np.ndarray, "b ..."], Int[np.ndarray, " b"]]],
]


@runtime_checkable
class Feed(Protocol):
    """A source of batches."""

    @property
    def store(self) -> Any:
        """Return the arrays that stay on the devices, handed to every dispatch."""
        ...

    def load(self, store: Any, request: Any) -> Batch:
        """Return the batch of one request (traced inside the step)."""
        ...

    def requests(
        self, items: Int[np.ndarray, "n b"], epoch: int, counts: Sequence[int]
    ) -> Iterator[Any]:
        """Yield device requests of `counts` steps each; together they ask for all of `items`."""
        ...


class Store(NamedTuple):
    """All samples of a dataset in device memory.

    Attributes:
        frames: every body's frames, one after another (see `data_pipelines.storage.packed.Pack`);
        a frame is
            one row, the coordinates of all its joints, since a TPU pads short last axes. On every
            device, or split over them.
        start: where a sample's first body starts.
        count: how many frames each of its bodies has.
        bodies: how many bodies it has.
        label: its class.
    """

    frames: Float[Array, "f c"]
    start: Int[Array, " n"]
    count: Int[Array, " n"]
    bodies: Int[Array, " n"]
    label: Int[Array, " n"]


def gather(
    store: Store, rows: Int[Array, " b"], persons: int, frames: int
) -> Float[Array, "b m t c"]:
    """Return the raw frames of samples, padded with zeros to `persons` and `frames`.

    Where the frames are split over devices, each device looks all rows of the global batch up in
    its share and has zeros for those it lacks; an all-reduce of the batch adds them. No device ever
    has more of the store than its share (`tests/inputs/test_feed.py` reads the compiled program).
    """
    start, count, bodies = store.start[rows], store.count[rows], store.bodies[rows]
    person, frame = jnp.arange(persons), jnp.arange(frames)
    first = start[:, None] + person[None] * count[:, None]
    there = (person[None] < bodies[:, None])[:, :, None] & (frame[None] < count[:, None])[:, None]
    place = jnp.where(there, first[:, :, None] + frame[None, None], 0)
    return jnp.where(there[..., None], store.frames[place], 0)


@dataclass(frozen=True)
class ResidentFeed:
    """The whole dataset in device memory; a step gathers its samples by number.

    Attributes:
        store: the dataset on the devices.
        layout: the placement of batches.
        persons: persons of a batch.
        frames: frames of a batch.
        joints: joints of a frame.
    """

    store: Store
    layout: Layout
    persons: int
    frames: int
    joints: int

    def load(self, store: Store, request: dict[str, Array]) -> Batch:
        """Return the batch of one request."""
        rows = request["item"] % len(store.start)
        frames = gather(store, rows, self.persons, self.frames)
        return Batch(
            frames=frames.reshape(*frames.shape[:3], self.joints, -1),
            length=store.count[rows],
            label=store.label[rows],
            item=request["item"],
            epoch=request["epoch"],
        )

    def requests(
        self, items: Int[np.ndarray, "n b"], epoch: int, counts: Sequence[int]
    ) -> Iterator[dict[str, Array]]:
        """Yield requests of `counts` steps each."""
        columns = self.layout.local_columns(items.shape[1])
        stops = np.cumsum(counts)
        for stop, count in zip(stops, counts, strict=True):
            item = items[stop - count : stop, columns].astype(np.int32)
            yield self.layout.put_batches({"item": item, "epoch": np.full_like(item, epoch)})


@dataclass(frozen=True)
class StreamFeed:
    """The dataset read from storage while training.

    Attributes:
        read: reads padded frames by row.
        label: the class of every row.
        layout: the placement of batches.
    """

    read: Read
    label: Int[np.ndarray, " n"]
    layout: Layout
    store: None = None

    def load(self, store: None, request: Batch) -> Batch:
        """Return the request itself, which already is a batch."""
        del store
        return request

    def requests(
        self, items: Int[np.ndarray, "n b"], epoch: int, counts: Sequence[int]
    ) -> Iterator[Batch]:
        """Yield requests of `counts` steps each, the next one on its way while one is used."""
        items = items[:, self.layout.local_columns(items.shape[1])]
        batches = (
            self._batch(frames, length, item, epoch)
            for (frames, length), item in zip(
                self.read(items % len(self.label)), items, strict=True
            )
        )
        ahead = None
        for count in counts:
            steps = list(itertools.islice(batches, count))
            stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *steps)
            placed = self.layout.put_batches(stacked)
            if ahead is not None:
                yield ahead
            ahead = placed
        if ahead is not None:
            yield ahead

    def _batch(
        self,
        frames: Float[np.ndarray, "b ..."],
        length: Int[np.ndarray, " b"],
        item: Int[np.ndarray, " b"],
        epoch: int,
    ) -> Batch:
        return Batch(
            frames=frames,
            length=length.astype(np.int32),
            label=self.label[item % len(self.label)].astype(np.int32),
            item=item.astype(np.int32),
            epoch=np.full(item.shape, epoch, np.int32),
        )
