"""All frames of a dataset in one memory-mapped array, for data that stays in device memory.

python -m data_pipelines.pack DIR

writes `DIR/pack/` from the TFRecords of the converted dataset DIR. Whoever opens a dataset's pack
has it made where it is missing or stale. To read it, TensorFlow is not needed.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, Int64
from tqdm import tqdm

from data_pipelines import command, tfrecord
from data_pipelines.atomic import locked, replacing
from data_pipelines.index import Index
from data_pipelines.raw.record import ARRAY_DAMAGE, DataError


@dataclass(frozen=True, eq=False)
class Pack:
    """The frames of n samples, without padding.

    Body p of sample i is `frames[start[i] + p * count[i] : start[i] + (p + 1) * count[i]]`.

    Attributes:
        frames: every body's frames, one after another; absent bodies are not stored.
        start: where a sample's first body starts.
        count: how many frames each of its bodies has.
        bodies: how many bodies it has.
    """

    frames: Float32[np.ndarray, "f v c"]
    start: Int64[np.ndarray, " n"]
    count: Int32[np.ndarray, " n"]
    bodies: Int32[np.ndarray, " n"]

    def skeleton(self, row: int) -> Float32[np.ndarray, "t m v c"]:
        """Return a sample's frames."""
        start, count, bodies = (int(each[row]) for each in (self.start, self.count, self.bodies))
        frames = np.array(self.frames[start : start + bodies * count])
        return frames.reshape(bodies, count, *frames.shape[1:]).swapaxes(0, 1)


def open_pack(directory: str | Path) -> Pack:
    """Open the pack of a converted dataset, packing it first where that was not yet done.

    Raises:
        DataError: there is no dataset, or it cannot be packed here.
    """
    if "://" in str(directory):
        raise DataError(
            f"{directory}: a pack is mapped into memory; copy it to a local disk, or stream"
        )
    directory, index = Path(directory), Index.load(directory)
    return stored(directory, index) or _built(directory, index)


def stored(directory: Path, index: Index) -> Pack | None:
    """Return the pack that lies there, or None if it is missing, cut, or of other samples."""
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
    """Write the pack, unless another process does so meanwhile, and return it."""
    target = directory / "pack"
    try:
        with locked(target):
            if stored(directory, index) is None:
                with replacing(target) as folder:
                    _write(directory, index, folder)
                    (folder / "digest").write_text(index.digest)
    except PermissionError as error:
        raise DataError(
            f"{error.filename}: cannot be written; run `python -m data_pipelines.pack {directory}` "
            "as a user who may"
        ) from None
    return stored(directory, index)


def bodies_in_turn(skeleton: Float32[np.ndarray, "t m v c"]) -> Float32[np.ndarray, "f v c"]:
    """Return the frames of a sample as the pack has them: its bodies one after another."""
    return skeleton.swapaxes(0, 1).reshape(-1, *skeleton.shape[2:])


def _write(directory: Path, index: Index, folder: Path) -> None:
    """Write `frames.npy`: the frames of every record."""
    shards = [directory / shard for shard in dict.fromkeys(index.shard.tolist())]
    records = (record for shard in shards for _, _, record in tfrecord.read(shard))
    bar = tqdm(records, "packing", len(index), unit=" samples", disable=None, leave=False)
    count = int(index.frames.astype(np.int64) @ index.bodies)
    frames, stop = None, 0
    for name, record in zip(index.name, bar, strict=True):
        if record.name != name:
            raise DataError(f"{directory}: the index and the TFRecords disagree; convert again")
        bodies = bodies_in_turn(record.skeleton)
        if frames is None:
            shape = (count, *bodies.shape[1:])
            frames = np.lib.format.open_memmap(folder / "frames.npy", "w+", np.float32, shape)
        start, stop = stop, stop + len(bodies)
        frames[start:stop] = bodies
    frames.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.pack", description=__doc__)
    parser.add_argument("directory", type=command.local_path, help="a converted dataset")
    given = parser.parse_args(arguments)
    return command.status(lambda: _report(given.directory))


def _report(directory: Path) -> None:
    """Open the pack, and print what it holds."""
    pack = open_pack(directory)
    size = pack.frames.nbytes / 1e6
    print(f"{directory / 'pack'}: {len(pack.start):,} samples, {size:,.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
