"""Convert a dataset's raw files to TFRecords, once for all protocols, lengths and modalities.

python -m data_pipelines.convert DATASET --raw=PATH --out=DIR

writes `DIR/DATASET/`: a TensorFlow Datasets dataset and `index.csv`. A conversion that is killed
leaves nothing that passes for a dataset; it is simply started again.
"""

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
from tqdm import tqdm

from data_pipelines import command, datasets, index, tfrecord
from data_pipelines.atomic import locked, replacing
from data_pipelines.raw.record import DataError, Record
from data_pipelines.spec import DatasetSpec


def convert(name: str, raw: Path | None, out: Path) -> Path:
    """Convert a dataset, unless it already is converted and complete, and return its folder.

    Args:
        name: a module of `data_pipelines.datasets`.
        raw: the raw files, as the dataset's module wants them; None for a built-in dataset.
        out: the folder of all converted datasets.

    Raises:
        DataError: the name is unknown, or a file cannot be used or written.
    """
    dataset(name)
    target = out / name
    try:
        samples = len(index.Index.load(target))
    except DataError:
        return reconvert(name, raw, out)
    print(f"{target}: {samples:,} samples, already converted (--overwrite converts again)")
    return target


def reconvert(name: str, raw: Path | None, out: Path) -> Path:
    """Convert a dataset, replacing what an earlier conversion wrote; see `convert`."""
    module, target, started = dataset(name), out / name, time.monotonic()
    _refuse_other_contents(target, raw)
    try:
        with locked(target), replacing(target) as folder:
            samples = _write(module.SPEC, module.records(raw), folder)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise DataError(f"{error.filename}: cannot be written; choose another --out") from None
    seconds = time.monotonic() - started
    print(f"{target}: {samples:,} samples in {seconds:.1f} s ({samples / seconds:,.0f} samples/s)")
    return target


def dataset(name: str) -> ModuleType:
    """Return the module of a dataset, which has `SPEC` and `records`.

    Raises:
        DataError: there is no such dataset; the message lists those there are.
    """
    names = sorted({found.name for found in pkgutil.iter_modules(datasets.__path__)})
    if name not in names:
        raise DataError(f"no dataset {name!r} (there are: {', '.join(names)})")
    return importlib.import_module(f"{datasets.__name__}.{name}")


def _refuse_other_contents(target: Path, raw: Path | None) -> None:
    """Raise DataError where replacing `target` would remove anything but a converted dataset."""
    if target.exists() and not (target / index.FILE).exists():
        raise DataError(f"{target}: exists and is not a converted dataset; choose another --out")
    if raw is not None and raw.resolve().is_relative_to(target.resolve()):
        raise DataError(f"{raw}: lies in {target}, which would be replaced; move it elsewhere")


def _write(spec: DatasetSpec, records: Iterable[Record], folder: Path) -> int:
    """Write the TFRecords and the index into `folder`, and return the number of samples."""
    tfrecord.tensorflow()
    from data_pipelines import builder

    counts = next((each.counts for each in spec.protocols.values() if each.counts), None)
    total = sum(counts) if counts else None
    bar = tqdm(records, spec.name, total, unit=" samples", disable=None, leave=False)
    builder.write(spec, _checked(iter(bar), spec), folder.parent)
    rows = list(_index_rows(folder))
    index.write(folder, rows)
    return len(rows)


def _checked(records: Iterable[Record], spec: DatasetSpec) -> Iterator[Record]:
    """Yield the records, each checked against the dataset's facts."""
    names = set()
    for record in records:
        fault = _fault(record, spec) or (record.name in names and "is there twice")
        if fault:
            raise DataError(f"{spec.name}: sample {record.name!r} {fault}; repair or remove it")
        names.add(record.name)
        yield record
    if not names:
        raise DataError(f"{spec.name}: the raw files hold no sample")


def _fault(record: Record, spec: DatasetSpec) -> str | None:
    """Return what is wrong with a record, or None."""
    frames, bodies, *rest = record.skeleton.shape
    if rest != [spec.skeleton.num_joints, spec.coordinates] or frames == 0:
        wanted = f"frames x persons x joints x {spec.coordinates}"
        return f"has the shape {record.skeleton.shape}, not {wanted}"
    if not 1 <= bodies <= spec.persons:
        return f"has {bodies} persons, not 1 to {spec.persons}"
    if not np.isfinite(record.skeleton).all():
        return "has a coordinate that is not finite"
    if not 0 <= record.label < len(spec.labels):
        return f"has the class {record.label}, not 0 to {len(spec.labels) - 1}"
    return None


def _index_rows(folder: Path) -> Iterator[tuple[str | int, ...]]:
    """Yield the rows of `index.csv`, read back from the TFRecords that were written."""
    for path in sorted(folder.glob("*/*.tfrecord-*")):
        for offset, size, record in tfrecord.read(path):
            facts = record.name, record.label, record.subject, record.camera, record.setup
            shard = path.relative_to(folder).as_posix()
            yield *facts, *record.skeleton.shape[:2], shard, offset, size


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.convert", description=__doc__)
    parser.add_argument("dataset", help="a module of data_pipelines/datasets")
    parser.add_argument(
        "--raw", type=command.local_path, help="raw files (not needed by built-in datasets)"
    )
    parser.add_argument(
        "--out", type=command.local_path, required=True, help="folder of converted datasets"
    )
    parser.add_argument("--overwrite", action="store_true", help="convert again")
    given = parser.parse_args(arguments)
    work = reconvert if given.overwrite else convert
    return command.status(lambda: work(given.dataset, given.raw, given.out))


if __name__ == "__main__":
    sys.exit(main())
