"""Convert a dataset's raw files to TFRecords, once for all protocols, lengths and modalities.

python -m data_pipelines.convert DATASET --raw=PATH --out=DIR
python -m data_pipelines.convert FORMAT --raw=PATH --out=DIR [--name=DATASET] [--persons=N]

writes `DIR/DATASET/`: a TensorFlow Datasets dataset, `index.csv`, and, if there are any, lists of
files that cannot be used (`rejected.csv`) and of recordings without a sample, such as those without
a body (`left_out.csv`). A FORMAT (own, merged, ctr_gcn, pyskl) also writes its metadata,
`dataset.yaml`. Conversion is atomic, and a killed one resumes. Exit status: 0 done; 3 done, but
some files were rejected; 2 not done, for the reason printed; 1 not done: the disk is full or fails.
"""

import argparse
import collections
import dataclasses
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from etils import epath
from tqdm import tqdm

from data_pipelines import command
from data_pipelines.conversion import origin, reading, rejected, report, workers
from data_pipelines.errors import INTERRUPTED, DataError, FileError
from data_pipelines.specs import catalog, spec_file
from data_pipelines.specs.dataset import DatasetSpec, RawDataset
from data_pipelines.storage import index, tfrecord
from data_pipelines.storage.atomic import locked, replacing_folder
from data_pipelines.storage.disk import writing

# An exit status beside those of `data_pipelines.errors`.
_SOME_REJECTED = 3

_RESUMES = "once it can, run the same command to continue"


def convert(
    name: str,
    raw: Path | None,
    out: Path,
    jobs: int = 1,
    strict: bool = False,
    title: str = "",
    overwrite: bool = False,
    persons: int | None = None,
) -> Path:
    """Convert a dataset unless it is already converted and complete; return its folder.

    Args:
        name: a module of `data_pipelines.datasets` or `data_pipelines.formats`.
        raw: the raw files, as the dataset's module takes them; None for a built-in dataset.
        out: the folder of all converted datasets.
        jobs: the number of reading processes, which does not change the result. With more than one,
            a script that calls this needs the guard `if __name__ == "__main__"`.
        strict: whether a file that cannot be used ends the conversion, instead of being listed in
            `rejected.csv`.
        title: the name of a dataset of a format; empty for that of its files.
        overwrite: whether to replace an earlier conversion.
        persons: the most persons of a sample, for a dataset of a format: those who move most.

    Raises:
        DataError: the name is unknown, no file can be used, two samples have one name, or a table
            of raw files is not the one that an earlier conversion read.
        UserError: writing the folder is not allowed.
        DiskError: the disk is full or does not answer.
    """
    target, started = out / _title(name, raw, title), time.monotonic()
    if persons and name not in catalog.formats():
        raise DataError(
            f"--persons={persons}: {name} has its number; it is for own and other formats"
        )
    if not overwrite and _is_converted(name, raw, target):
        return target
    _refuse_other_contents(target, raw)
    tfrecord.require_tensorflow()
    module = catalog.module(name)
    opened = _opened(module, raw, target.name, persons)
    with writing(target, "choose another --out", _RESUMES), locked(target):
        # Another process may have converted it while this one waited for the lock.
        if not overwrite and _is_converted(name, raw, target):
            return target
        samples = _replace(module, opened, target, jobs, strict)
    seconds = time.monotonic() - started
    print(f"{target}: {samples:,} samples in {seconds:.1f} s ({samples / seconds:,.0f} samples/s)")
    return target


def make(module: ModuleType, opened: RawDataset, target: Path) -> None:
    """Convert generated samples to the folder `target`, unless another process has done so.

    Args:
        module: has `read`, which makes the records of an item.
        opened: the metadata and the items.
        target: the dataset's folder; several processes may make it at the same time.

    Raises:
        UserError: writing the folder is not allowed.
        DiskError: the disk is full or does not answer.
    """
    tfrecord.require_tensorflow()
    remedy = "set data.dir to a folder that can be written"
    with writing(target, remedy, _RESUMES), locked(target):
        if not target.exists():
            _replace(module, opened, target, jobs=1, strict=True)


def _is_converted(name: str, raw: Path | None, target: Path) -> bool:
    """Return whether a dataset is converted and complete, and print it."""
    try:
        samples = len(index.Index.load(target))
    except DataError:
        return False
    unread = "" if raw is None else f"; {raw} is not read"
    if name in catalog.formats():
        origin.refuse_others(target, raw)
    beside = ", --name=NAME beside it" if name in catalog.formats() else ""
    again = f"(--overwrite converts again{beside})"
    print(f"{target}: {samples:,} samples, already converted{unread} {again}")
    return True


def _title(name: str, raw: Path | None, title: str) -> str:
    """Return the name of the converted dataset; DataError if the arguments do not fit."""
    module = catalog.module(name)
    if name in catalog.formats():
        if raw is None:
            raise DataError(f"{name} needs --raw=PATH: {module.WANTED}")
        return catalog.dataset_name(raw, title)
    if title not in ("", name):
        raise DataError(f"--name={title}: {name} has its name; --name is for own and other formats")
    return name


