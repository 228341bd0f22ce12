"""Checks that read every sample: TFRecords against the index, and the pack."""

import bisect
import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from tqdm import tqdm

from data_pipelines.checks.index_checks import Check, counted
from data_pipelines.errors import DataError
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.specs.record import Record
from data_pipelines.storage import tfrecord
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import Pack, bodies_in_turn

# The metadata of a record.
METADATA = ("name", "label", "subject", "camera", "setup")

# Reading a file stops after this many damaged records, because resuming after one is slow.
MOST_DAMAGED = 100


class RecordChecks:
    """The checks that read every record, one at a time.

    Attributes:
        faults: check → its faults.
    """

    def __init__(self, folder: Path, index: Index, spec: DatasetSpec, pack: Pack | None) -> None:
        self._folder, self._index, self._spec, self._pack = folder, index, spec, pack
        self.faults = {check: [] for check in ("checksums", "rows", "shapes", "values", "pack")}

    def run(self) -> Iterator[Check]:
        """Read all records and yield the checks."""
        tfrecord.tensorflow()
        index, spec, faults = self._index, self._spec, self.faults
        shards = sorted({*index.shard.tolist(), *self._on_disk()})
        with tqdm(None, "checking", len(index), unit=" samples", disable=None, leave=False) as bar:
            for shard in shards:
                self._shard(shard, bar)
        read = " of the records that can be read" if faults["checksums"] else ""
        shape = f"frames x persons x {spec.skeleton.num_joints} x {spec.coordinates}"
        yield Check(
            "checksums", f"all records of {counted(len(shards), 'file')}", faults["checksums"]
        )
        yield Check("rows", f"index.csv and the records agree{read}", faults["rows"])
        yield Check("shapes", f"{shape}{read}", faults["shapes"])
        yield Check("values", f"all are finite{read}", faults["values"])
        if (self._folder / "pack").exists():
            yield self._pack_check(f"its numbers are those{read or ' of the records'}")

    def _on_disk(self) -> list[str]:
        paths = self._folder.glob("*/*.tfrecord-*")
        return [path.relative_to(self._folder).as_posix() for path in paths]

    def _shard(self, shard: str, bar: tqdm) -> None:
        """Check one file against the rows of the index that name it."""
        path, rows = self._folder / shard, np.flatnonzero(self._index.shard == shard)
        row_at = dict(zip(self._index.offset[rows].tolist(), rows.tolist(), strict=True))
        if not path.exists():
            self.faults["checksums"].append(f"{path}: is missing")
            return
        damaged = 0
        for offset, size, record in _salvaged(path, sorted(row_at)):
            bar.update()
            row = row_at.pop(offset, None)
            if record is not None:
                self._sample(f"{path}, byte {offset}", row, size, record)
                continue
            damaged += 1
            if damaged > MOST_DAMAGED:
                self.faults["checksums"].append(f"{path}: is not read on after byte {offset}")
                return
            sample = "" if row is None else f", sample {str(self._index.name[row])!r}"
            self.faults["checksums"].append(f"{path}, byte {offset}{sample}: is damaged")
        for offset, row in row_at.items():
            sample = f"{path}, byte {offset}, sample {str(self._index.name[row])!r}"
            self.faults["rows"].append(f"{sample}: no record is there")

    def _sample(self, place: str, row: int | None, size: int, record: Record) -> None:
        """Check one record against its row of the index, the dataset's metadata and the pack."""
        sample = f"{place}, sample {record.name!r}:"
        if row is None:
            self.faults["rows"].append(f"{sample} is in no row of index.csv")
        else:
            self._row(sample, row, size, record)
        if record.skeleton.shape[2:] != (self._spec.skeleton.num_joints, self._spec.coordinates):
            self.faults["shapes"].append(f"{sample} has the shape {record.skeleton.shape}")
        if not np.isfinite(record.skeleton).all():
            self.faults["values"].append(f"{sample} has a coordinate that is not finite")

    def _row(self, sample: str, row: int, size: int, record: Record) -> None:
        """Check one record against its row and the pack."""
        frames, bodies = record.skeleton.shape[:2]
        metadata = {name: getattr(record, name) for name in METADATA}
        for name, value in {**metadata, "frames": frames, "bodies": bodies, "bytes": size}.items():
            indexed = getattr(self._index, name)[row].item()
            if indexed != value:
                fault = f"{sample} its {name} is {value!r}, but {indexed!r} in line {row + 2}"
                self.faults["rows"].append(f"{fault} of index.csv")
        if self._pack:
            packed, recorded = _packed(self._pack, row), bodies_in_turn(record.skeleton)
            if packed.shape != recorded.shape or packed.tobytes() != recorded.tobytes():
                self.faults["pack"].append(f"{sample} has other numbers in the pack")

    def _pack_check(self, summary: str) -> Check:
        """Return the check that the pack is of these records."""
        path, faults = self._folder / "pack", self.faults["pack"]
        if self._pack is None:
            faults = [f"{path}: is cut, or of another index"]
        remedy = f"remove {path}; it is made again when it is needed"
        return Check("pack", summary, faults, remedy=remedy)


def _salvaged(path: Path, offsets: list[int]) -> Iterator[tuple[int, int, Record | None]]:
    """Yield (offset, bytes, record) of a file's records; None in place of a damaged one.

    After a damaged record, reading resumes at the next of `offsets` (ascending).
    """
    position, end = 0, path.stat().st_size
    while position < end:
        with contextlib.suppress(DataError):
            for offset, size, record in tfrecord.read(path, position):
                yield offset, size, record
                position = offset + size
        # TensorFlow does not report a file that ends within a record's length.
        if position < end:
            yield position, 0, None
            later = bisect.bisect_right(offsets, position)
            position = offsets[later] if later < len(offsets) else end


def _packed(pack: Pack, row: int) -> Float32[np.ndarray, "f v c"]:
    """Return a sample's frames in a pack."""
    start = pack.start[row]
    return pack.frames[start : start + int(pack.count[row]) * int(pack.bodies[row])]


def pack_check(index: Index, spec: DatasetSpec, pack: Pack) -> Check:
    """Check the pack of a dataset whose TFRecords are elsewhere."""
    faults, shape = [], (spec.skeleton.num_joints, spec.coordinates)
    if pack.frames.shape[1:] != shape:
        faults.append(f"pack: frames have the shape {pack.frames.shape[1:]}, not {shape}")
    rows = range(len(index))
    for row in tqdm(rows, "checking", unit=" samples", disable=None, leave=False):
        if not np.isfinite(_packed(pack, row)).all():
            name = str(index.name[row])
            faults.append(f"pack: sample {name!r} has a coordinate that is not finite")
    summary = "it is of this index, its values are finite; no TFRecords are here"
    return Check("pack", summary, faults, remedy="make it again where the TFRecords are")
