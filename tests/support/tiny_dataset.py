"""The dataset `tiny` (extra_datasets/tiny.py), found and converted."""

import importlib
import pathlib
import shutil
from types import ModuleType

import pytest

from data_pipelines import datasets
from data_pipelines.convert import convert
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.specs.record import Record
from data_pipelines.storage.index import Index
from support.raw_records import records_of

FOLDER = pathlib.Path(__file__).parent / "extra_datasets"


def put_in_place(patch: pytest.MonkeyPatch) -> None:
    """Let `data_pipelines.datasets` have the module `tiny` while `patch` lasts."""
    patch.setattr(datasets, "__path__", [*datasets.__path__, str(FOLDER)])


def converted(out: pathlib.Path) -> pathlib.Path:
    """Convert the dataset into `out` and return its folder."""
    with pytest.MonkeyPatch.context() as patch:
        put_in_place(patch)
        return convert("tiny", None, out)


def module() -> ModuleType:
    """Return the dataset's module."""
    with pytest.MonkeyPatch.context() as patch:
        put_in_place(patch)
        return importlib.import_module("data_pipelines.datasets.tiny")


def spec() -> DatasetSpec:
    """Return the dataset's facts."""
    return module().SPEC


def samples() -> list[Record]:
    """Return the dataset's samples."""
    return list(records_of(module(), None))


def in_two_shards(source: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Copy a converted dataset with its records spread over two files, and return its folder."""
    index, first = Index.load(source), 4
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*tfrecord*", "pack"))
    (shard,) = (source / "1.0.0").glob("*.tfrecord-*")
    content, cut = shard.read_bytes(), int(index.offset[first])
    names = [f"1.0.0/tiny-samples.tfrecord-{number:05}-of-00002" for number in range(2)]
    (folder / names[0]).write_bytes(content[:cut])
    (folder / names[1]).write_bytes(content[cut:])
    header, *rows = (source / "index.csv").read_text().splitlines()
    for number, row in enumerate(rows):
        facts, _, offset, size = row.rsplit(",", 3)
        later = number >= first
        rows[number] = f"{facts},{names[later]},{int(offset) - cut * later},{size}"
    (folder / "index.csv").write_text("\n".join([header, *rows, ""]))
    return folder
