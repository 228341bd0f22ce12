"""Random rotations of batches of skeletons, one matrix per sample, drawn by the sample's key alone.

They follow the released feeders: NTU's `random_rot` (CTR-GCN's `feeders/tools.py`, which GAP
shares; facts C.4) and NW-UCLA's change of viewpoint (`feeders/feeder_ucla.py`; facts C.6).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

# A matrix product of three numbers must not be rounded to bfloat16 or TF32.
EXACT = jax.lax.Precision.HIGHEST


def rotate(
    frames: Float[Array, "b m t v c"], matrix: Float[Array, "b d c"]
) -> Float[Array, "b m t v d"]:
    """Return frames multiplied by one matrix per sample: x → matrix · x.

    A sum of scaled columns fuses with the surrounding operations: with a matrix product, the
    augmentation took four times as long on a CPU.
    """
    columns = matrix.swapaxes(1, 2)[:, None, None, None]
    terms = [frames[..., axis, None] * columns[..., axis, :] for axis in range(frames.shape[-1])]
    return sum(terms[1:], terms[0])


def axis_rotation(angle: Float[Array, ""], axis: int) -> Float[Array, "d c"]:
    """Return the released rotation about axis 0, 1 or 2: clockwise, by an angle in radians."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    matrix = jnp.eye(3).at[first, first].set(cos).at[second, second].set(cos)
    return matrix.at[first, second].set(sin).at[second, first].set(-sin)


def rigid_rotation(angles: Float[Array, "b c"]) -> Float[Array, "b d c"]:
    """Return Rz · Ry · Rx for the three angles of each sample, in radians (`random_rot`)."""

    def matrix(angle: Float[Array, " c"]) -> Float[Array, "d c"]:
        """Return the rotation about x, then y, then z."""
        x, y, z = (axis_rotation(angle[axis], axis) for axis in range(3))
        return jnp.matmul(jnp.matmul(z, y, precision=EXACT), x, precision=EXACT)

    return jax.vmap(matrix)(angles)


def random_rigid_rotation(keys: Key[Array, " b"], limit: float) -> Float[Array, "b d c"]:
    """Return rotations about all axes, by angles uniform in ±`limit` radians (`random_rot`)."""
    return rigid_rotation(
        jax.vmap(lambda key: jax.random.uniform(key, (3,), minval=-limit, maxval=limit))(keys)
    )


def random_plane_rotation(keys: Key[Array, " b"], limit: float) -> Float[Array, "b d c"]:
    """Return rotations in the image plane, by angles uniform in ±`limit` radians (2 x 2)."""

    def draw(key: Key[Array, ""]) -> Float[Array, "d c"]:
        """Return the random matrix of one sample."""
        angle = jax.random.uniform(key, minval=-limit, maxval=limit)
        return axis_rotation(angle, 2)[:2, :2]

    return jax.vmap(draw)(keys)


def random_view_rotation(keys: Key[Array, " b"], limit: int) -> Float[Array, "b d c"]:
    """Return NW-UCLA's change of viewpoint: about x and y by whole degrees in ±`limit`.

    The release multiplies row vectors by Ry · Rx · s, with s uniform in [0.5, 1.5].
    `normalize.scale_axes` cancels s.
    """

    def draw(key: Key[Array, ""]) -> Float[Array, "d c"]:
        """Return the random matrix of one sample."""
        angle_key, scale_key = jax.random.split(key)
        degrees = jax.random.randint(angle_key, (2,), -limit, limit + 1)
        x, y = (axis_rotation(jnp.deg2rad(degrees[axis]), axis) for axis in range(2))
        scale = jax.random.uniform(scale_key, minval=0.5, maxval=1.5)
        return scale * jnp.matmul(y, x, precision=EXACT).T

    return jax.vmap(draw)(keys)
