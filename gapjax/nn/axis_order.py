"""The order of axes inside a backbone: text such as `cnvt`, which belongs to the platform.

A backbone is written once, in the names of its axes: `c` channels, `n` bodies, `v` joints and `t`
frames; its variables and its results are the same in every order. Channels first suits CPUs and
GPUs. A TPU stores the last two axes in tiles of 8 x 128 (docs/performance.md), which 25 joints by
64 frames fill badly.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# The order of each layout in graph networks. A backbone may have others (`gapjax.nn.shift.ROWS`).
LAYOUTS = {"channels_first": "cnvt", "channels_last": "vtnc"}
CHANNELS_FIRST = LAYOUTS["channels_first"]

# An array with the four axes of an order.
Ordered = Float[Array, "_ _ _ _"]


def arrange(x: Float[Array, "..."], names: str, into: str) -> Float[Array, "..."]:
    """Return an array, whose axes are `names`, with its axes in another order.

    >>> arrange(jnp.zeros((2, 3, 4)), "cvt", "tcv").shape
    (4, 2, 3)
    """
    return x.transpose([names.index(name) for name in into])


def spread(x: Float[Array, "..."], names: str, into: str) -> Float[Array, "..."]:
    """Return an array, whose axes are `names`, so that it broadcasts against one of axes `into`.

    >>> spread(jnp.zeros((2, 3)), "cv", "vtnc").shape
    (3, 1, 1, 2)
    """
    x = arrange(x, names, "".join(name for name in into if name in names))
    sizes = iter(x.shape)
    # An axis that `expand_dims` adds would be summed over in the gradient.
    return x.reshape([next(sizes) if name in names else 1 for name in into])


def bodies_in_order(x: Float[Array, "m v c b t"], order: str) -> Ordered:
    """Return a backbone's normalized input in an order, n counting the persons of all clips."""
    n, (m, _, _, b, _) = order.index("n"), x.shape
    x = arrange(x, "mvcbt", order.replace("n", "bm"))
    return x.reshape(*x.shape[:n], b * m, *x.shape[n + 2 :])


def features_of_clips(x: Ordered, order: str, persons: int) -> Float[Array, "b m t v c"]:
    """Return a backbone's result from the last block's."""
    n = order.index("n")
    x = x.reshape(*x.shape[:n], -1, persons, *x.shape[n + 1 :])
    return arrange(x, order.replace("n", "bm"), "bmtvc")


def along(order: str, name: str, index: Any) -> tuple[Any, ...]:
    """Return the index that applies `index` to one axis of an order, and takes all of the others.

    >>> jnp.zeros((2, 3, 4, 5))[along("cnvt", "t", slice(None, None, 2))].shape
    (2, 3, 4, 3)
    """
    return tuple(index if each == name else slice(None) for each in order)


def every(x: Ordered, order: str, stride: int) -> Ordered:
    """Return every `stride`-th frame."""
    return x[along(order, "t", slice(None, None, stride))]


def pads(order: str, name: str, before: int, after: int) -> list[tuple[int, int]]:
    """Return the padding of one axis of an order."""
    return [(before, after) if each == name else (0, 0) for each in order]


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def vector_sum(
    x: Float[Array, "..."], y: Float[Array, "..."], names: tuple[str, str, str]
) -> Float[Array, "..."]:
    """Return the sum of products of two arrays over the axes that the third of `names` lacks.

    It is `einsum` as vector work on the last axes, which both arrays have: no matrix unit takes a
    product for each channel and body. Sums are in float32, and what is kept for the gradient has
    the arrays' own precision.

    >>> vector_sum(jnp.ones((5, 2, 3)), jnp.ones((2, 4, 3)), ("uvn", "vtn", "utn")).shape
    (5, 4, 3)
    """
    first, second, result = names
    both = "".join(name for name in first if name not in second) + second
    product = spread(x, first, both) * spread(y, second, both)
    axes = [place for place, name in enumerate(both) if name not in result]
    exact = jnp.promote_types(product.dtype, jnp.float32)
    total = product.sum(axes, dtype=exact).astype(product.dtype)
    return arrange(total, "".join(name for name in both if name in result), result)


def _vector_sum_backward(
    names: tuple[str, str, str],
    saved: tuple[Float[Array, "..."], Float[Array, "..."]],
    cotangent: Float[Array, "..."],
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    (first, second, result), (x, y) = names, saved
    return (
        vector_sum(y, cotangent, (second, result, first)).astype(x.dtype),
        vector_sum(x, cotangent, (first, result, second)).astype(y.dtype),
    )


vector_sum.defvjp(lambda x, y, names: (vector_sum(x, y, names), (x, y)), _vector_sum_backward)
