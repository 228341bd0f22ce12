"""Your own data: a folder with `dataset.yaml`, `samples.csv` and one `.npy` file for each sample.

See `data_pipelines.specs.spec_file` for the YAML and `data_pipelines.parsers.samples` for the
table. Joints are arbitrary, in two or three dimensions, with or without a confidence.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etils import epath

from data_pipelines.errors import DataError, FileError
from data_pipelines.formats import _own_splits
from data_pipelines.parsers import samples
from data_pipelines.parsers.samples import Sample
from data_pipelines.specs import body_file, checked_yaml, class_texts, spec_file
from data_pipelines.specs.dataset import DatasetSpec, RawDataset
from data_pipelines.specs.record import Record

WANTED = f"a folder with {spec_file.FILE}, {samples.FILE} and .npy files"


@dataclass(frozen=True)
class Item:
    """A sample, and the expected shape of its array; `persons` is the most of a clip."""

    sample: Sample
    joints: Sequence[str]
    coordinates: int
    persons: int

    def __str__(self) -> str:
        return str(self.sample)


def open_raw(raw: pathlib.Path, name: str) -> RawDataset:
    """Return the contents of a folder; DataError if a file is missing or invalid."""
    path = raw / spec_file.FILE
    if not path.is_file():
        raise DataError(f"{path}: is missing; --raw takes {WANTED}")
    metadata = checked_yaml.load(epath.Path(path))
    columns = samples.columns(raw) if (raw / samples.FILE).is_file() else ()
    has_splits = _own_splits.COLUMN in columns
    optional = {"protocols"} if has_splits else set()
    required = [key for key in spec_file.REQUIRED if key not in optional]
    metadata.check_keys(required, (*spec_file.OPTIONAL, *optional))
    rows = samples.table(raw, metadata.texts("labels"))
    metadata, rows = _own_splits.translated(metadata, rows, columns, str(raw / samples.FILE))
    spec = spec_file.spec_of(metadata, name)
    shape = spec.skeleton.joints, spec.coordinates, spec.persons
    items = [Item(sample, *shape) for sample in rows]
    texts = _texts(raw, metadata, spec)
    for protocol in spec.protocols:
        _refuse_empty_side((*columns, *["setup"] * has_splits), metadata, spec, protocol, items)
    notes = [f"{path}: {line}" for line in body_file.left_out(spec.skeleton)]
    return RawDataset(dataclasses.replace(spec, format="own", texts=""), items, texts, notes)


def read(item: Item) -> Iterator[Record]:
    """Yield a sample; FileError if its array has more persons than frames and than a clip."""
    record = samples.record(item.sample, item.joints, item.coordinates)
    frames, persons = record.skeleton.shape[:2]
    if frames < persons > item.persons:
        raise FileError(
            str(item),
            f"has {frames} frames of {persons} persons; write the array as frames x persons x "
            "joints x coordinates",
        )
    yield record


def _refuse_empty_side(
    columns: Sequence[str],
    metadata: checked_yaml.Metadata,
    spec: DatasetSpec,
    name: str,
    items: Sequence[Item],
) -> None:
    """Raise DataError if a protocol has no training or no test sample."""
    column, train = spec.protocols[name].column, spec.protocols[name].train
    listed = " or ".join(map(str, train))
    trains = {item.sample.column(column) in train for item in items}
    if column not in columns:
        fault = f"goes by {column}, but {samples.FILE} has no column {column}; add it"
    elif not train:
        fault = f"trains on no sample: its list of {column} is empty; correct it"
    elif True not in trains:
        fault = f"trains on no sample: none has the {column} {listed}; correct one of the files"
    elif False not in trains:
        fault = f"tests on no sample: all have the {column} {listed}; correct one of the files"
    else:
        return
    raise metadata.error("protocols", f"{name!r} {fault}")


def _texts(raw: pathlib.Path, metadata: checked_yaml.Metadata, spec: DatasetSpec) -> bytes | None:
    """Return the file of class descriptions that the metadata names, once it was checked."""
    if not spec.texts:
        return None
    path = raw / spec.texts
    try:
        content = path.read_bytes()
    except (OSError, ValueError):
        raise metadata.error(
            "texts", f"names {spec.texts!r}, which is not a file in {raw}"
        ) from None
    texts = class_texts.of_labels(class_texts.load(path), spec.labels, str(path))
    class_texts.check_partitions(texts, spec.skeleton.partitions, str(path))
    return content
