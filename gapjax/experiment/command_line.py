"""The flag `--config` of the commands that take a config, and how they run.

`--config=FILE:variant,variant` names a config file, which may lie anywhere, and its variants.
`--config.SECTION.KEY=VALUE` sets one key. Those that name a part
(`--config.backbone.name=shift_gcn`) are applied first, so that the others may be keys of that part.
"""

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import jax
from absl import app, flags, logging

from data_pipelines import command
from data_pipelines.errors import HostError, UserError
from gapjax.experiment import listing
from gapjax.experiment.config_dict import ConfigDict, choose, define_flag, load, plan_of, recorded
from gapjax.experiment.plan import Plan
from gapjax.experiment.schema import PARTS, check_keys, flatten, keys_of
from gapjax.parallel import compilation_cache
from gapjax.parallel.agreement import LOST
from gapjax.workdir.config_file import is_claimed

_CONFIG = flags.DEFINE_string("config", None, "The experiment: FILE, or FILE:variant,variant.")
flags.mark_flag_as_required("config")
_CACHE = flags.DEFINE_boolean("compilation_cache", True, "Keep compiled programs for later runs.")


def plan() -> Plan:
    """Return the plan of the command line, or raise UserError for an invalid value."""
    return plan_of(flags.FLAGS["config"].value)


def plan_of_words(words: Sequence[str]) -> Plan:
    """Return the plan of flags of `--config` alone; exit with status 2 if one cannot be read.

    Raises:
        UserError: a value is invalid.
    """
    values = flags.FlagValues()
    flags.DEFINE_string("config", None, "", flag_values=values)
    parse(["", *words], values)
    return plan_of(values["config"].value)


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Run a command, and exit with a status of `data_pipelines.errors`."""

    @command.guarded
    def work(argv: Sequence[str]) -> int:
        """Run the command; report the loss of another process in one line, too."""
        if not flags.FLAGS["verbosity"].present:
            # Orbax logs what it also raises, and our line on that would be lost among tracebacks.
            logging.set_verbosity(logging.FATAL)
        compilation_cache.use(_CACHE.value)
        try:
            return main(argv)
        except jax.errors.JaxRuntimeError as error:
            if jax.process_count() == 1:
                raise
            raise HostError(f"{textwrap.shorten(str(error), 300)}; {LOST}") from error
        except (RuntimeError, AssertionError) as error:
            if _has_devices():
                raise
            platforms = os.environ.get("JAX_PLATFORMS", "")
            remedy = "unset JAX_PLATFORMS, or install gapjax[cuda] or gapjax[tpu]"
            raise UserError(
                f"JAX finds no device of JAX_PLATFORMS={platforms}: {remedy}"
            ) from error

    app.run(work, flags_parser=parse)


def _has_devices() -> bool:
    """Return whether JAX has a device of the platforms that its variable names.

    It asserts that it has one, or raises an error, whenever it is asked.
    """
    try:
        return bool(jax.devices())
    except (RuntimeError, AssertionError):
        return False


def parse(argv: Sequence[str], values: flags.FlagValues = flags.FLAGS) -> list[str]:
    """Parse the command line, or exit with status 2."""
    if "--list" in argv or "--help" in argv:
        print(listing.text(Path("configs")) if "--list" in argv else _help(values))
        sys.exit(0)
    try:
        _, *stray = parsed = values(_with_config(list(argv), values))
        if stray:
            raise UserError(f"{stray[0]!r} is no flag: flags are --NAME=VALUE, without spaces")
        return parsed
    # What absl and ml_collections raise for a flag that they cannot read.
    except (flags.Error, UserError, ValueError, TypeError) as error:
        sys.exit(command.complain(error, 2))


def _help(values: flags.FlagValues) -> str:
    """Return how a command is used, and its own flags."""
    own = (sys.modules["__main__"].__doc__ or "").strip()
    return f"{own}\n\n{listing.HELP}\n{values.main_module_help()}"


def _with_config(argv: list[str], values: flags.FlagValues) -> list[str]:
    """Define the flags of the config that `--config` names; return the other arguments."""
    given, rest = _split_off("config", argv)
    workdir, _ = _split_off("workdir", argv)
    if given is None and not (workdir and is_claimed(Path(workdir))):
        none = f"there is no run in {workdir}; " if workdir else ""
        raise UserError(f"{none}name a config: --config=FILE (--list has all of them)")
    config = recorded(Path(workdir or "")) if given is None else load(given)
    overrides = _overrides(rest)
    for part in PARTS:
        if f"{part}.name" in overrides:
            choose(config, part, overrides[f"{part}.name"])
    check_keys(overrides, flatten(config.to_dict()))
    rest = _take_none(config, rest, overrides)
    delattr(values, "config")
    define_flag(config, rest, values)
    return rest


def _take_none(config: ConfigDict, argv: list[str], overrides: Mapping[str, str]) -> list[str]:
    """Set the keys that the command line sets to None; return the other arguments."""
    for path in [path for path, text in overrides.items() if text == "None"]:
        section, _, name = path.rpartition(".")
        key = next(key for key in keys_of(flatten(config.to_dict())) if key.path == path)
        if type(None) not in get_args(key.hint):
            continue
        (config[section] if section else config)[name] = None
        at = next(i for i, word in enumerate(argv) if re.match(rf"--?config\.{path}(=|$)", word))
        del argv[at : at + (1 if "=" in argv[at] else 2)]
    return argv


def argument(argv: Sequence[str]) -> str:
    """Return what `--config` names on a command line; empty without it."""
    return _split_off("config", argv)[0] or ""


def _split_off(flag: str, argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the value of a flag, if it is there, and the other arguments."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(f"--{flag}", f"-{flag}", nargs="?", dest="value")
    known, rest = parser.parse_known_args(argv)
    return known.value, rest


def _overrides(argv: Sequence[str]) -> dict[str, str]:
    """Return dotted key → the text that the command line sets it to."""
    overrides = {}
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        match = re.fullmatch(r"--?(?:no)?config\.([^=]+)(?:=(.*))?", word, re.DOTALL)
        if match:
            overrides[match[1]] = following if match[2] is None else match[2]
    return overrides
