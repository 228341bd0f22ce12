"""Graceful preemption: on SIGTERM or SIGINT a run saves its state and exits.

A signal is only recorded. Training checks for it between dispatches (`StopSignal`), other work
between its steps (`check`); both raise `Preempted`. A second signal exits at once.
"""

import os
import signal
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from data_pipelines.errors import Preempted
from gapjax.parallel.sharding import Layout

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Seconds within which several signals count as one: whatever stops a group of processes may send
# two at once.
GRACE = 1.0

# The name of the signal that was received, if any.
_received: list[str] = []


def listen() -> None:
    """Record SIGTERM and SIGINT from now on. Call it in the main thread, and once."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    # Python runs signal handlers in the main thread, which may be compiling for minutes.
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_record, args=(read_end,), daemon=True, name="signals").start()


def _record(read_end: int) -> None:
    """Record the signals whose numbers come through a pipe; exit at the second."""
    first = 0.0
    while True:
        (number,) = os.read(read_end, 1)
        if number not in SIGNALS:
            continue
        if not _received:
            first = time.monotonic()
            _received.append(signal.Signals(number).name)
        elif time.monotonic() - first > GRACE:
            os._exit(128 + number)


def check() -> None:
    """Raise Preempted if this process has received a signal and is the only one of its run.

    Several hosts stop together, when they train a step (`StopSignal`).
    """
    if _received and jax.process_count() == 1:
        raise preempted()


def preempted(progress: str = "") -> Preempted:
    """Return the error for a run that a signal stopped; `progress` is what is saved."""
    cause = _received[0] if _received else "another host"
    saved = f": {progress}" if progress else ""
    return Preempted(f"stopped by {cause}{saved}; run the same command to continue")


class StopSignal:
    """Whether to stop, the same on all hosts.

    At each call, hosts exchange whether they have received a signal. They read the result at the
    next call, so that devices do not wait for it.
    """

    def __init__(self, layout: Layout) -> None:
        """Use the devices of a layout, which are those of all hosts."""
        self._layout = layout
        self._pending: Bool[Array, ""] | None = None
        self._is_due = False

    def is_due(self) -> bool:
        """Return whether to stop; once True, it stays True."""
        if jax.process_count() == 1:
            return bool(_received)
        if not self._is_due:
            answer, self._pending = self._pending, self._any_host(bool(_received))
            self._is_due = answer is not None and bool(answer)
        return self._is_due

    def check(self) -> None:
        """Raise Preempted if it is time to stop."""
        if self.is_due():
            raise preempted()

    def _any_host(self, received: bool) -> Bool[Array, ""]:
        """Return whether any host has received a signal, as an array that is being computed."""
        local = np.full(len(self._layout.mesh.local_devices), received)
        everywhere = jax.make_array_from_process_local_data(self._layout.batch, local)
        return jax.jit(jnp.any, out_shardings=self._layout.replicated)(everywhere)
