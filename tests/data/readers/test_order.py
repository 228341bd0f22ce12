"""The order of samples against a slow Philox, and its properties."""

import numpy as np
import pytest

from data_pipelines.errors import DataError
from data_pipelines.readers.order import TrainOrder, equal_visits, eval_batches, permutation

ROWS = np.array([1, 4, 5, 8, 13, 16, 17])
ORDER = TrainOrder(rows=ROWS, samples_in_index=19, repeat=3, batch_size=4, seed=7)


def philox(key: tuple[int, int], count: int) -> list[int]:
    """Return outputs of Philox4x64-10 as its paper defines it, the counter starting at 1."""
    mask, outputs, counter = 2**64 - 1, [], 0
    while len(outputs) < count:
        counter += 1
        block, (k0, k1) = [counter, 0, 0, 0], key
        for _ in range(10):
            low, high = 0xD2E7470EE14C6C93 * block[0], 0xCA5A826395121157 * block[2]
            block = [
                (high >> 64) ^ block[1] ^ k0,
                high & mask,
                (low >> 64) ^ block[3] ^ k1,
                low & mask,
            ]
            k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
        outputs += block
    return outputs[:count]


@pytest.mark.parametrize(("seed", "draw"), [(0, 0), (7, 3), (3, 7), (-1, 2**64 - 1)])
def test_permutation_sorts_the_stream_of_philox(seed: int, draw: int) -> None:
    stream = philox((seed % 2**64, draw), 23)
    assert permutation(23, seed, draw).tolist() == sorted(range(23), key=stream.__getitem__)


def test_permutation_is_pinned() -> None:
    """A change here changes the order of every run: no resumed run would see its own samples."""
    assert permutation(10, 1, 0).tolist() == [3, 5, 2, 9, 7, 0, 8, 6, 1, 4]


def test_an_epoch_visits_every_occurrence_at_most_once() -> None:
    assert ORDER.steps_per_epoch == 5
    for epoch in range(3):
        items = ORDER.batches(5 * epoch, 5 * (epoch + 1)).ravel()
        assert len(set(items.tolist())) == len(items) == 20
        assert set(items // 19) <= {0, 1, 2}
        assert set(items % 19) <= set(ROWS.tolist())


def test_an_epoch_without_remainder_visits_everything() -> None:
    order = TrainOrder(rows=ROWS, samples_in_index=19, repeat=2, batch_size=7, seed=0)
    items = order.batches(0, 2).ravel()
    assert sorted(items) == sorted([*ROWS, *ROWS + 19])


def test_rows_of_small_groups_are_visited_more_often() -> None:
    group = np.array(["b", "a", "a", "a", "c", "c", "a"])
    visits = equal_visits(group)
    assert visits.tolist() == [4, 1, 1, 1, 2, 2, 1]
    order = TrainOrder(ROWS, samples_in_index=19, repeat=3, batch_size=6, seed=0, visits=visits)
    assert order.steps_per_epoch == 6
    items = order.batches(0, 6).ravel()
    expected = [
        each * 19 + row for row, n in zip(ROWS, visits, strict=True) for each in range(3 * n)
    ]
    assert sorted(items) == sorted(expected)
    # Each visit is an item of its own, and so has its own random numbers.
    assert len(set(items.tolist())) == len(items)


def test_equal_visits_are_those_of_all_samples() -> None:
    visits = equal_visits(np.repeat([1, 2], 7)[: len(ROWS)])
    order = TrainOrder(ROWS, samples_in_index=19, repeat=3, batch_size=4, seed=7, visits=visits)
    np.testing.assert_array_equal(order.batches(0, 13), ORDER.batches(0, 13))


def test_epochs_and_seeds_differ() -> None:
    other = TrainOrder(rows=ROWS, samples_in_index=19, repeat=3, batch_size=4, seed=8)
    first = ORDER.batches(0, 5)
    assert (first != ORDER.batches(5, 10)).any()
    assert (first != other.batches(0, 5)).any()


def test_any_step_is_reached_directly() -> None:
    whole = ORDER.batches(0, 13)
    fresh = TrainOrder(rows=ROWS, samples_in_index=19, repeat=3, batch_size=4, seed=7)
    permutation.cache_clear()
    np.testing.assert_array_equal(fresh.batches(7, 12), whole[7:12])
    np.testing.assert_array_equal(fresh.batch(3), whole[3])
    assert fresh.batches(4, 4).shape == (0, 4)


def test_a_cached_permutation_cannot_be_spoiled() -> None:
    with pytest.raises(ValueError, match="read-only"):
        permutation(5, 0, 0)[0] = 1


def test_too_few_samples_for_a_batch() -> None:
    order = TrainOrder(rows=ROWS[:1], samples_in_index=19, repeat=3, batch_size=4, seed=0)
    with pytest.raises(DataError, match="3 items, less than one batch of 4: lower"):
        order.batch(0)


@pytest.mark.parametrize(("count", "batches"), [(1, 1), (4, 1), (5, 2), (7, 2), (8, 2)])
def test_eval_batches_weigh_every_sample_once(count: int, batches: int) -> None:
    rows, weight = eval_batches(ROWS.repeat(2)[:count], 4)
    assert rows.shape == weight.shape == (batches, 4)
    np.testing.assert_array_equal(rows[weight == 1], ROWS.repeat(2)[:count])
    assert set(rows[weight == 0].tolist()) <= {int(ROWS.repeat(2)[count - 1])}


def test_nothing_to_evaluate() -> None:
    with pytest.raises(DataError, match="no sample to evaluate"):
        eval_batches(ROWS[:0], 4)
