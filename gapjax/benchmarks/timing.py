"""Times of calls that take turns, so that what else a machine does meets all of them."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax


def seconds(call: Callable[[], Any]) -> float:
    """Return how long a call takes until its results are ready."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def in_turns(calls: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Return the seconds of each call in each round."""
    times = [[seconds(call) for call in calls] for _ in range(rounds)]
    return [list(of_call) for of_call in zip(*times, strict=True)]


def ratio(times: Sequence[float], others: Sequence[float]) -> float:
    """Return how many times faster the first call is: the median over rounds.

    >>> ratio([1.0, 2.0, 1.0], [2.0, 4.0, 9.0])
    2.0
    """
    return statistics.median(other / one for one, other in zip(times, others, strict=True))


@contextmanager
def compilations() -> Iterator[list[str]]:
    """Yield a list that receives the name of each program that is compiled during the block."""
    names: list[str] = []

    def note(event: str, _: float, **facts: Any) -> None:
        """Record an event of JAX if it is a compilation."""
        if event.endswith("backend_compile_duration"):
            names.append(str(facts.get("fun_name", event)))

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield names
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
