"""The shifts against loops, and their gradients against loops, differences and the release."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gapjax.nn.axis_order import arrange
from gapjax.nn.shift import GRADIENTS, ROWS, released_rule, shift_joints, shift_time

ORDERS = (ROWS, "vtnc")

# Fractions, whole numbers, within and beyond a frame, and beyond either end of the sequence.
POSITIONS = np.array([-0.3, 0.7, 0.0, 1.0, -1.0, -1.6, 2.25, -2.0, 0.5, -0.5, 9.5, -9.5, 40.0])


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def in_order(order: str, shift: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """Return the shifted `c v n t`, computed in an order."""
    return arrange(shift(arrange(x, "cvnt", order)), order, "cvnt")


def plain_shift_joints(x: np.ndarray, direction: int) -> np.ndarray:
    result = np.zeros_like(x)
    for j in range(x.shape[0]):
        for i in range(x.shape[1]):
            result[j, i] = x[j, (i + direction * j) % x.shape[1]]
    return result


def plain_shift_time(x: np.ndarray, positions: np.ndarray, stride: int) -> np.ndarray:
    """Return the temporal shift, place by place, in float64."""
    channels, joints, bodies, frames = x.shape
    starts = range(0, frames, stride)
    result = np.zeros((channels, joints, bodies, len(starts)))
    for j in range(channels):
        y = positions[j] + (0.5 if stride == 2 else 0.0)
        low = int(np.floor(y))
        for place, start in enumerate(starts):
            for frame, weight in ((start + low, 1 - (y - low)), (start + low + 1, y - low)):
                if 0 <= frame < frames:
                    result[j, :, :, place] += weight * x[j, :, :, frame].astype(np.float64)
    return result


def joints_shift(direction: int, order: str) -> Callable[[jax.Array], jax.Array]:
    """Return the shift along joints of `c v n t`, computed in an order."""
    return partial(in_order, order, lambda x: shift_joints(x, direction, order))


def time_shift(
    positions: jax.Array, stride: int, gradient: str, order: str
) -> Callable[[jax.Array], jax.Array]:
    """Return the shift along time of `c v n t`, computed in an order."""
    return partial(in_order, order, lambda x: shift_time(x, positions, stride, gradient, order))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("channels", "joints"), [(3, 5), (7, 4), (53, 25), (1, 1)])
def test_joints_shift_by_channel(channels: int, joints: int, direction: int, order: str) -> None:
    x = draw(channels, joints, 2, 3)
    found = joints_shift(direction, order)(jnp.asarray(x))
    np.testing.assert_array_equal(found, plain_shift_joints(x, direction))
    np.testing.assert_array_equal(joints_shift(-direction, order)(found), x)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("direction", [1, -1])
def test_gradient_of_the_joints_shift_goes_back_where_it_came_from(
    direction: int, order: str
) -> None:
    x, weights = draw(7, 4, 2, 3), draw(7, 4, 2, 3, seed=1)
    shift = joints_shift(direction, order)
    grad = jax.grad(lambda x: (shift(x) * weights).sum())(jnp.asarray(x))
    np.testing.assert_array_equal(grad, plain_shift_joints(weights, -direction))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("frames", [8, 7, 1])
@pytest.mark.parametrize("order", ORDERS)
def test_time_shifts_by_position(frames: int, stride: int, order: str) -> None:
    x = draw(len(POSITIONS), 3, 2, frames)
    positions = jnp.asarray(POSITIONS, jnp.float32)
    found = time_shift(positions, stride, "true", order)(jnp.asarray(x))
    assert found.shape[-1] == -(-frames // stride)
    np.testing.assert_allclose(found, plain_shift_time(x, POSITIONS, stride), atol=1e-5)


def test_known_values() -> None:
    x = jnp.asarray([1.0, 2.0, 4.0, 8.0, 16.0])[None, None, None]

    def shifted(position: float, stride: int) -> list[float]:
        return shift_time(x, jnp.asarray([position]), stride, "true", ROWS).ravel().tolist()

    assert shifted(0.0, 1) == [1, 2, 4, 8, 16]
    assert shifted(1.0, 1) == [2, 4, 8, 16, 0]
    assert shifted(-0.25, 1) == [0.75, 1.75, 3.5, 7, 14]
    assert shifted(0.0, 2) == [1.5, 6, 8]
    assert shifted(-0.5, 2) == [1, 4, 16]


def weighed(
    x: np.ndarray, weights: np.ndarray, stride: int, gradient: str, order: str = ROWS
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients to features and positions of a weighted sum of the shifted."""

    def total(x: jax.Array, positions: jax.Array) -> jax.Array:
        return (time_shift(positions, stride, gradient, order)(x) * weights).sum()

    positions = jnp.asarray(POSITIONS, jnp.float32)
    return jax.jit(jax.grad(total, argnums=(0, 1)))(jnp.asarray(x), positions)


