"""Batches read from TFRecords: equal to the samples and to the pack, damage is named."""

import itertools
import pathlib
import sys

import numpy as np
import pytest
from jaxtyping import Float, Int

from data_pipelines.convert import convert
from data_pipelines.datasets import nw_ucla
from data_pipelines.errors import DataError
from data_pipelines.parsers.sources import sources
from data_pipelines.readers.stream import stream
from data_pipelines.storage import tfrecord
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import Pack, open_pack
from support import tiny_dataset
from support.raw_records import records_of

ROWS = np.random.default_rng(3).integers(0, 11, (6, 5))


def padded(
    pack: Pack, rows: Int[np.ndarray, " b"], frames: int, persons: int
) -> Float[np.ndarray, "b m t v c"]:
    """Return the batch that a pack holds, by loops."""
    batch = np.zeros((len(rows), persons, frames, *pack.frames.shape[1:]), np.float32)
    for place, row in enumerate(rows):
        for body in range(min(persons, pack.bodies[row])):
            for frame in range(pack.count[row]):
                first = pack.start[row] + body * pack.count[row]
                batch[place, body, frame] = pack.frames[first + frame]
    return batch


def test_batches_hold_the_samples(tiny: pathlib.Path) -> None:
    samples = tiny_dataset.samples()
    batches = list(stream(tiny, Index.load(tiny), ROWS, frames=10, persons=3))
    assert len(batches) == len(ROWS)
    for rows, (frames, length) in zip(ROWS, batches, strict=True):
        assert frames.shape == (5, 3, 10, 4, 3)
        assert frames.dtype == np.float32
        for row, padded_sample, count in zip(rows, frames, length, strict=True):
            t, m, _, _ = samples[row].skeleton.shape
            assert count == t
            np.testing.assert_array_equal(
                padded_sample[:m, :t].swapaxes(0, 1), samples[row].skeleton
            )
            assert not padded_sample[m:].any()
            assert not padded_sample[:, t:].any()


@pytest.mark.parametrize(("frames", "persons"), [(9, 2), (11, 3), (9, 1)])
def test_stream_equals_pack_bit_for_bit(tiny_copy: pathlib.Path, frames: int, persons: int) -> None:
    index, pack = Index.load(tiny_copy), open_pack(tiny_copy)
    for rows, (batch, length) in zip(
        ROWS, stream(tiny_copy, index, ROWS, frames, persons), strict=True
    ):
        assert batch.tobytes() == padded(pack, rows, frames, persons).tobytes()
        np.testing.assert_array_equal(length, pack.count[rows])


