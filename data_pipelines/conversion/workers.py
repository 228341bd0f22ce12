"""Work spread over processes, its results in the order of the tasks."""

import collections
import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from data_pipelines import datasets, formats
from data_pipelines.errors import DataError

# What libraries look up when they are loaded, which is before a process can do anything. NumPy's
# calculate in one thread, for all processors are busy. glibc keeps the memory that arrays leave: to
# give it back and ask for it again takes longer than what is calculated in it.
_VARIABLES = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(1 << 25)),
}

Task = TypeVar("Task")
Result = TypeVar("Result")


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    """Yield what `work` returns for every task, in order, whatever the number of processes.

    Args:
        work: a function of a module, which imports nothing that processes should not share.
        tasks: its arguments. At most two a process are under way or waiting to be yielded.
        jobs: how many processes; 1 works in this one.

    Raises:
        DataError: a process was ended from outside.
    """
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from map(work, tasks)
        return
    context = multiprocessing.get_context("spawn")
    known = [list(package.__path__) for package in (datasets, formats)]
    pool = ProcessPoolExecutor(jobs, context, _begin, known)
    waiting = iter(tasks)
    try:
        with environment():
            first = itertools.islice(waiting, 2 * jobs)
            ahead = collections.deque(pool.submit(work, task) for task in first)
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(work, task) for task in itertools.islice(waiting, 1))
    except BrokenProcessPool:
        raise DataError(
            "a process that reads files was ended, perhaps for want of memory; run the command "
            "again with a smaller --jobs: it goes on where it was"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """Let processes that start meanwhile find the variables that suit workers."""
    added = {name: text for name, text in _VARIABLES.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _begin(data_sets: list[str], layouts: list[str]) -> None:
    """Prepare a process: it knows what was added, and lives as long as the one that started it."""
    datasets.__path__, formats.__path__ = data_sets, layouts
    # An interrupt from the keyboard reaches all processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it ends, even if that was killed."""
    multiprocessing.parent_process().join()
    os._exit(1)
