"""Batches of padded raw frames, streamed from TFRecords.

The index has the offsets of all records, which are read at random in any order: there is no shuffle
buffer, no state to save, nothing to skip when a run resumes, and a host reads only its own columns.
TensorFlow's parallel `map` makes batches; each record is read by a `TFRecordDataset` that starts at
its offset. This verifies the checksums, works on all file systems of TensorFlow, and runs no Python
in the pipeline.
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

# How many batches are made ahead.
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
        frames: the length to pad to; no sample may be longer.
        persons: the number of persons to pad to; further persons are dropped.

    Raises:
        DataError: TensorFlow is missing, a sample is longer than `frames`, or a record is damaged
            or not what the index says.
    """
    longest = int(index.frames[np.unique(rows)].max(initial=0))
    if longest > frames:
        raise DataError(f"{directory}: has a sample of {longest} frames, more than {frames}")
    tf = tfrecord.tensorflow()
    batches = tf.data.Dataset.from_tensor_slices(rows.astype(np.int64))
    read_batch = _batch_reader(os.fspath(directory), index, frames, persons)
    batches = batches.map(read_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    iterator = batches.prefetch(_AHEAD).as_numpy_iterator()
    for batch_rows in rows:
        try:
            batch, length = next(iterator)
        except tf.errors.OpError as error:
            raise _damage(directory, index, batch_rows, error.message) from None
        if (length != index.frames[batch_rows]).any():
            raise _damage(directory, index, batch_rows, "its index is of another conversion")
        yield batch, length


@functools.lru_cache(maxsize=4)
def _batch_reader(
    directory: str, index: Index, frames: int, persons: int
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return the TensorFlow function from rows (b) to frames (b m t v c) and lengths (b)."""
    tf = tfrecord.tensorflow()
    read_record = _record_reader(directory, index)
    batch_type = tf.TensorSpec((persons, frames, None, None), tf.float32)

    def read_batch(rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the padded frames and the lengths of a batch."""
        values, shapes = _stored(read_record, rows)
        pad = functools.partial(_padded, frames=frames, persons=persons)
        return tf.map_fn(pad, (values, shapes), fn_output_signature=batch_type), shapes[:, 0]

    return tf.function(read_batch, autograph=False)


def _record_reader(directory: str | os.PathLike, index: Index) -> Callable[[Tensor], Any]:
    """Return the function from a row to the `tf.data.Dataset` of its serialized record."""
    tf = tfrecord.tensorflow()
    names, shard = np.unique(index.shard, return_inverse=True)
    paths = tf.constant([os.fspath(epath.Path(directory) / str(name)) for name in names])
    shard, offset, size = tf.constant(shard), tf.constant(index.offset), tf.constant(index.bytes)

    return lambda row: tfrecord.dataset(paths[shard[row]], offset[row], size[row]).take(1)


def _stored(read_record: Callable[[Tensor], Any], rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the coordinates of samples as byte strings, and their shapes t m v c."""
    tf, count = tfrecord.tensorflow(), rows.shape[0]
    records = tf.data.Dataset.from_tensor_slices(rows).flat_map(read_record)
    serialized = tf.ensure_shape(records.batch(count).get_single_element(), (count,))
    features = {
        "skeleton/value": tf.io.FixedLenFeature((), tf.string),
        "skeleton/shape": tf.io.FixedLenFeature((4,), tf.int64),
    }
    stored = tf.io.parse_example(serialized, features)
    return stored["skeleton/value"], stored["skeleton/shape"]


def _padded(stored: tuple[Tensor, Tensor], frames: int, persons: int) -> Tensor:
    """Return the padded frames (m t v c) of a byte string and its shape t m v c."""
    tf, (values, shape) = tfrecord.tensorflow(), stored
    skeleton = tf.reshape(tf.io.decode_raw(values, tf.float32), shape)
    skeleton = tf.transpose(skeleton[:, :persons], (1, 0, 2, 3))
    size = tf.shape(skeleton)
    after = [persons - size[0], frames - size[1], 0, 0]
    return tf.pad(skeleton, tf.stack([tf.zeros_like(after), after], axis=1))


def _damage(
    directory: str | os.PathLike, index: Index, rows: Int[np.ndarray, " b"], cause: str
) -> DataError:
    """Return the error that names the first sample of `rows` whose record cannot be used."""
    for row in rows:
        path = epath.Path(directory) / str(index.shard[row])
        if not path.exists():
            return DataError(f"{path}: is gone; when it is back, run the same command to continue")
        try:
            _, _, record = next(tfrecord.read(path, int(index.offset[row])))
        except (DataError, StopIteration):
            sample = repr(str(index.name[row]))
            return DataError(f"{path}: the record of sample {sample} is damaged; convert again")
        try:
            check_record(index, int(row), record, directory)
        except DataError as error:
            return error
    return DataError(f"{directory}: cannot be read: {cause.splitlines()[0]}")
