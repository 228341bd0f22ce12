"""Processes that work for this one: in order, few at a time, and gone when they should be."""

import os
import pathlib
import signal
import sys
import time

import pytest

from data_pipelines import datasets, formats
from data_pipelines.conversion import reading, workers
from data_pipelines.errors import DataError


def test_workers_do_without_tensorflow() -> None:
    modules = workers.in_order(_imported, [0, 1], jobs=2)
    assert list(modules) == [[], []]


def _imported(_: int) -> list[str]:
    """Return the large packages that this process has imported, as it reads files."""
    from data_pipelines import convert
    from data_pipelines.datasets import ntu60, pku_mmd, synthetic
    from data_pipelines.formats import merged

    readers = ntu60.read, pku_mmd.read, synthetic.read, merged.read
    assert all((convert.convert, *readers, reading.perform))
    return [name for name in ("tensorflow", "tensorflow_datasets", "jax") if name in sys.modules]


def test_workers_have_one_thread_each() -> None:
    before = dict(os.environ)
    assert set(workers.in_order(_threads, [0, 1], jobs=2)) == {"1"}
    assert dict(os.environ) == before


def _threads(_: int) -> str:
    return os.environ["OPENBLAS_NUM_THREADS"]


def test_workers_know_what_was_added(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in (datasets, formats):
        monkeypatch.setattr(package, "__path__", [*package.__path__, f"/{package.__name__}"])
    known = set(workers.in_order(_known, [0, 1], jobs=2))
    assert known == {("/data_pipelines.datasets", "/data_pipelines.formats")}


def _known(_: int) -> tuple[str, str]:
    return datasets.__path__[-1], formats.__path__[-1]


def test_a_worker_that_is_killed() -> None:
    with pytest.raises(DataError, match=r"a process that reads files was killed.*smaller --jobs"):
        list(workers.in_order(_dying, [1, 2, 3, 4, 5], jobs=2))


def _dying(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_few_tasks_are_under_way(tmp_path: pathlib.Path) -> None:
    """However long a consumer takes, no more than two tasks a process are begun."""
    begun = workers.in_order(_touch, [tmp_path / str(number) for number in range(20)], jobs=2)
    next(begun)
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) <= 5
    begun.close()
    assert len(list(tmp_path.iterdir())) <= 5


def _touch(path: pathlib.Path) -> None:
    path.touch()
