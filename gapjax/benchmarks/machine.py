"""What the devices of a run can do at best, measured: products of matrices, and copies."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from gapjax.benchmarks.timing import seconds
from gapjax.parallel.sharding import Layout

# Rows of the matrices that are tried; of several, the fastest product counts.
SIZES = (1024, 2048, 4096, 8192)
# A product that takes longer is large enough.
LONG_SECONDS = 0.02
# Numbers in float32 that each device copies: more than any cache holds.
COPIED = 2**25
ROUNDS = 5


def matmul_gflop_per_sec(layout: Layout, dtype: DTypeLike) -> float:
    """Return the rate of products of square matrices, each device with its own left one."""
    best = 0.0
    for size, taken in _products(layout, dtype):
        best = max(best, 2e-9 * layout.mesh.size * size**3 / taken)
        if taken > LONG_SECONDS:
            break
    return best


def _products(layout: Layout, dtype: DTypeLike) -> Iterator[tuple[int, float]]:
    """Yield the rows of a matrix, and the seconds of the fastest product."""
    devices = layout.mesh.size
    product = jax.jit(jnp.matmul, out_shardings=layout.rows)
    for size in SIZES:
        left = _ones(layout, (devices * size, size), dtype)
        right = layout.replicate(jnp.ones((size, size), dtype))
        yield size, _fastest(functools.partial(product, left, right))


def copy_gb_per_sec(layout: Layout, numbers: int = COPIED) -> float:
    """Return the rate at which all devices read and write memory, both counted."""
    array = _ones(layout, (layout.mesh.size, numbers), jnp.float32)
    size = array.nbytes
    # In place: what new memory costs at first touch is no part of it.
    add = jax.jit(lambda x: x + 1, out_shardings=layout.rows, donate_argnums=0)

    def step() -> Float[Array, "n c"]:
        """Add to what the last step has left."""
        nonlocal array
        array = add(array)
        return array

    return 2e-9 * size / _fastest(step)


def _fastest(call: Callable[[], Any]) -> float:
    """Return the least seconds of a call; the first one compiles."""
    return min(seconds(call) for _ in range(ROUNDS))


def _ones(layout: Layout, shape: tuple[int, int], dtype: DTypeLike) -> Float[Array, "n c"]:
    """Return ones whose rows are split over the devices."""
    return jax.jit(lambda: jnp.ones(shape, dtype), out_shardings=layout.rows)()