@pytest.mark.parametrize("gradient", sorted(GRADIENTS))
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("frames", "order"), [(8, ROWS), (7, ROWS), (7, "vtnc")])
def test_gradient_to_the_features_is_the_true_one(
    frames: int, order: str, stride: int, gradient: str
) -> None:
    """The shift is linear: what a unit at one frame becomes is a row of its Jacobian."""
    channels = len(POSITIONS)
    x = draw(channels, 3, 2, frames)
    weights = draw(channels, 3, 2, -(-frames // stride), seed=1)
    expected = np.zeros_like(x)
    for frame in range(frames):
        unit = np.zeros_like(x)
        unit[..., frame] = 1.0
        expected[..., frame] = (plain_shift_time(unit, POSITIONS, stride) * weights).sum(axis=-1)
    found, _ = weighed(x, weights, stride, gradient, order)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def plain_slope(x: np.ndarray, weights: np.ndarray, stride: int) -> np.ndarray:
    """Return the derivative by position from the right, as a difference within one frame."""
    step = 1e-3

    def total(positions: np.ndarray) -> np.ndarray:
        return (plain_shift_time(x, positions, stride) * weights).sum(axis=(1, 2, 3))

    return (total(POSITIONS + step) - total(POSITIONS)) / step


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("frames", "order"), [(8, ROWS), (7, ROWS), (7, "vtnc")])
def test_gradients_to_the_positions(frames: int, stride: int, order: str) -> None:
    x = draw(len(POSITIONS), 3, 2, frames)
    weights = draw(len(POSITIONS), 3, 2, -(-frames // stride), seed=1)
    slope = plain_slope(x, weights, stride)
    _, true = weighed(x, weights, stride, "true", order)
    np.testing.assert_allclose(true, slope, atol=1e-4)
    assert set(np.sign(slope)) == {-1.0, 0.0, 1.0}
    _, released = weighed(x, weights, stride, "released", order)
    expected = np.where(slope == 0.0, 1e-4, 0.01 * np.sign(slope))
    np.testing.assert_allclose(released, expected, rtol=1e-6)


def test_released_rule() -> None:
    found = released_rule(jnp.asarray([3.0, -1e-20, 0.0, -0.0, 1e-20]))
    np.testing.assert_allclose(found, [0.01, -0.01, 1e-4, 1e-4, 0.01], rtol=1e-6)


@pytest.mark.parametrize("gradient", sorted(GRADIENTS))
def test_gradients_count_the_global_batch_whatever_its_parts(gradient: str) -> None:
    x, weights = draw(len(POSITIONS), 3, 8, 7), draw(len(POSITIONS), 3, 8, 4, seed=1)
    parts = NamedSharding(Mesh(np.array(jax.devices()[:4]), ("data",)), P(None, None, "data"))
    whole = weighed(x, weights, 2, gradient)
    parted = weighed(jax.device_put(x, parts), jax.device_put(weights, parts), 2, gradient)
    for one, other in zip(parted, whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("along", ["joints", "time"])
def test_bfloat16_stays(along: str, order: str) -> None:
    """Features in bfloat16 with positions in float32: each gradient has its argument's type."""
    x = arrange(jnp.asarray(draw(13, 3, 2, 8), jnp.bfloat16), ROWS, order)
    positions = jnp.asarray(POSITIONS, jnp.float32)

    def total(x: jax.Array, positions: jax.Array) -> jax.Array:
        if along == "joints":
            y = shift_joints(x, 1, order)
        else:
            y = shift_time(x, positions, 2, "true", order)
        assert y.dtype == jnp.bfloat16
        return y.astype(jnp.float32).sum()

    grads = jax.grad(total, argnums=(0, 1))(x, positions)
    assert [each.dtype for each in grads] == [jnp.bfloat16, jnp.float32]
