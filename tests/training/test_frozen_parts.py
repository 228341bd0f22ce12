"""Frozen is what rules freeze: a frozen module is in training what it is in evaluation."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gapjax.methods import make_fit
from gapjax.methods.supervised import Supervised
from gapjax.nn.ghost_batch_norm import Replicas
from gapjax.nn.heads import Recognizer
from gapjax.nn.losses import cross_entropy
from gapjax.training.frozen_parts import PartlyFrozen, frozen_modules, keep
from gapjax.training.optimizer import ParameterRule


class TwoNorms(nn.Module):
    """A backbone of two normalizations, as a user would write it."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return Normed(name="second")(Normed(name="first")(x, train=train), train=train)


class Normed(nn.Module):
    """A linear map with Flax's own batch normalization."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return nn.BatchNorm(use_running_average=not train)(nn.Dense(4)(x))


def losses(backbone: nn.Module, *patterns: str) -> tuple[Any, ...]:
    """Return statistics before and after a training step, its loss and the evaluated one."""
    rules = [ParameterRule(pattern, 0.0) for pattern in patterns]
    method = keep(Supervised(Recognizer(backbone, 3)), rules)
    clips = jax.random.normal(jax.random.key(1), (6, 2, 4, 5, 3)) + 2
    labels = jnp.arange(6) % 3
    variables = method.init(jax.random.key(0), clips)
    out = method.loss(variables, clips, labels, {}, jax.random.split(jax.random.key(0), 6))
    evaluated = cross_entropy(method.predict(variables, clips, {}), labels).mean()
    before = variables["batch_stats"]["backbone"]
    return before, out.batch_stats["backbone"], float(out.total), float(evaluated)


def same(before: Any, after: Any) -> list[bool]:
    """Return whether the statistics of the first and of the second normalization are the same."""
    equal = jax.tree.map(np.array_equal, before, after)
    return [all(jax.tree.leaves(equal[name])) for name in ("first", "second")]


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_frozen_backbone_is_as_in_evaluation(replicas: int) -> None:
    backbone = TwoNorms() if replicas == 1 else Replicas(TwoNorms(), replicas)
    before, after, trained, evaluated = losses(backbone, "^backbone/")
    assert same(before, after) == [True, True]
    assert trained == pytest.approx(evaluated, rel=1e-5)
    before, after, trained, evaluated = losses(backbone)
    assert same(before, after) == [False, False]
    assert trained != pytest.approx(evaluated, rel=1e-3)


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_part_of_a_backbone(replicas: int) -> None:
    backbone = TwoNorms() if replicas == 1 else Replicas(TwoNorms(), replicas)
    before, after, *_ = losses(backbone, "backbone/first")
    assert same(before, after) == [True, False]
    # The scale is trained: so is the module.
    before, after, *_ = losses(backbone, "backbone/first/Dense_0")
    assert same(before, after) == [False, False]


def test_which_modules_are_frozen() -> None:
    """Below whatever name a method keeps its network; one that cannot be told apart is trained."""
    params = {"network": {"a": {"w": 0, "norm": {"scale": 0}}, "b": {"norm": {"scale": 0}}}}
    found = frozen_modules(params, [ParameterRule("network/a/", 0.0)])
    assert found == {("network", "a"), ("a",), ("network", "a", "norm"), ("a", "norm")}
    assert not frozen_modules(params, [ParameterRule("network/a/", 0.5)])
    method = Supervised(Recognizer(TwoNorms(), 3))
    assert keep(method, [ParameterRule("a", 0.5)]) is method
    assert isinstance(keep(method, [ParameterRule("a", 0.0)]), PartlyFrozen)


def test_what_is_fitted_to_the_classes_still_is() -> None:
    class TwoStages(Supervised):
        def fit(self, variables: Any, text: Any) -> Any:
            return {**text, "fitted": jnp.ones(3)}

    method = TwoStages(Recognizer(TwoNorms(), 3))
    for each in (method, keep(method, [ParameterRule("^backbone/", 0.0)])):
        assert set(make_fit(each)({}, {})) == {"fitted"}
