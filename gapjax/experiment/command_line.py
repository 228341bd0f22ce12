"""What the commands that take a config share: `--config`, and errors as one line and a status.

`--config=FILE:variant,variant` names a config file, which may lie anywhere, and its variants.
`--config.SECTION.KEY=VALUE` sets one key. Those that name a part
(`--config.backbone.name=shift_gcn`) are applied first, so that the others may be keys of that part.
"""

import re
import sys
import textwrap
from collections.abc import Callable, Sequence

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from data_pipelines import command
from data_pipelines.errors import HostError, UserError
from gapjax.experiment.config_dict import choose, load, plan_of
from gapjax.experiment.plan import Plan
from gapjax.experiment.schema import PARTS, check_keys, flatten
from gapjax.parallel.agreement import LOST

_CONFIG = flags.DEFINE_string("config", None, "The experiment: FILE, or FILE:variant,variant.")
flags.mark_flag_as_required("config")

# What absl and ml_collections raise for a flag that cannot be read.
FLAG_ERRORS = (flags.Error, UserError, ValueError, TypeError)


def plan() -> Plan:
    """Return the plan of the command line.

    Raises:
        UserError: a value makes no sense.
    """
    return plan_of(flags.FLAGS["config"].value)


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


def parse(argv: Sequence[str], values: flags.FlagValues = flags.FLAGS) -> list[str]:
    """Parse the command line; a mistake in it ends the process with status 2."""
    try:
        return values(_with_config(list(argv), values))
    except FLAG_ERRORS as error:
        sys.exit(command.complain(error, 2))


def _with_config(argv: list[str], values: flags.FlagValues) -> list[str]:
    """Define the flags of the config that `--config` names; return the other arguments."""
    path, rest = _take(argv, "config")
    if path is None:
        return argv
    config = load(path)
    overrides = _overrides(rest)
    for part in PARTS:
        if f"{part}.name" in overrides:
            choose(config, part, overrides[f"{part}.name"])
    check_keys(overrides, flatten(config.to_dict()))
    delattr(values, "config")
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=rest)
    return rest


def _take(argv: Sequence[str], flag: str) -> tuple[str | None, list[str]]:
    """Return the last value of a flag, and the arguments without it."""
    value, rest, words = None, [], iter(argv)
    for word in words:
        found = re.fullmatch(rf"--?{flag}(?:=(.*))?", word, re.DOTALL)
        if not found:
            rest.append(word)
        else:
            value = next(words, None) if found[1] is None else found[1]
    return value, rest


def _overrides(argv: Sequence[str]) -> dict[str, str]:
    """Return dotted key → the text that the command line sets it to."""
    overrides = {}
    for word, after in zip(argv, [*argv[1:], ""], strict=True):
        found = re.fullmatch(r"--?(?:no)?config\.([^=]+)(?:=(.*))?", word, re.DOTALL)
        if found:
            overrides[found[1]] = after if found[2] is None else found[2]
    return overrides
