"""The optimizer against PyTorch's SGD and Adam in NumPy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from data_pipelines.errors import UserError
from gapjax.training.optimizer import OptimizerOptions, ParameterRule, make_optimizer, step_schedule


def torch_sgd(
    value: np.ndarray, gradients: list[np.ndarray], rates: list[float], decay: float
) -> np.ndarray:
    """Return the result of torch.optim.SGD(momentum=0.9, nesterov=True), step by step."""
    buffer = None
    for gradient, rate in zip(gradients, rates, strict=True):
        total = gradient + decay * value
        buffer = total if buffer is None else 0.9 * buffer + total
        value = value - rate * (total + 0.9 * buffer)
    return value


def descend(options: OptimizerOptions, params: dict, gradients: list[dict], per_epoch: int) -> dict:
    optimizer = make_optimizer(options, step_schedule(options, per_epoch, 4))
    state = optimizer.init(params)
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


def test_sgd_equals_pytorch() -> None:
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=(3, 4)) for _ in range(7)]
    options = OptimizerOptions(
        learning_rate=0.2, warmup_epochs=2, milestones=(3,), momentum=0.9, weight_decay=0.01
    )
    start = rng.normal(size=(3, 4))
    rates = [0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.02]
    expected = torch_sgd(start, gradients, rates, 0.01)
    inputs = [{"w": jnp.asarray(gradient, jnp.float32)} for gradient in gradients]
    result = descend(options, {"w": jnp.asarray(start, jnp.float32)}, inputs, per_epoch=2)
    np.testing.assert_allclose(result["w"], expected, rtol=1e-5)


def torch_adam(
    value: np.ndarray, gradients: list[np.ndarray], rate: float, decay: float
) -> np.ndarray:
    """Return the result of torch.optim.Adam(weight_decay=decay), step by step."""
    first = second = np.zeros_like(value)
    for number, gradient in enumerate(gradients, start=1):
        total = gradient + decay * value
        first = 0.9 * first + 0.1 * total
        second = 0.999 * second + 0.001 * total**2
        root = np.sqrt(second / (1 - 0.999**number)) + 1e-8
        value = value - rate * first / (1 - 0.9**number) / root
    return value


def test_adam_equals_pytorch() -> None:
    rng = np.random.default_rng(0)
    gradients, start = [rng.normal(size=(3, 4)) for _ in range(5)], rng.normal(size=(3, 4))
    options = OptimizerOptions(0.1, 0, weight_decay=0.3, algorithm="adam")
    inputs = [{"w": jnp.asarray(gradient, jnp.float32)} for gradient in gradients]
    result = descend(options, {"w": jnp.asarray(start, jnp.float32)}, inputs, per_epoch=2)
    np.testing.assert_allclose(result["w"], torch_adam(start, gradients, 0.1, 0.3), rtol=1e-4)


def test_a_cosine_ends_at_zero() -> None:
    options = OptimizerOptions(learning_rate=2.0, warmup_epochs=2, schedule="cosine")
    schedule = step_schedule(options, steps_per_epoch=3, epochs=6)
    rates = [float(schedule(3 * epoch)) for epoch in range(6)]
    wave = [1 + np.cos(np.pi * part / 4) for part in range(4)]
    np.testing.assert_allclose(rates, [1, 2, *wave], rtol=1e-6)
    assert float(schedule(5)) == float(schedule(3))
    with pytest.raises(UserError, match=r"optimizer\.schedule='cosines' .*did you mean 'cosine'"):
        OptimizerOptions(schedule="cosines")
    both = dataclasses.replace(options, milestones=(3,))
    with pytest.raises(
        UserError, match=r"^optimizer\.milestones=\(3,\) are of .*='steps'; .* \(\)$"
    ):
        step_schedule(both, steps_per_epoch=3, epochs=6)


def test_schedule_of_the_papers() -> None:
    options = OptimizerOptions(learning_rate=0.1, warmup_epochs=5, milestones=(90, 100))
    schedule = step_schedule(options, steps_per_epoch=200, epochs=110)
    epochs = {0: 0.02, 1: 0.04, 3: 0.08, 4: 0.1, 89: 0.1, 90: 0.01, 99: 0.01, 100: 0.001}
    for epoch, rate in epochs.items():
        for step in (0, 199):
            assert float(schedule(epoch * 200 + step)) == pytest.approx(rate, rel=1e-5)


def test_schedule_without_warmup() -> None:
    schedule = step_schedule(
        OptimizerOptions(learning_rate=0.1, warmup_epochs=0, milestones=(1,)), 3, 2
    )
    assert [float(schedule(step)) for step in range(4)] == pytest.approx([0.1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("milestones", [(5, 3), (1,), (7, 7)])
def test_milestones_that_do_not_ascend_are_refused(milestones: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"optimizer\.milestones"):
        step_schedule(OptimizerOptions(warmup_epochs=3, milestones=milestones), 10, 9)


def test_rules_set_learning_rate_and_weight_decay() -> None:
    params = {"text": {"w": jnp.ones(2)}, "mask": jnp.ones(2), "rest": jnp.ones(2)}
    gradients = jax.tree.map(jnp.ones_like, params)
    rules = (
        ParameterRule("^text/", learning_rate=0.0),
        ParameterRule("mask", 0.5, weight_decay=0.0),
    )
    options = OptimizerOptions(1.0, 0, (), momentum=0.0, weight_decay=0.5, rules=rules)
    result = descend(options, params, [gradients], per_epoch=1)
    np.testing.assert_array_equal(result["text"]["w"], [1, 1])
    np.testing.assert_allclose(result["mask"], [0.5, 0.5])
    np.testing.assert_allclose(result["rest"], [-0.5, -0.5])


def test_a_rule_that_matches_no_parameter_is_refused() -> None:
    options = OptimizerOptions(rules=(ParameterRule("txt_encoder"),))
    optimizer = make_optimizer(options, step_schedule(options, 1, 1))
    with pytest.raises(UserError, match="'txt_encoder' matches no parameter"):
        optimizer.init({"text_encoder": jnp.ones(2)})
