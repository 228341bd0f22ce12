"""Padded batches of random frames, and one random key per sample."""

import jax
import jax.numpy as jnp
import numpy as np


def keys(count: int, seed: int = 0) -> jax.Array:
    return jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(jnp.arange(count))


def raw_batch(lengths: list[int], persons: int = 2, joints: int = 5, seed: int = 0) -> tuple:
    """Return padded random frames and lengths; the last person of odd samples is absent."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(len(lengths), persons, max(lengths) + 3, joints, 3))
    for i, length in enumerate(lengths):
        frames[i, :, length:] = 0
        if i % 2 and persons > 1:
            frames[i, -1] = 0
    return jnp.asarray(frames, jnp.float32), jnp.asarray(lengths, jnp.int32)
