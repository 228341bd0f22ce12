"""Random rotations: the released matrices, within their limits."""

import jax
import jax.numpy as jnp
import numpy as np

from gapjax.inputs import rotation
from support.raw_batches import keys, raw_batch


def slow_rotation(angles: np.ndarray) -> np.ndarray:
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return z @ y @ x


def test_rigid_rotation_is_the_product_of_the_released_matrices() -> None:
    angles = np.array([[0.1, -0.2, 0.3], [0.0, 0.0, 0.0], [-1.0, 2.0, 0.5]], np.float32)
    matrices = rotation.rigid_rotation(jnp.asarray(angles))
    for matrix, angle in zip(matrices, angles, strict=True):
        np.testing.assert_allclose(matrix, slow_rotation(angle), atol=1e-6)
    frames, _ = raw_batch([4, 7, 5])
    turned = rotation.rotate(frames, matrices)
    expected = np.einsum("bdc,bmtvc->bmtvd", matrices, frames)
    np.testing.assert_allclose(turned, expected, atol=1e-5)
    assert (turned[1, -1] == 0).all()


def test_random_rigid_rotations_stay_within_the_limit() -> None:
    matrices = np.asarray(
        jax.jit(lambda k: rotation.random_rigid_rotation(k, 0.3))(keys(500)), np.float64
    )
    np.testing.assert_allclose(
        matrices @ matrices.swapaxes(1, 2), np.tile(np.eye(3), (500, 1, 1)), atol=1e-6
    )
    # From Rz·Ry·Rx: the element (2, 0) is sin(y), the ratio of (2, 1) to (2, 2) is -tan(x).
    for angle in (np.arcsin(matrices[:, 2, 0]), np.arctan(-matrices[:, 2, 1] / matrices[:, 2, 2])):
        assert np.abs(angle).max() < 0.3001
        assert angle.min() < -0.28
        assert angle.max() > 0.28


def test_view_rotations_are_whole_degrees_times_a_scale() -> None:
    matrices = np.asarray(
        jax.jit(lambda k: rotation.random_view_rotation(k, 60))(keys(2000)), np.float64
    )
    size = np.cbrt(np.linalg.det(matrices))
    assert 0.5 <= size.min() < 0.52
    assert 1.48 < size.max() <= 1.5001
    # The transpose is Ry · Rx · s: its element (0, 0) is s·cos(y), its (1, 1) is s·cos(x).
    turn = matrices.swapaxes(1, 2) / size[:, None, None]
    degrees = np.rad2deg(
        np.stack(
            [np.arctan2(turn[:, 1, 2], turn[:, 1, 1]), np.arctan2(turn[:, 2, 0], turn[:, 0, 0])]
        )
    )
    np.testing.assert_allclose(degrees, np.round(degrees), atol=1e-3)
    assert set(np.round(degrees).astype(int).ravel()) == set(range(-60, 61))
    x, y = np.deg2rad(np.round(degrees))
    expected = slow_rotation(np.array([x[0], y[0], 0.0]))
    np.testing.assert_allclose(turn[0], expected, atol=1e-5)
