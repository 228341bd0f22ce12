"""Being told to stop: after SIGTERM or SIGINT a run ends where it can go on.

A signal is only noted; what is under way asks at its next good moment (`check`, `Watch`) and ends
with `Preempted`. A second signal ends the process at once, whatever it is doing.
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
# Whoever stops a group of processes may send two signals at once; within so many seconds they are
# one notice.
ONE_NOTICE = 1.0

_told: list[str] = []


def listen() -> None:
    """Note SIGTERM and SIGINT from now on. Call it in the main thread, and once."""
    heard, sent = os.pipe()
    os.set_blocking(sent, False)
    # Python's own handlers wait for the main thread, which may be in the compiler for minutes.
    signal.set_wakeup_fd(sent, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_note, args=(heard,), daemon=True, name="signals").start()


def _note(heard: int) -> None:
    """Note the signals whose numbers come through a pipe."""
    first = 0.0
    while True:
        (number,) = os.read(heard, 1)
        if number not in SIGNALS:
            continue
        if not _told:
            first = time.monotonic()
            _told.append(signal.Signals(number).name)
        elif time.monotonic() - first > ONE_NOTICE:
            os._exit(128 + number)


def forget() -> None:
    """Go on as if no signal had come."""
    _told.clear()


def check() -> None:
    """Raise Preempted if this process has been told to stop and is the only one of its run.

    Several would not hear it at the same place; they stop at the first step that they train.
    """
    if _told and jax.process_count() == 1:
        raise notice("")


def notice(there: str) -> Preempted:
    """Return the error that says who wanted the run to stop, and what is kept of it."""
    who = _told[0] if _told else "another host"
    return Preempted(f"stopped by {who}{there and ': '}{there}; the same command goes on")


class Watch:
    """Whether to stop, asked between dispatches: all hosts hear the same answer at the same one.

    One process answers for itself. Of several, each says whether it was told, and what one of them
    said is heard by all when they ask the next time: the devices never wait for it.
    """

    def __init__(self, layout: Layout) -> None:
        """Begin.

        Args:
            layout: the devices of all hosts.
        """
        self._layout = layout
        self._asked: Bool[Array, ""] | None = None
        self._stop = False

    def stop(self) -> bool:
        """Return whether to stop; once it is time, it stays so."""
        if jax.process_count() == 1:
            return bool(_told)
        if not self._stop:
            said, self._asked = self._asked, self._any_host(bool(_told))
            self._stop = said is not None and bool(said)
        return self._stop

    def check(self) -> None:
        """Raise Preempted if it is time to stop."""
        if self.stop():
            raise notice("")

    def _any_host(self, told: bool) -> Bool[Array, ""]:
        """Return whether any host was told, on its way from all of them."""
        mine = np.full(len(self._layout.mesh.local_devices), told)
        every = jax.make_array_from_process_local_data(self._layout.batch, mine)
        return jax.jit(jnp.any, out_shardings=self._layout.replicated)(every)
