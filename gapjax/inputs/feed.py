"""The batches of training steps: what one holds, and two feeds that put the same ones on devices.

A feed is asked for batches of items (`data_pipelines.readers.order`) and yields *requests*: pytrees
whose first axis counts steps. `load`, a pure function inside the jitted step, turns one step's
request and the feed's `store` into a `Batch`. The resident feed keeps all frames on the devices,
and its requests are indices. The stream's requests are the frames, and its store is empty.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from gapjax.parallel.sharding import Layout

# Index rows of several batches, (steps, batch) → padded frames and true lengths of each batch.
ReadBatches = Callable[
    [Int[np.ndarray, "n b"]],
    Iterator[tuple[Float[np.ndarray, "b m t v c"], Int[np.ndarray, " b"]]],
]


class Batch(NamedTuple):
    """Samples for one step, on the devices.

    Attributes:
        frames: raw frames, padded with zeros to a common number of frames and persons;
            or features of a frozen skeleton encoder, b t v d.
        length: the true number of frames.
        label: the class.
        item: the sample's index within an epoch (`data_pipelines.readers.order`).
        epoch: the epoch of the step, the same for each sample.
    """

    frames: Float[Array, "b ..."]
    length: Int[Array, " b"]
    label: Int[Array, " b"]
    item: Int[Array, " b"]
    epoch: Int[Array, " b"]


@runtime_checkable
class Feed(Protocol):
    """A source of batches."""

    @property
    def store(self) -> Any:
        """Return the arrays that stay on the devices; every step receives them."""
        ...

    def load(self, store: Any, request: Any) -> Batch:
        """Return the batch of one step's request (traced inside the step)."""
        ...

    def requests(
        self, items: Int[np.ndarray, "n b"], epoch: int, counts: Sequence[int]
    ) -> Iterator[Any]:
        """Yield requests, on the devices.

        Args:
            items: the items of each step's batch.
            epoch: the epoch of all steps.
            counts: the number of steps of each request, which add up to `len(items)`.
        """
        ...


def first_step(requests: Any) -> Any:
    """Return the request of the first step of several."""
    return jax.tree.map(lambda leaf: leaf[0], requests)


class Store(NamedTuple):
    """All samples of a dataset in device memory.

    Attributes:
        frames: the frames of all persons, one after another (`data_pipelines.storage.packed.Pack`),
            on every device or sharded. A frame is one row, because a TPU pads short last axes.
        start: the row at which a sample's first person starts.
        length: the number of frames of each of its persons.
        persons: the number of its persons.
        label: its class.
    """

    frames: Float[Array, "f c"]
    start: Int[Array, " n"]
    length: Int[Array, " n"]
    persons: Int[Array, " n"]
    label: Int[Array, " n"]


def gather(
    store: Store, rows: Int[Array, " b"], persons: int, frames: int
) -> Float[Array, "b m t c"]:
    """Return the raw frames of samples, padded with zeros to `persons` and `frames`.

    If the frames are sharded, each device looks up all rows of the global batch in its shard, with
    zeros for those it lacks, and an all-reduce of the batch adds them up. No device ever holds more
    of the store than its shard (`tests/inputs/test_feed.py` reads the compiled program).
    """
    start, length = store.start[rows], store.length[rows]
    person, frame = jnp.arange(persons), jnp.arange(frames)
    first = start[:, None] + person[None] * length[:, None]
    has_person = person[None] < store.persons[rows][:, None]
    has_frame = frame[None] < length[:, None]
    present = has_person[:, :, None] & has_frame[:, None]
    index = jnp.where(present, first[:, :, None] + frame[None, None], 0)
    return jnp.where(present[..., None], store.frames[index], 0)


@dataclass(frozen=True)
class ResidentFeed:
    """A feed of a dataset in device memory, from which a step gathers its samples.

    Attributes:
        store: the dataset on the devices.
        layout: the placement of batches.
        persons: the persons of a batch.
        frames: the frames of a batch.
        joints: the joints of a frame.
    """

    store: Store
    layout: Layout
    persons: int
    frames: int
    joints: int

    def load(self, store: Store, request: dict[str, Int[Array, " b"]]) -> Batch:
        """Return the batch of one step's request."""
        rows = request["item"] % len(store.start)
        frames = gather(store, rows, self.persons, self.frames)
        return Batch(
            frames=frames.reshape(*frames.shape[:3], self.joints, -1),
            length=store.length[rows],
            label=store.label[rows],
            item=request["item"],
            epoch=request["epoch"],
        )

    def requests(
        self, items: Int[np.ndarray, "n b"], epoch: int, counts: Sequence[int]
    ) -> Iterator[dict[str, Int[Array, "n b"]]]:
        """Yield requests of `counts` steps each."""
        columns = self.layout.local_columns(items.shape[1])
        stops = np.cumsum(counts)
        for stop, count in zip(stops, counts, strict=True):
            item = items[stop - count : stop, columns].astype(np.int32)
            yield self.layout.put_batches({"item": item, "epoch": np.full_like(item, epoch)})


@dataclass(frozen=True)
class StreamFeed:
    """A feed that reads a dataset from storage while training.

    Attributes:
        read: reads padded frames by index row.
        label: the class of every index row.
        layout: the placement of batches.
    """

    read: ReadBatches
    label: Int[np.ndarray, " n"]
    layout: Layout
    store: None = None

    def load(self, store: None, request: Batch) -> Batch:
        """Return the request, which is the batch."""
        del store
        return request

    def requests(
        self, items: Int[np.ndarray, "n b"], epoch: int, counts: Sequence[int]
    ) -> Iterator[Batch]:
        """Yield requests of `counts` steps each; the next one is transferred while one is used."""
        batches = self._batches(items[:, self.layout.local_columns(items.shape[1])], epoch)
        ready = None
        for count in counts:
            steps = list(itertools.islice(batches, count))
            stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *steps)
            transferring = self.layout.put_batches(stacked)
            if ready is not None:
                yield ready
            ready = transferring
        if ready is not None:
            yield ready

    def _batches(self, items: Int[np.ndarray, "n b"], epoch: int) -> Iterator[Batch]:
        """Yield the batch of every step, in host memory."""
        rows = items % len(self.label)
        for (frames, length), item, row in zip(self.read(rows), items, rows, strict=True):
            yield Batch(
                frames=frames,
                length=length.astype(np.int32),
                label=self.label[row].astype(np.int32),
                item=item.astype(np.int32),
                epoch=np.full(item.shape, epoch, np.int32),
            )
