"""Sections of a config as plain values, with answers to keys and values that make no sense."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ml_collections import ConfigDict

from configs import base, base_star
from data_pipelines.errors import UserError
from gapjax.parallel.partition_rules import SplitRule
from gapjax.registry import suggestion
from gapjax.training.optimizer import Rule, SgdOptions
from gapjax.training.run import Cadence

# Sections whose keys are the fields of a module that the config names.
OPEN_SECTIONS = ("backbone", "method")

Built = TypeVar("Built")


def flatten(config: ConfigDict) -> dict[str, Any]:
    """Return dotted key → value."""
    flat = {}
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            flat |= {f"{name}.{key}": each for key, each in flatten(value).items()}
        else:
            flat[name] = value
    return flat


def nest(flat: Mapping[str, Any]) -> ConfigDict:
    """Return the config of which `flat` is the flat form, as JSON has it: lists become tuples.

    >>> nest({"seed": 1, "clips.train_crop": [0.5, 1.0]}).clips.train_crop
    (0.5, 1.0)
    """
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        section = tree
        for each in sections:
            section = section.setdefault(each, {})
        section[name] = _tuples(value)
    return ConfigDict(tree)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


# Counts that would make no run if they were less.
LEAST = {
    **dict.fromkeys(("train.epochs", "train.batch_size", "train.steps_per_dispatch"), 1),
    **dict.fromkeys(("eval.every", "eval.batch_size"), 1),
    **dict.fromkeys(("train.log_every", "train.checkpoint_every"), 0),
}


def check_keys(config: ConfigDict) -> None:
    """Refuse keys that no part of the system reads, and counts that make no run.

    Raises:
        UserError: names the key, and of an unknown one the known key that is nearest to it.
    """
    every = base.get_config()
    base_star.use_frozen_encoder(every)
    known = flatten(every)
    for key, value in flatten(config).items():
        if key not in known and key.split(".")[0] not in OPEN_SECTIONS:
            raise UserError(f"unknown config key {key!r}{suggestion(key, list(known))}")
        if key in LEAST and value < LEAST[key]:
            raise UserError(f"{key}={value} should be at least {LEAST[key]}")


def construct(
    make: Callable[..., Built], section: Mapping[str, Any] | ConfigDict, title: str, **given: Any
) -> Built:
    """Call `make` with a section's keys as arguments.

    Args:
        make: a dataclass, or any callable with named arguments.
        section: the section of the config.
        title: the section's name, for messages.
        **given: arguments that the config does not decide.

    Raises:
        UserError: the section has a key that `make` does not take, or a value that it refuses.
    """
    keys = {key: value for key, value in section.items() if key != "name"}
    hidden = {"parent", "name", *given}
    takes = [name for name in inspect.signature(make).parameters if name not in hidden]
    for key in keys:
        if key not in takes:
            listed = ", ".join(takes)
            hint = suggestion(key, takes)
            raise UserError(f"unknown config key {title}.{key}{hint} (there are: {listed})")
    try:
        return make(**keys, **given)
    except UserError as error:
        raise UserError(f"{title}.{error}") from error


def sgd_options(config: ConfigDict) -> SgdOptions:
    """Return the optimizer's options; rules are tuples in a config."""
    rules = tuple(Rule(*rule) for rule in config.optimizer.rules)
    section = {key: value for key, value in config.optimizer.items() if key != "rules"}
    return construct(SgdOptions, section, "optimizer", rules=rules)


def split_rules(config: ConfigDict) -> tuple[SplitRule, ...]:
    """Return which parameters are split over devices; rules are tuples in a config.

    Raises:
        UserError: a rule is none.
    """
    for rule in config.mesh.rules:
        if not isinstance(rule, tuple) or not rule or not isinstance(rule[0], str):
            raise UserError(
                f"mesh.rules: {rule!r} is no (pattern, axis, ...); give a tuple of them"
            )
    return tuple(SplitRule(pattern, tuple(axes)) for pattern, *axes in config.mesh.rules)


def cadence(config: ConfigDict) -> Cadence:
    """Return how often things happen."""
    return Cadence(
        steps_per_dispatch=config.train.steps_per_dispatch,
        log_every=config.train.log_every,
        checkpoint_every=config.train.checkpoint_every,
        evaluate_every=config.eval.every,
    )
