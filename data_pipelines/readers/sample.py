"""Reading one sample of a converted dataset."""

import importlib.util

import numpy as np
from etils import epath
from jaxtyping import Float

from data_pipelines.readers.stream import stream
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import open_pack


def read(directory: str, index: Index, row: int) -> Float[np.ndarray, "t m v c"]:
    """Return a sample's frames from its TFRecord, or else from the pack.

    Raises:
        DataError: the record is damaged, or there is neither TensorFlow nor a pack.
    """
    has_record = (epath.Path(directory) / str(index.shard[row])).exists()
    if has_record and importlib.util.find_spec("tensorflow"):
        count, bodies = int(index.frames[row]), int(index.bodies[row])
        ((frames, _),) = stream(directory, index, np.array([[row]]), count, bodies)
        return frames[0].swapaxes(0, 1)
    return open_pack(directory, index).skeleton(row)
