"""Checksums of arrays, computed where they lie.

They are sums of integers, and so the same on every platform and however arrays are split.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped, UInt32

from gapjax.parallel.tree_paths import path_name


def checksums(tree: Any) -> dict[str, int]:
    """Return the path of every array in a tree → its checksum.

    A path is the same whether the tree has named tuples, lists or dictionaries there, as it has
    before and after a checkpoint. A change of one number always changes the checksum; a change of
    several does not once in 4 thousand million times.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    sums = jax.device_get({path_name(path): _checksum(leaf) for path, leaf in leaves})
    return {name: int(value) for name, value in sums.items()}


# A program for each shape, of which a network has few, compiles sooner than one for all arrays.
@jax.jit
def _checksum(array: Shaped[Array, "..."]) -> UInt32[Array, ""]:
    return _sum(_bits(array))


def _bits(array: Shaped[Array, "..."]) -> UInt32[Array, "..."]:
    """Return the bits of numbers as numbers."""
    if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    if array.dtype == bool:
        return array.astype(jnp.uint32)
    unsigned = np.dtype(f"u{array.dtype.itemsize}")
    return jax.lax.bitcast_convert_type(array, unsigned).astype(jnp.uint32)


def _sum(bits: UInt32[Array, "..."]) -> UInt32[Array, ""]:
    """Return a sum of numbers, each mixed with its place (as MurmurHash3 mixes its last block)."""
    place, stride = jnp.zeros(bits.shape, jnp.uint32), 1
    for axis in reversed(range(bits.ndim)):
        place += jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis) * np.uint32(stride)
        stride *= bits.shape[axis]
    mixed = bits ^ (place * np.uint32(0x9E3779B1))
    mixed = (mixed ^ (mixed >> 16)) * np.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> 13)) * np.uint32(0xC2B2AE35)
    return jnp.sum(mixed ^ (mixed >> 16), dtype=jnp.uint32)
