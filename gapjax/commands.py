"""What the commands that take a config share: their flag, and how a user's mistake ends them."""

import sys
import textwrap
from collections.abc import Callable, Sequence

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from data_pipelines.parsers.record import DataError
from gapjax.disk import DiskError
from gapjax.parallel import preemption
from gapjax.parallel.agreement import LOST, NotMet
from gapjax.registry import UserError

_CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment, with its variants.")
flags.mark_flag_as_required("config")

# What absl and ml_collections raise for a flag or config that cannot be read.
FLAG_ERRORS = (flags.Error, ValueError, AttributeError, KeyError, TypeError, OSError)


def config() -> ConfigDict:
    """Return the config of the command line."""
    return _CONFIG.value


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Run a command and exit, with one line on stderr unless it is done.

    The statuses: 0 done, 2 a user's mistake, 75 told to stop and ready to go on, 1 anything else.
    """

    def guarded(argv: Sequence[str]) -> int:
        """Run the command; an error of the user's, or of the numbers, is one line and a status."""
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)
        try:
            return main(argv)
        except (UserError, DataError) as error:
            return complain(error, 2)
        except preemption.Preempted as error:
            return complain(error, preemption.STATUS)
        except (FloatingPointError, DiskError, NotMet) as error:
            return complain(error, 1)
        except jax.errors.JaxRuntimeError as error:
            # What one process of several cannot do without the others.
            if jax.process_count() == 1:
                raise
            return complain(f"{textwrap.shorten(str(error), 300)}; {LOST}", 1)

    app.run(guarded, flags_parser=parse)


def parse(argv: Sequence[str]) -> list[str]:
    """Parse the command line; a mistake in it ends the process with status 2."""
    try:
        return flags.FLAGS(argv)
    except FLAG_ERRORS as error:
        # ml_collections wraps what it says of a key that is like none in another error.
        cause = error.args[0] if error.args and isinstance(error.args[0], KeyError) else error
        if isinstance(cause, KeyError):
            sys.exit(complain(f"unknown config key {cause.args[0]}", 2))
        # An error inside a config file arrives as the text of its whole traceback.
        sys.exit(complain(str(error).rpartition("Error: ")[2], 2))


def complain(what: Exception | str, status: int) -> int:
    """Print an error as one line on stderr and return the exit status."""
    print(f"gapjax: {' '.join(str(what).split())}", file=sys.stderr)
    return status
