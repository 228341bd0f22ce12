"""Stochastic gradient descent as the papers run it, by parameter pattern."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import optax
from jaxtyping import Array, Float, Int

from data_pipelines.errors import UserError
from gapjax.parallel.tree_paths import first_matches


@dataclass(frozen=True)
class Rule:
    """How the parameters whose path matches a pattern are trained.

    Attributes:
        pattern: a regular expression, searched in paths such as `network/backbone/block0/alpha`.
        learning_rate: factor on the learning rate; 0 freezes the parameters.
        weight_decay: their weight decay, or None for the optimizer's own.
    """

    pattern: str
    learning_rate: float = 1.0
    weight_decay: float | None = None


@dataclass(frozen=True)
class SgdOptions:
    """The optimizer of both papers.

    Attributes:
        learning_rate: the learning rate after warm-up.
        warmup_epochs: epochs of linear warm-up; epoch e (from 0) has the share (e+1)/warmup.
        milestones: epochs from which the learning rate is divided by ten, once each.
        momentum: momentum, in Nesterov's form.
        weight_decay: L2 penalty, added to the gradient before momentum, for every parameter.
        rules: exceptions by parameter pattern; the first that matches holds.
    """

    learning_rate: float = 0.1
    warmup_epochs: int = 5
    milestones: Sequence[int] = ()
    momentum: float = 0.9
    weight_decay: float = 4e-4
    rules: Sequence[Rule] = ()


Schedule = Callable[[Int[Array, ""] | int], Float[Array, ""]]


def step_schedule(options: SgdOptions, steps_per_epoch: int) -> Schedule:
    """Return step → learning rate: constant within an epoch, as in the released code."""
    # optax counts the boundaries' own step as after them, as the papers' "epoch >= milestone".
    epochs = [*range(1, options.warmup_epochs), *options.milestones]
    if sorted(set(epochs)) != epochs:
        raise UserError(
            f"optimizer.milestones={tuple(options.milestones)} must rise, "
            f"and lie after the {options.warmup_epochs} epochs of warm-up"
        )
    warmup = max(options.warmup_epochs, 1)
    rises = [(e + 1) / e for e in range(1, warmup)]
    factors = [*rises, *[0.1] * len(options.milestones)]
    scales = dict(zip((e * steps_per_epoch for e in epochs), factors, strict=True))
    return optax.piecewise_constant_schedule(options.learning_rate / warmup, scales)


def rule_numbers(params: Any, rules: Sequence[Rule]) -> Any:
    """Return for every parameter the number of the first rule that matches its path.

    Where none does, it is the number of rules.

    Raises:
        UserError: a rule matches no parameter.
    """
    return first_matches(params, [rule.pattern for rule in rules], "optimizer rule")


def make_optimizer(options: SgdOptions, schedule: Schedule) -> optax.GradientTransformation:
    """Return the optimizer of a run."""
    every = (*options.rules, Rule(""))
    transforms = {number: _sgd(options, rule, schedule) for number, rule in enumerate(every)}
    return optax.multi_transform(transforms, lambda params: rule_numbers(params, options.rules))


def _sgd(options: SgdOptions, rule: Rule, schedule: Schedule) -> optax.GradientTransformation:
    """Return the descent of the parameters under one rule."""
    if rule.learning_rate == 0:
        return optax.set_to_zero()
    decay = options.weight_decay if rule.weight_decay is None else rule.weight_decay
    return optax.chain(
        optax.add_decayed_weights(decay),
        optax.trace(options.momentum, nesterov=True),
        optax.scale_by_learning_rate(lambda step: rule.learning_rate * schedule(step)),
    )