def _opened(module: ModuleType, raw: Path | None, name: str, persons: int | None) -> RawDataset:
    """Return the metadata and the items of a dataset, with at most so many persons."""
    if hasattr(module, "SPEC"):
        if raw is None and not module.SPEC.builtin:
            raise DataError(f"{name} needs --raw=PATH: {module.SPEC.obtain}")
        return RawDataset(module.SPEC, module.items(raw))
    if raw is None or not raw.exists():
        raise DataError(f"{raw}: no such file or folder; --raw takes {module.WANTED}")
    opened = module.open_raw(raw, name)
    most = min(persons or opened.spec.persons, opened.spec.persons)
    spec = dataclasses.replace(opened.spec, persons=most)
    return dataclasses.replace(opened, spec=spec, sources=origin.digests(raw))


def _refuse_other_contents(target: Path, raw: Path | None) -> None:
    """Raise DataError if replacing `target` would remove anything but a converted dataset."""
    if target.exists() and not (target / index.FILE).exists():
        raise DataError(f"{target}: exists and is not a converted dataset; choose another --out")
    if raw is not None and raw.resolve().is_relative_to(target.resolve()):
        raise DataError(f"{raw}: lies in {target}, which would be replaced; move it elsewhere")


def _replace(module: ModuleType, opened: RawDataset, target: Path, jobs: int, strict: bool) -> int:
    """Replace `target` by the converted items, and return the number of samples."""
    folder = target.with_name(f".{target.name}.chunks")
    tasks = reading.plan(module, opened.spec, opened.items, folder)
    summary = reading.read(folder, tasks, jobs, strict)
    report.say_dropped(summary.dropped)
    for note in opened.notes:
        print(note)
    _refuse_names(opened.spec.name, summary.names, summary.rejected)
    with replacing_folder(target) as fresh:
        _write(opened.spec, tasks, len(summary.names), fresh)
        rejected.write(fresh / rejected.FILE, summary.rejected)
        rejected.write(fresh / rejected.LEFT_OUT, summary.left_out)
        origin.write(fresh, opened.sources)
        if opened.spec.format:
            spec_file.write(epath.Path(fresh), opened.spec)
        if opened.texts is not None:
            (fresh / spec_file.TEXTS).write_bytes(opened.texts)
    shutil.rmtree(folder)
    return len(summary.names)


def _refuse_names(name: str, names: Sequence[str], errors: Sequence[FileError]) -> None:
    """Raise DataError if a dataset has no sample, or two of one name."""
    if errors and not names:
        raise DataError(f"{name}: no file can be used; the first of {len(errors):,}: {errors[0]}")
    if not names:
        raise DataError(f"{name}: the raw files hold no sample")
    sample, count = collections.Counter(names).most_common(1)[0]
    if count > 1:
        raise DataError(f"{name}: sample {sample!r} is there twice; repair or remove it")


def _write(spec: DatasetSpec, tasks: Sequence[reading.Task], samples: int, folder: Path) -> None:
    """Write the TFRecords and the index of performed tasks into `folder`."""
    tfrecord.tensorflow()
    from data_pipelines.storage import builder

    records = reading.records(tasks)
    bar = tqdm(records, "writing", samples, unit=" samples", disable=None, leave=False)
    builder.write(spec, iter(bar), folder.parent)
    index.write(folder, _index_rows(folder))


def _index_rows(folder: Path) -> Iterator[tuple[str | int, ...]]:
    """Yield the rows of `index.csv`, read from the TFRecords."""
    for path in sorted(folder.glob("*/*.tfrecord-*")):
        for offset, size, record in tfrecord.read(path):
            metadata = record.name, record.label, record.subject, record.camera, record.setup
            shard = path.relative_to(folder).as_posix()
            yield *metadata, *record.skeleton.shape[:2], shard, offset, size


@command.guarded
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.convert", description=__doc__)
    dataset_help = "a module of data_pipelines/datasets or, for files you have, of .../formats"
    parser.add_argument("name", metavar="dataset", help=dataset_help)
    parser.add_argument("--raw", type=command.local_path, help="raw files, unless built in")
    out_help = "folder of converted datasets"
    parser.add_argument("--out", type=command.local_path, required=True, help=out_help)
    parser.add_argument("--overwrite", action="store_true", help="convert again")
    jobs_help = "reading processes (default: one for each processor)"
    parser.add_argument("--jobs", type=command.count, default=workers.processors(), help=jobs_help)
    parser.add_argument("--strict", action="store_true", help="stop at a file that cannot be used")
    title_help = "the name of a dataset of files you have"
    parser.add_argument("--name", dest="title", metavar="NAME", default="", help=title_help)
    persons_help = "the most persons of a sample of files you have: those who move most"
    parser.add_argument("--persons", type=command.count, metavar="N", help=persons_help)
    options = parser.parse_args(arguments)
    try:
        target = convert(**vars(options))
    except KeyboardInterrupt:
        print("interrupted: run the same command to continue", file=sys.stderr)
        return INTERRUPTED
    report.say_crowds(target)
    return _SOME_REJECTED if report.rejections(target) else 0


if __name__ == "__main__":
    sys.exit(main())
