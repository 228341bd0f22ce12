"""A process pool whose results come in the order of the tasks."""

import collections
import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from data_pipelines import datasets, formats
from data_pipelines.errors import DataError

# Libraries read these when they are loaded, so they must be set before a worker starts. NumPy runs
# in one thread, as all processors are busy. glibc keeps freed memory: returning it and requesting
# it again takes longer than the computations.
_VARIABLES = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(1 << 25)),
}

Task = TypeVar("Task")
Result = TypeVar("Result")


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int
) -> Generator[Result, None, None]:
    """Yield `work(task)` for every task, in order.

    Args:
        work: a function at the top level of a module.
        tasks: its arguments; at most two for each process run or wait to be yielded.
        jobs: the number of processes; 1 works in this process.

    Raises:
        DataError: a process was killed.
    """
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from map(work, tasks)
        return
    context = multiprocessing.get_context("spawn")
    search_paths = list(datasets.__path__), list(formats.__path__)
    pool = ProcessPoolExecutor(jobs, context, _begin, search_paths)
    waiting = iter(tasks)
    try:
        with environment():
            first = itertools.islice(waiting, 2 * jobs)
            ahead = collections.deque(pool.submit(work, task) for task in first)
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(work, task) for task in itertools.islice(waiting, 1))
    except BrokenProcessPool:
        reason = "a process that reads files was killed, perhaps for lack of memory"
        remedy = "run the command again with a smaller --jobs: it goes on where it was"
        raise DataError(f"{reason}; {remedy}") from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """Set the environment variables of workers, which processes inherit when they start."""
    added = {name: text for name, text in _VARIABLES.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _begin(dataset_paths: list[str], format_paths: list[str]) -> None:
    """Prepare a worker: it finds modules that were added, and ends with its parent."""
    datasets.__path__, formats.__path__ = dataset_paths, format_paths
    # A keyboard interrupt reaches all processes; the parent ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent ends, even if that was killed."""
    if parent := multiprocessing.parent_process():
        parent.join()
    os._exit(1)
