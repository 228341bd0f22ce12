"""Batches of padded raw frames, read from TFRecords while they are needed.

The index knows where every record lies, so any order is read at random: there is no shuffle buffer,
no state to save, nothing to skip when a run resumes, and a host reads only its own columns. One
call of TensorFlow's parallel `map` makes a whole batch: it reads each record through a
`TFRecordDataset` that starts at the record's offset. That verifies the checksums, works on every
file system TensorFlow reads, needs no Python inside the pipeline and no thread-safe file handles.
"""

import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from etils import epath
from jaxtyping import Float, Int

from data_pipelines.errors import DataError
from data_pipelines.storage import tfrecord
from data_pipelines.storage.index import Index, check_record

# A tensorflow.Tensor: TensorFlow is imported only where it is needed.
Tensor = Any

# Batches that wait, made, for the consumer.
_AHEAD = 2


def stream(
    directory: str | os.PathLike,
    index: Index,
    rows: Int[np.ndarray, "n b"],
    frames: int,
    persons: int,
) -> Iterator[tuple[Float[np.ndarray, "b m t v c"], Int[np.ndarray, " b"]]]:
    """Yield the n batches of raw frames, padded with zeros, and their true lengths.

    Args:
        directory: the converted dataset's folder.
        index: its index.
        rows: the samples of each batch, as rows of the index.
        frames: length to pad to; no sample may be longer.
        persons: persons to pad to; of a sample with more, the first are kept.

    Raises:
        DataError: TensorFlow is missing, a sample is longer than `frames`, or a record is damaged
            or not what the index says (the message names the file and the sample).
    """
    longest = int(index.frames[np.unique(rows)].max(initial=0))
    if longest > frames:
        raise DataError(f"{directory}: has a sample of {longest} frames, more than {frames}")
    tf = tfrecord.tensorflow()
    made = _made(directory, index, rows, frames, persons)
    for batch_rows in rows:
        try:
            batch, length = next(made)
        except tf.errors.OpError as error:
            raise _damage(directory, index, batch_rows, error.message) from None
        if (length != index.frames[batch_rows]).any():
            raise _damage(directory, index, batch_rows, "its index is of another conversion")
        yield batch, length


def _made(
    directory: str | os.PathLike,
    index: Index,
    rows: Int[np.ndarray, "n b"],
    frames: int,
    persons: int,
) -> Iterator[tuple[Float[np.ndarray, "b m t v c"], Int[np.ndarray, " b"]]]:
    """Return the iterator of TensorFlow's pipeline over the batches; see `stream`."""
    tf = tfrecord.tensorflow()
    maker = _batch_maker(directory, index, frames, persons)
    batches = tf.data.Dataset.from_tensor_slices(rows.astype(np.int64))
    batches = batches.map(maker, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.prefetch(_AHEAD).as_numpy_iterator()


@functools.lru_cache(maxsize=4)
def _batch_maker(
    directory: str | os.PathLike, index: Index, frames: int, persons: int
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return the function, traced into TensorFlow's graph, from rows (b) to a batch."""
    tf = tfrecord.tensorflow()
    shards, shard = np.unique(index.shard, return_inverse=True)
    paths = tf.constant([os.fspath(epath.Path(directory) / str(name)) for name in shards])
    shard, offset, size = tf.constant(shard), tf.constant(index.offset), tf.constant(index.bytes)

    def record(row: Tensor) -> Any:
        """Return the dataset of the one record of a row, in serialized form."""
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=paths[shard[row]][None],
            compression_type="",
            buffer_size=size[row],
            byte_offsets=offset[row][None],
        )
        return tf.data.experimental.from_variant(variant, tf.TensorSpec((), tf.string)).take(1)

    def padded(stored: tuple[Tensor, Tensor]) -> Tensor:
        """Return the frames (m t v c) of one sample's stored values and shape (t m v c)."""
        values, shape = stored
        skeleton = tf.reshape(tf.io.decode_raw(values, tf.float32), shape)
        skeleton = tf.transpose(skeleton[:, :persons], (1, 0, 2, 3))
        there = tf.shape(skeleton)
        ends = [persons - there[0], frames - there[1], 0, 0]
        return tf.pad(skeleton, tf.stack([tf.zeros_like(ends), ends], axis=1))

    def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the frames (b m t v c) and lengths (b) of the samples of `rows`."""
        count = rows.shape[0]
        records = tf.data.Dataset.from_tensor_slices(rows).flat_map(record)
        serialized = records.batch(count).get_single_element()
        stored = tf.io.parse_example(
            tf.ensure_shape(serialized, (count,)),
            {
                "skeleton/value": tf.io.FixedLenFeature((), tf.string),
                "skeleton/shape": tf.io.FixedLenFeature((4,), tf.int64),
            },
        )
        values, shapes = stored["skeleton/value"], stored["skeleton/shape"]
        spec = tf.TensorSpec((persons, frames, None, None), tf.float32)
        return tf.map_fn(padded, (values, shapes), fn_output_signature=spec), shapes[:, 0]

    return tf.function(batch, autograph=False)


def _damage(
    directory: str | os.PathLike, index: Index, rows: Int[np.ndarray, " b"], cause: str
) -> DataError:
    """Return the error that names the first sample among `rows` whose record cannot be used."""
    for row in rows:
        place = epath.Path(directory) / str(index.shard[row])
        if not place.exists():
            return DataError(f"{place}: is gone; when it is back, the same command goes on")
        try:
            _, _, record = next(tfrecord.read(place, int(index.offset[row])))
        except (DataError, StopIteration):
            return DataError(
                f"{place}: the record of sample {str(index.name[row])!r} is damaged; convert again"
            )
        try:
            check_record(index, int(row), record, directory)
        except DataError as error:
            return error
    return DataError(f"{directory}: cannot be read: {cause.splitlines()[0]}")
