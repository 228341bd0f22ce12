"""Stochastic gradient descent as in both papers, with exceptions by parameter path."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optax
from jaxtyping import Array, Float, Int

from data_pipelines.errors import UserError
from gapjax.parallel.tree_paths import first_matches
from gapjax.registry import number


@dataclass(frozen=True)
class ParameterRule:
    """How the parameters whose paths match a pattern are trained.

    Attributes:
        pattern: a regular expression, searched in paths such as `network/backbone/block0/alpha`.
        learning_rate: factor on the learning rate; 0 freezes the parameters.
        weight_decay: their weight decay; None for the optimizer's.
    """

    pattern: str
    learning_rate: float = 1.0
    weight_decay: float | None = None


@dataclass(frozen=True)
class SgdOptions:
    """The optimizer of both papers.

    Attributes:
        learning_rate: the learning rate after warm-up.
        warmup_epochs: epochs of linear warm-up: epoch e (from 0) has (e+1)/warmup_epochs of it.
        milestones: epochs after which the learning rate is divided by ten.
        momentum: Nesterov momentum.
        weight_decay: L2 penalty of every parameter, added to the gradient before momentum.
        rules: exceptions by parameter path, as (pattern, factor of the learning rate) or (pattern,
            factor, weight decay); the first that matches applies. A factor of 0 freezes, and a
            module all of whose parameters are frozen keeps its running statistics and uses them.
    """

    learning_rate: float = number(0.1, most=100.0)
    warmup_epochs: int = number(5)
    milestones: Sequence[int] = ()
    momentum: float = number(0.9, most=0.9999)
    weight_decay: float = number(4e-4, most=1.0)
    rules: Sequence[ParameterRule] = ()


Schedule = Callable[[Int[Array, ""] | int], Float[Array, ""]]


def step_schedule(options: SgdOptions, steps_per_epoch: int) -> Schedule:
    """Return step → learning rate, constant within an epoch as in the released code.

    Raises:
        UserError: the milestones do not ascend, or lie within the warm-up.
    """
    # A boundary of optax applies from its own step on, as `epoch >= milestone` in the papers' code.
    epochs = [*range(1, options.warmup_epochs), *options.milestones]
    if sorted(set(epochs)) != epochs:
        raise UserError(
            f"optimizer.milestones={tuple(options.milestones)} must ascend "
            f"and lie after the {options.warmup_epochs} epochs of warm-up"
        )
    warmup = max(options.warmup_epochs, 1)
    factors = [(e + 1) / e for e in range(1, warmup)] + [0.1] * len(options.milestones)
    scales = dict(zip((e * steps_per_epoch for e in epochs), factors, strict=True))
    return optax.piecewise_constant_schedule(options.learning_rate / warmup, scales)


def make_optimizer(options: SgdOptions, schedule: Schedule) -> optax.GradientTransformation:
    """Return the optimizer; its `init` raises UserError for a rule that matches no parameter."""
    rules = enumerate((*options.rules, ParameterRule("")))
    transforms = {index: _sgd(options, rule, schedule) for index, rule in rules}
    patterns = [rule.pattern for rule in options.rules]
    return optax.multi_transform(
        transforms, lambda params: first_matches(params, patterns, "optimizer rule")
    )


def _sgd(
    options: SgdOptions, rule: ParameterRule, schedule: Schedule
) -> optax.GradientTransformation:
    """Return PyTorch's SGD with the learning rate and weight decay of a rule."""
    if rule.learning_rate == 0:
        return optax.set_to_zero()
    decay = options.weight_decay if rule.weight_decay is None else rule.weight_decay
    return optax.chain(
        optax.add_decayed_weights(decay),
        optax.sgd(
            lambda step: rule.learning_rate * schedule(step), options.momentum, nesterov=True
        ),
    )
