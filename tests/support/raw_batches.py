"""Padded batches of random frames, random keys, and a slow resize."""

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


def slow_resize(sequence: np.ndarray, window: int) -> np.ndarray:
    """Resize one person's frames (t v c) linearly in time, frame centers aligned."""
    frames = []
    for i in range(window):
        position = max((i + 0.5) * len(sequence) / window - 0.5, 0)
        before = int(position)
        after = min(before + 1, len(sequence) - 1)
        part = position - before
        frames.append((1 - part) * sequence[before] + part * sequence[after])
    return np.array(frames)
