"""Means of what the steps log, fetched late enough not to hold up the devices."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from jaxtyping import Array, Float

from gapjax.workdir.integrity import Logged

Scalars = dict[str, Float[Array | np.ndarray, " n"]]
Item = TypeVar("Item")


# What to do about numbers that are not finite.
DIVERGED = "lower optimizer.learning_rate or check the data, and use a new --workdir"


def check_finite(values: Float[np.ndarray, " n"], last_step: int, what: str = "loss") -> None:
    """Raise if a step's loss, or another number of it, is not finite.

    Args:
        values: those of consecutive steps.
        last_step: the number of the last of them, the run's first step being 1.
        what: what they are.

    Raises:
        FloatingPointError: names the first such step.
    """
    bad = ~np.isfinite(values)
    if bad.any():
        place = int(bad.argmax())
        step = last_step - len(values) + 1 + place
        raise FloatingPointError(f"the {what} of step {step} is {values[place]}; {DIVERGED}")


class Meter:
    """Collects the scalars of dispatches between two lines of the log."""

    def __init__(self, batch_size: int, logged: Logged | None = None) -> None:
        """Start the clock.

        Args:
            batch_size: samples of a step, for the rate.
            logged: what a meter had collected when the run was interrupted (`collected`).
        """
        self._batch_size = batch_size
        self._waiting: tuple[int, Scalars] | None = None
        self._collected: list[Scalars] = []
        if logged:
            self._collected = [{name: np.array(each, np.float32) for name, each in logged.items()}]
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leave the time until now, and its steps, out of the rate: devices did something else."""
        self._feed_seconds, self._steps = 0.0, 0
        self._start = time.monotonic()

    def add(self, last_step: int, scalars: Scalars) -> None:
        """Take the scalars of a dispatch whose last step is `last_step`.

        They are fetched at the next call, when the devices are busy with the next dispatch.

        Raises:
            FloatingPointError: a loss of the dispatch before was not finite.
        """
        self.settle()
        self._waiting = (last_step, scalars)

    def collected(self) -> dict[str, list[float]]:
        """Return what every step since the last line of the log logged, for a checkpoint.

        Raises:
            FloatingPointError: a loss was not finite.
        """
        self.settle()
        return {name: column.tolist() for name, column in self._columns().items()}

    def _columns(self) -> dict[str, Float[np.ndarray, " n"]]:
        names = self._collected[0] if self._collected else ()
        return {name: np.concatenate([each[name] for each in self._collected]) for name in names}

    def watch(self, requests: Iterable[Item]) -> Iterator[Item]:
        """Yield from a feed, measuring how long it makes the loop wait."""
        requests = iter(requests)
        while True:
            start = time.monotonic()
            request = next(requests, None)
            self._feed_seconds += time.monotonic() - start
            if request is None:
                return
            yield request

    def means(self) -> dict[str, float]:
        """Return the means of all steps since the last call, their rate, and the feed's share.

        Raises:
            FloatingPointError: a loss was not finite.
        """
        self.settle()
        seconds = max(time.monotonic() - self._start, 1e-9)
        means = {f"train/{name}": float(each.mean()) for name, each in self._columns().items()}
        means["train/samples_per_sec"] = self._steps * self._batch_size / seconds
        means["train/feed_share"] = self._feed_seconds / seconds
        self._collected = []
        self.restart_clock()
        return means

    def settle(self) -> None:
        """Wait for the last dispatch that was added and take its scalars.

        Raises:
            FloatingPointError: one of its losses was not finite.
        """
        if self._waiting is None:
            return
        last_step, scalars = self._waiting
        self._waiting = None
        host = {name: np.asarray(values) for name, values in scalars.items()}
        check_finite(host["loss"], last_step)
        check_finite(host.get("gradient_norm", host["loss"]), last_step, "norm of the gradients")
        self._collected.append(host)
        self._steps += len(host["loss"])
