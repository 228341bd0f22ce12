"""One sample of a converted dataset, read by its row in the index."""

import numpy as np
from etils import epath
from jaxtyping import Float

from data_pipelines.errors import DataError
from data_pipelines.readers.stream import stream
from data_pipelines.storage import tfrecord
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import open_pack


def read(directory: str, index: Index, row: int) -> Float[np.ndarray, "t m v c"]:
    """Return a sample's frames: of its TFRecord, or of the pack where that cannot be read.

    Raises:
        DataError: the record is damaged, or there is neither TensorFlow nor a pack.
    """
    if (epath.Path(directory) / str(index.shard[row])).exists() and _has_tensorflow():
        count, bodies = int(index.frames[row]), int(index.bodies[row])
        ((frames, _),) = stream(directory, index, np.array([[row]]), count, bodies)
        return frames[0].swapaxes(0, 1)
    return open_pack(directory, index).skeleton(row)


def _has_tensorflow() -> bool:
    """Return whether TFRecords can be read here."""
    try:
        tfrecord.tensorflow()
    except DataError:
        return False
    return True
