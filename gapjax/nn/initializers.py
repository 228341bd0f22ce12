"""The initial values of the published networks' parameters."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Initializer = Callable[..., Float[Array, "..."]]


def fan_in_uniform(fan_in: int) -> Initializer:
    """Return PyTorch's default initializer of linear layers and biases: U(±1/√fan_in)."""
    bound = fan_in**-0.5

    def initialize(
        key: Key[Array, ""], shape: Sequence[int], dtype: Any = jnp.float32
    ) -> Float[Array, "..."]:
        """Return an array drawn from U(-bound, bound)."""
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return initialize


def fan_out_normal(fan_out: int) -> Initializer:
    """Return He's normal initializer by fan-out: N(0, 2/fan_out)."""
    return nn.initializers.normal((2.0 / fan_out) ** 0.5)


def around_one(spread: float) -> Initializer:
    """Return the initializer N(1, spread²)."""

    def initialize(
        key: Key[Array, ""], shape: Sequence[int], dtype: Any = jnp.float32
    ) -> Float[Array, "..."]:
        """Return an array drawn from N(1, spread²)."""
        return 1.0 + spread * jax.random.normal(key, shape, dtype)

    return initialize
