"""What the commands that take a config share: their flag, and how a user's mistake ends them."""

import sys
import textwrap
from collections.abc import Callable, Sequence

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from data_pipelines import command
from data_pipelines.errors import HostError
from gapjax.parallel.agreement import LOST

_CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment, with its variants.")
flags.mark_flag_as_required("config")

# What absl and ml_collections raise for a flag or config that cannot be read.
FLAG_ERRORS = (flags.Error, ValueError, AttributeError, KeyError, TypeError, OSError)


def config() -> ConfigDict:
    """Return the config of the command line."""
    return _CONFIG.value


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Run a command and exit, with one line on stderr unless it is done.

    See `data_pipelines.errors` for the statuses.
    """

    @command.guarded
    def work(argv: Sequence[str]) -> int:
        """Run the command; what one process cannot do without the others is one line, too."""
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)
        try:
            return main(argv)
        except jax.errors.JaxRuntimeError as error:
            if jax.process_count() == 1:
                raise
            raise HostError(f"{textwrap.shorten(str(error), 300)}; {LOST}") from error

    app.run(work, flags_parser=parse)


def parse(argv: Sequence[str]) -> list[str]:
    """Parse the command line; a mistake in it ends the process with status 2."""
    try:
        return flags.FLAGS(argv)
    except FLAG_ERRORS as error:
        # ml_collections wraps what it says of a key that is like none in another error.
        cause = error.args[0] if error.args and isinstance(error.args[0], KeyError) else error
        if isinstance(cause, KeyError):
            sys.exit(command.complain(f"unknown config key {cause.args[0]}", 2))
        # An error inside a config file arrives as the text of its whole traceback.
        sys.exit(command.complain(str(error).rpartition("Error: ")[2], 2))
