"""Errors that Orbax and TensorStore tell from their threads or at the end: they raise them, too."""

import functools
import sys
import threading
import traceback
from logging import LogRecord, getLogger
from types import TracebackType
from typing import Any

from absl import logging


@functools.cache
def silence() -> None:
    """Let Orbax and TensorStore raise their errors only."""
    unraisable, in_thread = sys.unraisablehook, threading.excepthook

    def keep(record: LogRecord) -> bool:
        """Return whether a record of the log is to be told."""
        return not (record.exc_info and _is_echo(*record.exc_info[1:]))

    def passed_on(tell: Any) -> Any:
        """Return a hook that tells of all other errors."""
        return lambda args: None if _is_echo(args.exc_value, args.exc_traceback) else tell(args)

    sys.unraisablehook = passed_on(unraisable)
    threading.excepthook = passed_on(in_thread)
    for logger in (logging.get_absl_logger(), getLogger("asyncio")):
        logger.addFilter(keep)


def _is_echo(error: BaseException | None, trace: TracebackType | None) -> bool:
    """Return whether an error that Orbax or TensorStore raises, or has raised, is told."""
    # TensorStore's reads and writes that were under way when another failed.
    if str(error) == "Event loop is closed":
        return True
    frames = traceback.extract_tb(trace)
    return any("orbax" in frame.filename for frame in frames)
