"""Reading TFRecord files, and importing TensorFlow quietly."""

import contextlib
import functools
import importlib.util
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from data_pipelines.errors import DataError
from data_pipelines.specs.record import Record

# A TFRecord is a length (8 bytes) and its checksum (4), the data, and the data's checksum (4).
FRAMING = 16

# Read buffer, in bytes.
_BUFFER = 1 << 18

_MISSING = (
    "TFRecords need TensorFlow, which is not installed: `pip install tensorflow "
    "tensorflow-datasets`, or make the pack elsewhere with `python -m data_pipelines.pack`"
)


def require_tensorflow() -> None:
    """Raise DataError if TensorFlow is not installed; unlike an import, this takes no seconds."""
    if importlib.util.find_spec("tensorflow") is None:
        raise DataError(_MISSING)


@functools.cache
def tensorflow() -> ModuleType:
    """Import and return TensorFlow without its log messages and without GPUs, which JAX uses.

    Raises:
        DataError: TensorFlow is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN is not used here, and prints a message on every start.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        import tensorflow as tf
    except ImportError:
        raise DataError(_MISSING) from None
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
    return tf


def dataset(path: Any, start: Any, buffer_size: Any) -> Any:
    """Return the `tf.data.Dataset` of a file's serialized records from a byte on; all tensors."""
    tf = tensorflow()
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=path[None],
        compression_type="",
        buffer_size=buffer_size,
        byte_offsets=start[None],
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec((), tf.string))


def read(path: str | os.PathLike, start: int = 0) -> Iterator[tuple[int, int, Record]]:
    """Yield (offset, bytes, record) of every record of one file, its checksum verified.

    Args:
        path: the file.
        start: the offset of the first record to read, in bytes.

    Raises:
        DataError: the file is cut or altered.
    """
    tf, offset = tensorflow(), start
    from google.protobuf.message import DecodeError

    first = tf.data.Dataset.from_tensors((os.fspath(path), tf.constant(start, tf.int64)))
    stored = first.flat_map(lambda file, offset: dataset(file, offset, _BUFFER))
    try:
        for serialized in stored.as_numpy_iterator():
            size = len(serialized) + FRAMING
            yield offset, size, _record(tf.train.Example.FromString(serialized))
            offset += size
    except (tf.errors.OpError, DecodeError, LookupError, ValueError):
        raise DataError(f"{path}: is cut or altered after byte {offset}; convert again") from None


def _record(example: Any) -> Record:
    """Return the record of a `tf.train.Example`; LookupError or ValueError if it is not one."""
    feature = example.features.feature
    t, m, v, c = feature["skeleton/shape"].int64_list.value
    values = np.frombuffer(feature["skeleton/value"].bytes_list.value[0], "<f4")
    metadata = {
        key: feature[key].int64_list.value[0] for key in ("label", "subject", "camera", "setup")
    }
    name = feature["name"].bytes_list.value[0].decode()
    return Record(skeleton=values.reshape(t, m, v, c), name=name, **metadata)
