"""Scalars for TensorBoard, in its own file format.

`tensorboardX.SummaryWriter` writes from a thread, and a run would wait forever for a thread that
failed, as on a full disk. This writer writes in the calling thread, and raises.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog


class ScalarWriter:
    """A file of scalars; its methods raise OSError if it cannot be written."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Create a file in `folder`; TensorBoard hides later steps of older files there."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = EventsWriter(str(folder / "events"))
        session = SessionLog(status=SessionLog.START)
        self._add(Event(step=first_step + 1, session_log=session))
        self._file.flush()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step, by name."""
        for name, value in values.items():
            self._add(Event(step=step, summary=summary.scalar(name, value)))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add(self, event: Event) -> None:
        event.wall_time = time.time()
        self._file.write_event(event)
