"""Both feeds give the same batches, at any number of steps a request."""

from collections.abc import Iterator

import jax
import numpy as np
import pytest
from jaxtyping import Float, Int

from gapjax.inputs.feed import Feed, ResidentFeed, Store, StreamFeed, first_step
from gapjax.parallel.hlo import collectives
from gapjax.parallel.sharding import make_layout

LENGTH = np.asarray([3, 1, 4, 2], np.int32)
BODIES = np.asarray([1, 2, 1, 2], np.int32)
LABEL = np.asarray([2, 0, 1, 2], np.int32)
PERSONS, FRAMES, JOINTS, COORDINATES = 2, 5, 6, 3


def bodies() -> list[Float[np.ndarray, "m t v c"]]:
    rng = np.random.default_rng(0)
    shapes = [(m, t, JOINTS, COORDINATES) for m, t in zip(BODIES, LENGTH, strict=True)]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def padded(samples: list[np.ndarray]) -> Float[np.ndarray, "n m t v c"]:
    batch = np.zeros((len(samples), PERSONS, FRAMES, JOINTS, COORDINATES), np.float32)
    for target, sample in zip(batch, samples, strict=True):
        target[: sample.shape[0], : sample.shape[1]] = sample
    return batch


@pytest.fixture(params=["resident", "sharded", "stream"])
def feed(request: pytest.FixtureRequest) -> Feed:
    samples, layout = bodies(), make_layout(2)
    if request.param == "stream":

        def read(rows: Int[np.ndarray, "n b"]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for row in rows:
                yield padded(samples)[row], LENGTH[row]

        return StreamFeed(read, LABEL, layout)
    start = np.cumsum([0, *(LENGTH * BODIES)[:-1]]).astype(np.int32)
    frames = np.concatenate([body.reshape(len(body), -1) for sample in samples for body in sample])
    store = layout.replicate(Store(frames, start, LENGTH, BODIES, LABEL))
    if request.param == "sharded":
        store = store._replace(frames=layout.put_rows(frames))
    store = store._replace(frames=layout.row_major(store.frames))
    return ResidentFeed(store, layout, PERSONS, FRAMES, JOINTS)


@pytest.mark.parametrize("counts", [[1, 1, 1], [2, 1], [3]])
def test_batches(feed: Feed, counts: list[int]) -> None:
    items = np.asarray([[0, 5], [7, 2], [2, 9]])
    requests = list(feed.requests(items, 4, counts))
    assert [len(jax.tree.leaves(request)[0]) for request in requests] == counts
    load = jax.jit(feed.load)
    batches = [
        load(feed.store, jax.tree.map(lambda leaf, i=i: leaf[i], request))
        for request in requests
        for i in range(len(jax.tree.leaves(request)[0]))
    ]
    for batch, item in zip(batches, items, strict=True):
        np.testing.assert_array_equal(batch.frames, padded(bodies())[item % 4])
        np.testing.assert_array_equal(batch.length, LENGTH[item % 4])
        np.testing.assert_array_equal(batch.label, LABEL[item % 4])
        np.testing.assert_array_equal(batch.item, item)
        np.testing.assert_array_equal(batch.epoch, [4, 4])


def test_requests_are_split_over_the_devices(feed: Feed) -> None:
    request = next(feed.requests(np.asarray([[0, 1]]), 0, [1]))
    for leaf in jax.tree.leaves(request):
        assert len(leaf.sharding.device_set) == 2
        assert leaf.addressable_shards[0].data.shape[1] == 1


def test_no_device_ever_has_more_than_its_share_of_the_store() -> None:
    """On two axes of devices, among which the store does not divide."""
    layout = make_layout(8, model=2)
    frames = np.random.default_rng(0).normal(size=(20_001, 15)).astype(np.float32)
    facts = layout.replicate([np.arange(0, 20_000, 50, dtype=np.int32), *[np.full(400, 3)] * 3])
    replicated = Store(layout.replicate(frames), *facts)
    sharded = replicated._replace(frames=layout.put_rows(frames))
    assert {part.data.shape for part in sharded.frames.addressable_shards} == {(2501, 15)}
    request = layout.put_batches(
        {"item": np.array([[7, 0, 399, 12]]), "epoch": np.zeros((1, 4), int)}
    )
    batches = []
    for store in (replicated, sharded):
        load = jax.jit(lambda store, step: ResidentFeed(store, layout, 2, 4, 5).load(store, step))
        program = load.lower(store, first_step(request)).compile()
        batches.append(program(store, first_step(request)))
    jax.tree.map(np.testing.assert_array_equal, *batches)
    sent = collectives(program.as_text())
    assert sum(transfer.bytes for transfer in sent.values()) < 2 * batches[1].frames.nbytes
    assert program.memory_analysis().temp_size_in_bytes < frames.nbytes / 8
