"""What all commands of both packages share: errors as one line, and types of arguments."""

import argparse
import functools
import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from data_pipelines.errors import INTERRUPTED, CommandError, one_short_line


def guarded(main: Callable[..., int]) -> Callable[..., int]:
    """Decorate a command's main function: an expected error is one line on stderr and a status.

    `data_pipelines.errors` lists the statuses. FloatingPointError (the loss is not finite) is
    expected, too, and so is an interruption; any other exception keeps its traceback.
    """

    @functools.wraps(main)
    def run(*arguments: object, **options: object) -> int:
        """Run the command; return its status."""
        if signal.getsignal(signal.SIGINT) is _leave:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            status = main(*arguments, **options)
            sys.stdout.flush()
            return status
        except BrokenPipeError:
            # Whatever read the output, such as `head`, has seen enough of it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except CommandError as error:
            return complain(error, error.status)
        except FloatingPointError as error:
            return complain(error, 1)
        except KeyboardInterrupt:
            return complain("interrupted", INTERRUPTED)

    return run


def expect_interruptions() -> None:
    """Let Ctrl-C end the process with one line while Python imports the modules of a command.

    There is nothing to save yet, and an exception could get lost within a library. `guarded` ends
    this. Programs that import a package are left alone.
    """
    words = itertools.pairwise(sys.orig_argv)
    module = next((word for option, word in words if option == "-m"), "")
    # The first argument is this only while Python looks for the module.
    if sys.argv[:1] != ["-m"] or module.partition(".")[0] not in ("gapjax", "data_pipelines"):
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _leave(*_: object) -> None:
    os._exit(complain("interrupted", INTERRUPTED))


def complain(what: Exception | str, status: int) -> int:
    """Print an error as one line on stderr and return the exit status."""
    print(f"gapjax: {one_short_line(str(what))}", file=sys.stderr)
    return status


def local_path(text: str) -> Path:
    """Return the path that a command-line argument names; a bucket is refused."""
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text} is not a local path: write locally, then copy")
    return Path(text)


def count(text: str) -> int:
    """Return the number, at least 1, that a command-line argument is."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)
