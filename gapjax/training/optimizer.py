"""Gradient descent as in both papers, or Adam, with exceptions by parameter path."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from data_pipelines.errors import UserError
from gapjax.parallel.tree_paths import first_matches
from gapjax.registry import check_choices, number, one_of


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
class OptimizerOptions:
    """The optimizer.

    Attributes:
        learning_rate: the learning rate after warm-up.
        warmup_epochs: epochs of linear warm-up: epoch e (from 0) has (e+1)/warmup_epochs of it.
        milestones: epochs after which the learning rate is divided by ten; () for a cosine.
        momentum: Nesterov momentum; without effect on Adam.
        weight_decay: L2 penalty of every parameter, added to the gradient before its moments.
        rules: exceptions by parameter path, as (pattern, factor of the learning rate) or (pattern,
            factor, weight decay); the first that matches applies. A factor of 0 freezes, and a
            module all of whose parameters are frozen keeps its running statistics and uses them.
        algorithm: `sgd` with Nesterov momentum, as in both papers, or `adam` (Kingma and Ba, ICLR
            2015).
        schedule: what follows warm-up: `steps` at the milestones, or `cosine`, half a wave that
            ends at 0, by epoch.
    """

    learning_rate: float = number(0.1, most=100.0)
    warmup_epochs: int = number(5)
    milestones: Sequence[int] = ()
    momentum: float = number(0.9, most=0.9999)
    weight_decay: float = number(4e-4, most=1.0)
    rules: Sequence[ParameterRule] = ()
    algorithm: str = one_of("sgd", "adam")
    schedule: str = one_of("steps", "cosine")

    def __post_init__(self) -> None:
        """Raise UserError for a value that is not among its choices."""
        check_choices(self, "optimizer.")


Schedule = Callable[[Int[Array, ""] | int], Float[Array, ""]]


def step_schedule(options: OptimizerOptions, steps_per_epoch: int, epochs: int) -> Schedule:
    """Return step → learning rate, constant within an epoch as in the released code.

    Args:
        options: the learning rate.
        steps_per_epoch: the steps of an epoch.
        epochs: the epochs of the training, which a cosine needs.

    Raises:
        UserError: the milestones do not ascend, lie within the warm-up, or are those of a cosine.
    """
    if options.schedule == "cosine":
        if options.milestones:
            raise UserError(
                f"optimizer.milestones={tuple(options.milestones)} are of "
                "optimizer.schedule='steps'; a cosine needs ()"
            )
        return _cosine(options, steps_per_epoch, epochs)
    # A boundary of optax applies from its own step on, as `epoch >= milestone` in the papers' code.
    changes = [*range(1, options.warmup_epochs), *options.milestones]
    if sorted(set(changes)) != changes:
        raise UserError(
            f"optimizer.milestones={tuple(options.milestones)} must ascend "
            f"and lie after the {options.warmup_epochs} epochs of warm-up"
        )
    warmup = max(options.warmup_epochs, 1)
    factors = [(e + 1) / e for e in range(1, warmup)] + [0.1] * len(options.milestones)
    scales = dict(zip((e * steps_per_epoch for e in changes), factors, strict=True))
    return optax.piecewise_constant_schedule(options.learning_rate / warmup, scales)


def _cosine(options: OptimizerOptions, steps_per_epoch: int, epochs: int) -> Schedule:
    """Return warm-up, then half a wave: SMIE's schedule, whose warm-up starts an epoch earlier."""
    rate, warmup = options.learning_rate, options.warmup_epochs
    rise = optax.linear_schedule(rate / max(warmup, 1), rate, max(warmup - 1, 1))
    wave = optax.cosine_decay_schedule(rate, max(epochs - warmup, 1))
    by_epoch = optax.join_schedules([rise, wave], [warmup])
    return lambda step: by_epoch(jnp.asarray(step) // steps_per_epoch)


def make_optimizer(options: OptimizerOptions, schedule: Schedule) -> optax.GradientTransformation:
    """Return the optimizer; its `init` raises UserError for a rule that matches no parameter."""
    rules = enumerate((*options.rules, ParameterRule("")))
    transforms = {index: _descent(options, rule, schedule) for index, rule in rules}
    patterns = [rule.pattern for rule in options.rules]
    return optax.multi_transform(
        transforms, lambda params: first_matches(params, patterns, "optimizer rule")
    )


def _descent(
    options: OptimizerOptions, rule: ParameterRule, schedule: Schedule
) -> optax.GradientTransformation:
    """Return PyTorch's SGD or Adam with the learning rate and weight decay of a rule."""
    if rule.learning_rate == 0:
        return optax.set_to_zero()
    decay = options.weight_decay if rule.weight_decay is None else rule.weight_decay

    def rate(step: Int[Array, ""]) -> Float[Array, ""] | float:
        """Return the learning rate of the rule's parameters."""
        return rule.learning_rate * schedule(step)

    algorithm = optax.adam(rate)
    if options.algorithm == "sgd":
        algorithm = optax.sgd(rate, options.momentum, nesterov=True)
    return optax.chain(optax.add_decayed_weights(decay), algorithm)
