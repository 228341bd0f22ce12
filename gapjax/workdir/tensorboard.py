"""Scalars for TensorBoard, in its own format.

`tensorboardX.SummaryWriter` writes from a thread: one that ends, as on a full disk, says nothing
and lets the run wait for it for ever. What is written here is on disk, or raises.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog


class Board:
    """A file of scalars that TensorBoard shows; of several in a folder it shows the later steps."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Begin a file.

        Args:
            folder: where to write it, such as a run's `tensorboard`.
            first_step: steps after it in earlier files of the folder are shown no more.

        Raises:
            OSError: it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._file = EventsWriter(str(folder / "events"))
        begin = SessionLog(status=SessionLog.START)
        self._add(Event(step=first_step + 1, session_log=begin))
        self._file.flush()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step, by name.

        Raises:
            OSError: they cannot be written.
        """
        for name, value in values.items():
            self._add(Event(step=step, summary=summary.scalar(name, value)))
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _add(self, event: Event) -> None:
        event.wall_time = time.time()
        self._file.write_event(event)
