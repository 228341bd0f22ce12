"""All frames of a dataset in one memory-mapped array, for data that stays in device memory.

python -m data_pipelines.pack DIR

writes `DIR/pack/` from the TFRecords of the converted dataset DIR; `open_pack` does so, too, if the
pack is missing or stale. Reading it does not need TensorFlow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, Int64
from tqdm import tqdm

from data_pipelines.errors import DataError
from data_pipelines.parsers.npz import ARRAY_DAMAGE
from data_pipelines.storage import npy, tfrecord
from data_pipelines.storage.atomic import locked, replacing_folder
from data_pipelines.storage.disk import writing
from data_pipelines.storage.index import Index, check_count, check_record

_NO_ROOM = "make room, or stream the TFRecords (data.feed=stream), which needs no pack"


@dataclass(frozen=True, eq=False)
class Pack:
    """The frames of n samples, without padding.

    Body p of sample i is `frames[start[i] + p * count[i] : start[i] + (p + 1) * count[i]]`.

    Attributes:
        frames: all bodies' frames, one after another; absent bodies are not stored.
        start: where a sample's first body starts.
        count: the number of frames of each of its bodies.
        bodies: its number of bodies.
    """

    frames: Float32[np.ndarray, "f v c"]
    start: Int64[np.ndarray, " n"]
    count: Int32[np.ndarray, " n"]
    bodies: Int32[np.ndarray, " n"]

    def skeleton(self, row: int) -> Float32[np.ndarray, "t m v c"]:
        """Return a sample's frames."""
        start, count, bodies = (int(c[row]) for c in (self.start, self.count, self.bodies))
        frames = np.array(self.frames[start : start + bodies * count])
        return frames.reshape(bodies, count, *frames.shape[1:]).swapaxes(0, 1)


def open_pack(directory: str | Path, index: Index | None = None) -> Pack:
    """Open the pack of a converted dataset; pack it first if needed.

    Args:
        directory: the dataset's folder.
        index: its index, if it is loaded already.

    Raises:
        UserError: there is no dataset, or it cannot be packed here.
        DiskError: the disk is full or does not answer.
    """
    if "://" in str(directory):
        reason = "a pack is mapped into memory; copy it to a local disk, or stream"
        raise DataError(f"{directory}: {reason}")
    directory, index = Path(directory), index or Index.load(directory)
    return stored(directory, index) or _built(directory, index)


def stored(directory: Path, index: Index) -> Pack | None:
    """Return the existing pack, or None if it is missing, truncated, or of other samples."""
    count = index.frames.astype(np.int64) * index.bodies
    try:
        frames = np.load(directory / "pack" / "frames.npy", mmap_mode="r")
        same = (directory / "pack" / "digest").read_text() == index.digest
    except ARRAY_DAMAGE:
        return None
    if not same or len(frames) != count.sum():
        return None
    return Pack(frames, np.cumsum(count) - count, index.frames, index.bodies)


def _built(directory: Path, index: Index) -> Pack:
    """Write the pack, unless another process has done so, and return it."""
    target = directory / "pack"
    remedy = f"run `python -m data_pipelines.pack {directory}` as a user who may"
    advice = "once it can, run the same command to continue (data.feed=stream needs no pack)"
    with writing(target, remedy, advice), locked(target):
        if (pack := stored(directory, index)) is not None:
            return pack
        with replacing_folder(target) as folder:
            count = int(index.frames.astype(np.int64) @ index.bodies)
            with (folder / "frames.npy").open("wb") as file:
                npy.write(file, count, _all_bodies(directory, index), _NO_ROOM)
            (folder / "digest").write_text(index.digest)
    if (pack := stored(directory, index)) is None:
        raise DataError(f"{target}: does not hold what was written to it; check the disk")
    return pack


def bodies_in_turn(skeleton: Float32[np.ndarray, "t m v c"]) -> Float32[np.ndarray, "f v c"]:
    """Return the frames of a sample as the pack stores them: one body after another."""
    return skeleton.swapaxes(0, 1).reshape(-1, *skeleton.shape[2:])


def _all_bodies(directory: Path, index: Index) -> Iterator[Float32[np.ndarray, "f v c"]]:
    """Yield the frames of every record; DataError if the records are not those of the index."""
    shards = dict.fromkeys(index.shard.tolist())
    records = (record for shard in shards for _, _, record in tfrecord.read(directory / shard))
    bar = tqdm(records, "packing", len(index), unit=" samples", disable=None, leave=False)
    count = 0
    for count, record in enumerate(bar, 1):
        if count <= len(index):
            check_record(index, count - 1, record, directory)
            yield bodies_in_turn(record.skeleton)
    check_count(index, count, directory)
