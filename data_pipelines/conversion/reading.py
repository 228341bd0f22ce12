"""Reading the items of a raw dataset into chunks, by several processes.

A chunk's file is named by a digest of its items (with their sizes and times) and of the code that
reads them, so that a killed conversion resumes from its valid chunks only.
"""

import contextlib
import dataclasses
import hashlib
import importlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from tqdm import tqdm

from data_pipelines.conversion import workers
from data_pipelines.errors import DataError, FileError
from data_pipelines.specs import clip_rule
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.specs.record import LeftOut, Record
from data_pipelines.storage import chunks

# The most items of a chunk; the number of chunks for fewer items, so that all processes are busy.
_ITEMS, _CHUNKS = 500, 64


@dataclass(frozen=True)
class Task:
    """Items of a dataset to read with its module, and the file of their chunk."""

    module: str
    spec: DatasetSpec
    items: Sequence[Any]
    chunk: Path


def plan(module: ModuleType, spec: DatasetSpec, items: Sequence[Any], folder: Path) -> list[Task]:
    """Return the tasks that read all items, in order, into chunks in a folder."""
    size = max(1, min(_ITEMS, math.ceil(len(items) / _CHUNKS)))
    code, tasks = f"{_code(module)} {module.__name__} {spec!r}", []
    for first in range(0, len(items), size):
        chunk_items = list(items[first : first + size])
        digest = hashlib.sha256(f"{code} {chunk_items!r}".encode(errors="replace"))
        path = folder / f"{digest.hexdigest()}.npz"
        tasks.append(Task(module.__name__, spec, chunk_items, path))
    return tasks


def _code(module: ModuleType) -> str:
    """Return the SHA-256 of this package's code and lists and of a module."""
    package = Path(__file__).parents[1]
    files = sorted({*package.rglob("*.py"), *package.rglob("*.txt"), Path(str(module.__file__))})
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def read(folder: Path, tasks: Sequence[Task], jobs: int, strict: bool) -> chunks.Summary:
    """Perform the tasks whose chunks are missing; return the summary of all chunks, in order.

    Args:
        folder: the folder of the chunks.
        tasks: all tasks of `plan`.
        jobs: the number of processes.
        strict: whether to stop at the first item that cannot be used.

    Raises:
        FileError: `strict`, and an item cannot be used.
        DataError: a chunk is damaged, or a process was killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _discard_others(folder, tasks)
    missing = [task for task in tasks if not chunks.complete(task.chunk)]
    total, left = (sum(len(task.items) for task in group) for group in (tasks, missing))
    if left < total:
        print(f"{folder}: files read before: {total - left:,} of {total:,}")
    summary, pending = chunks.Summary(), {task.chunk for task in missing}
    bar = tqdm(
        None, "reading", total, initial=total - left, unit=" files", disable=None, leave=False
    )
    with bar, contextlib.closing(workers.in_order(perform, missing, jobs)) as done:
        for task in tasks:
            if task.chunk in pending:
                next(done)
                bar.update(len(task.items))
            summary.extend(chunks.summary(task.chunk))
            if strict and summary.rejected:
                raise summary.rejected[0]
    return summary


def _discard_others(folder: Path, tasks: Sequence[Task]) -> None:
    """Remove and report files that are not chunks of these tasks."""
    others = set(folder.iterdir()) - {task.chunk for task in tasks}
    for path in others:
        path.unlink()
    count = sum(path.suffix == ".npz" for path in others)
    if count:
        print(f"{folder}: discarded, of other raw files or of other code: {count:,} chunks")


def perform(task: Task) -> None:
    """Read a task's items into its chunk; an item is taken or rejected as a whole."""
    module = importlib.import_module(task.module)
    records, rejected, left_out, dropped = [], [], [], []
    for item in task.items:
        try:
            results = list(module.read(item))
            read = [result for result in results if isinstance(result, Record)]
            clips, lost = clips_of(item, read, task.spec)
            records, dropped = records + clips, dropped + lost
            left_out += [result for result in results if isinstance(result, LeftOut)]
        except FileError as error:
            rejected.append(error)
        except DataError as error:
            rejected.append(FileError(str(item), str(error)))
        except Exception as error:
            error.add_note(f"while reading {item}")
            raise
    chunks.save(task.chunk, records, rejected, left_out, dropped)


def records(tasks: Sequence[Task]) -> Iterator[Record]:
    """Yield the records of performed tasks, with one chunk in memory at a time."""
    for task in tasks:
        yield from chunks.records(task.chunk)


def clips_of(
    item: Any, records: Sequence[Record], spec: DatasetSpec
) -> tuple[list[Record], list[tuple[int, int]]]:
    """Return the records of an item as clips, and what those lack (`chunks.Summary.dropped`).

    Raises:
        FileError: a record disagrees with the dataset's metadata, or nobody is seen in it.
    """
    clips, dropped = [], []
    for record in records:
        if fault := _fault(record, spec):
            raise FileError(str(item), f"sample {record.name!r} {fault}; repair or remove it")
        sort = spec.person_order == "motion"
        clip = clip_rule.clip_of(record.skeleton, spec.space, spec.persons, sort)
        if not clip.skeleton.size:
            confidence = " with a confidence above zero" if spec.confidence else ""
            fault = f"has no frame in which anybody is seen{confidence}; remove it"
            raise FileError(str(item), f"sample {record.name!r} {fault}")
        clips.append(dataclasses.replace(record, skeleton=clip.skeleton))
        if clip.empty or clip.others:
            dropped.append((clip.empty, clip.others))
    return clips, dropped


def _fault(record: Record, spec: DatasetSpec) -> str | None:
    shape = record.skeleton.shape
    if shape[2:] != (spec.skeleton.num_joints, spec.coordinates) or shape[0] == 0:
        wanted = f"frames x persons x {spec.skeleton.num_joints} x {spec.coordinates}"
        return f"has the shape {shape}, not {wanted}"
    if shape[1] == 0 or (shape[1] > spec.persons and not spec.format):
        return f"has {shape[1]} persons, not 1 to {spec.persons}"
    if record.skeleton.dtype != np.float32:
        return f"has coordinates of type {record.skeleton.dtype}, not float32"
    if not np.isfinite(record.skeleton).all():
        return "has a coordinate that is not finite"
    if not 0 <= record.label < len(spec.labels):
        return f"has the class {record.label}, not 0 to {len(spec.labels) - 1}"
    return None