def test_real_sequences_stream_and_pack_alike(
    nw_ucla_zip: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = list(itertools.islice(records_of(nw_ucla, nw_ucla_zip), 150))
    monkeypatch.setattr(nw_ucla, "items", lambda raw: sources(raw, ".json", "")[:150])
    directory = convert("nw_ucla", nw_ucla_zip, tmp_path)
    index, pack = Index.load(directory), open_pack(directory)
    rows, frames = np.random.default_rng(0).integers(0, 150, (3, 16)), int(index.frames.max())
    for chosen, (batch, _) in zip(rows, stream(directory, index, rows, frames, 1), strict=True):
        np.testing.assert_array_equal(batch, padded(pack, chosen, frames, 1))
        for row, sample in zip(chosen, batch, strict=True):
            skeleton = some[row].skeleton
            np.testing.assert_array_equal(sample[:, : len(skeleton)].swapaxes(0, 1), skeleton)


def test_any_number_of_files(tiny: pathlib.Path, tmp_path: pathlib.Path) -> None:
    moved = tiny_dataset.in_two_shards(tiny, tmp_path / "tiny")
    index = Index.load(moved)
    assert len(set(index.shard)) == 2
    both = (stream(path, Index.load(path), ROWS, 9, 2) for path in (tiny, moved))
    for (frames, _), (same, _) in zip(*both, strict=True):
        np.testing.assert_array_equal(frames, same)


def test_a_later_start_gives_the_same_batches(tiny: pathlib.Path) -> None:
    index = Index.load(tiny)
    whole = list(stream(tiny, index, ROWS, 9, 2))
    for (frames, _), (same, _) in zip(
        stream(str(tiny), index, ROWS[4:], 9, 2), whole[4:], strict=True
    ):
        np.testing.assert_array_equal(frames, same)


def test_hosts_read_their_own_columns(tiny: pathlib.Path) -> None:
    index = Index.load(tiny)
    for host in (slice(0, 2), slice(2, 5)):
        own = stream(tiny, index, ROWS[:, host], 9, 2)
        for (frames, _), (whole, _) in zip(own, stream(tiny, index, ROWS, 9, 2), strict=True):
            np.testing.assert_array_equal(frames, whole[host])


def test_it_may_be_left_early_and_may_be_empty(tiny: pathlib.Path) -> None:
    index = Index.load(tiny)
    assert len(list(itertools.islice(stream(tiny, index, ROWS, 9, 2), 1))) == 1
    assert list(stream(tiny, index, ROWS[:0], 9, 2)) == []


def test_a_sample_longer_than_the_batch(tiny: pathlib.Path) -> None:
    with pytest.raises(DataError, match="has a sample of 9 frames, more than 8"):
        next(stream(tiny, Index.load(tiny), ROWS, 8, 2))


def damaged(index: Index, row: int) -> str:
    return rf"tfrecord-00000-of-00001: the record of sample '{index.name[row]}' is damaged; convert"


@pytest.mark.parametrize("place", [3, 40, -20, -2], ids=["length", "name", "value", "checksum"])
def test_a_changed_byte_names_file_and_sample(tiny_copy: pathlib.Path, place: int) -> None:
    index, row = Index.load(tiny_copy), 7
    (shard,) = tiny_copy.glob("*/*.tfrecord-*")
    content = bytearray(shard.read_bytes())
    content[index.offset[row] + place % index.bytes[row]] ^= 1
    shard.write_bytes(content)
    rows = np.array([[0, 1, 2], [3, 7, 4]])
    batches = stream(tiny_copy, index, rows, 9, 2)
    next(batches)
    with pytest.raises(DataError, match=damaged(index, row)) as caught:
        next(batches)
    assert "\n" not in str(caught.value)


def test_a_file_cut_while_it_is_used(tiny_copy: pathlib.Path) -> None:
    index = Index.load(tiny_copy)
    (shard,) = tiny_copy.glob("*/*.tfrecord-*")
    shard.write_bytes(shard.read_bytes()[: int(index.offset[6]) + 30])
    assert len(list(stream(tiny_copy, index, np.array([[0, 5, 2]]), 9, 2))) == 1
    with pytest.raises(DataError, match=damaged(index, 6)):
        list(stream(tiny_copy, index, np.array([[0, 6, 10]]), 9, 2))
    shard.unlink()
    with pytest.raises(DataError, match=rf"{shard}: is gone; when it is back, run the same"):
        list(stream(tiny_copy, index, np.array([[0, 6, 10]]), 9, 2))


def test_an_index_of_other_records(tiny_copy: pathlib.Path) -> None:
    index = Index.load(tiny_copy)
    index.offset[[2, 3]], index.bytes[[2, 3]] = index.offset[[3, 2]], index.bytes[[3, 2]]
    told = (
        r"disagree: line 5 is of sample 'sample, 3' \(.*, the record of 'sample, 2' \(9 x 1\); conv"
    )
    with pytest.raises(DataError, match=told):
        list(stream(tiny_copy, index, np.array([[0, 3, 2]]), 9, 2))


@pytest.mark.parametrize("frames", [1, 4])
def test_an_index_of_other_lengths(tiny_copy: pathlib.Path, frames: int) -> None:
    """The record is whole: it is not to blame."""
    index = Index.load(tiny_copy)
    index.frames[3] = frames
    told = rf"line 5 is of sample 'sample, 3' \(.*{frames} x 1\), the record of .* \(3 x 1\); conv"
    with pytest.raises(DataError, match=told):
        list(stream(tiny_copy, index, np.array([[0, 3, 2]]), 9, 2))


def test_an_index_in_which_none_is_as_long(tiny_copy: pathlib.Path) -> None:
    index = Index.load(tiny_copy)
    index.frames[:] = 1
    with pytest.raises(DataError, match=r"line 2 is of sample 'sample, 0' \(.*1 x 1\), the record"):
        list(stream(tiny_copy, index, np.array([[1, 0]]), 1, 2))


def test_without_tensorflow(tiny: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tfrecord.tensorflow.cache_clear()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(DataError, match="need TensorFlow, which is not installed: `pip install"):
        next(stream(tiny, Index.load(tiny), ROWS, 9, 2))
