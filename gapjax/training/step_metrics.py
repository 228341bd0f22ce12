"""Means of the scalars that training steps log, fetched without blocking the devices."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Array, Float

from gapjax.workdir.integrity import Logged

# name → the values that consecutive steps logged.
Columns = dict[str, Float[Array | np.ndarray, " n"]]
Request = TypeVar("Request")

# What to do about numbers that are not finite.
DIVERGED = "lower optimizer.learning_rate or check the data, and use a new --workdir"


def check_finite(values: Float[np.ndarray, " n"], last_step: int, name: str = "loss") -> None:
    """Raise FloatingPointError if a value of consecutive steps up to `last_step` is not finite."""
    bad = ~np.isfinite(values)
    if bad.any():
        index = int(bad.argmax())
        step = last_step - len(values) + 1 + index
        raise FloatingPointError(f"the {name} of step {step} is {values[index]}; {DIVERGED}")


class Meter:
    """Collects the scalars of dispatches between two lines of the log."""

    def __init__(self, batch_size: int, logged: Logged | None = None) -> None:
        """Start the clock.

        Args:
            batch_size: samples per step, for the rate.
            logged: what `unlogged` returned when the run was interrupted.
        """
        self._batch_size = batch_size
        self._on_device: tuple[int, Columns] | None = None
        self._fetched: list[Columns] = []
        if logged:
            self._fetched = [{name: np.array(logged[name], np.float32) for name in logged}]
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Forget the steps of the last epoch, and start its clock as well."""
        self._epoch: list[Columns] = []
        self._epoch_start = time.monotonic()
        self.restart_clock()

    def restart_clock(self) -> None:
        """Measure the rate from now on."""
        self._feed_seconds, self._steps = 0.0, 0
        self._start = time.monotonic()

    def add(self, last_step: int, scalars: Columns) -> None:
        """Add the scalars of a dispatch whose last step is `last_step`; fetch the previous ones.

        Raises:
            FloatingPointError: a previous loss or gradient is not finite.
        """
        self.fetch()
        self._on_device = (last_step, scalars)

    def timed(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Yield from a feed and measure how long the loop waits for it."""
        requests = iter(requests)
        while True:
            start = time.monotonic()
            request = next(requests, None)
            self._feed_seconds += time.monotonic() - start
            if request is None:
                return
            yield request

    def fetch(self) -> None:
        """Wait for the scalars of the last dispatch.

        Raises:
            FloatingPointError: a loss or the norm of a gradient is not finite.
        """
        if self._on_device is None:
            return
        last_step, scalars = self._on_device
        self._on_device = None
        columns = {name: np.asarray(values) for name, values in scalars.items()}
        check_finite(columns["loss"], last_step)
        norms = columns.get("gradient_norm", columns["loss"])
        check_finite(norms, last_step, "norm of the gradients")
        self._fetched.append(columns)
        self._epoch.append(columns)
        self._steps += len(columns["loss"])

    @property
    def last_loss(self) -> dict[str, float]:
        """Return the loss of the last step that is known without waiting; empty before."""
        return {"loss": float(self._epoch[-1]["loss"][-1])} if self._epoch else {}

    def of_epoch(self) -> dict[str, float]:
        """Return the means over this epoch's steps of this process, and their clips a second."""
        self.fetch()
        if not self._epoch:
            return {}
        means = {name: float(values.mean()) for name, values in _joined(self._epoch).items()}
        clips = self._batch_size * sum(len(columns["loss"]) for columns in self._epoch)
        return means | {"clips_per_sec": clips / max(time.monotonic() - self._epoch_start, 1e-9)}

    def unlogged(self) -> dict[str, list[float]]:
        """Return the scalars of the steps since the last line of the log, for a checkpoint."""
        self.fetch()
        return {name: values.tolist() for name, values in self._columns().items()}

    def means(self) -> dict[str, float]:
        """Return the means over the steps since the last call, their rate, and the feed's share."""
        self.fetch()
        seconds = max(time.monotonic() - self._start, 1e-9)
        means = {f"train/{name}": float(values.mean()) for name, values in self._columns().items()}
        means["train/samples_per_sec"] = self._steps * self._batch_size / seconds
        means["train/feed_share"] = self._feed_seconds / seconds
        self._fetched = []
        self.restart_clock()
        return means

    def _columns(self) -> dict[str, Float[np.ndarray, " n"]]:
        return _joined(self._fetched)


def _joined(parts: Sequence[dict[str, Any]]) -> dict[str, Float[np.ndarray, " n"]]:
    """Return one array of each name; the parts may be of different lengths."""
    names = parts[0] if parts else ()
    return {name: np.concatenate([part[name] for part in parts]) for name in names}
