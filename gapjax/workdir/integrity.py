"""Checksums of a checkpoint's arrays, and a digest of its metadata.

Orbax stores arrays compressed and without checksums, so that a flipped bit may read as another
number.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped, UInt32

from gapjax.parallel.tree_paths import path_name

# name → the values that consecutive steps logged.
Logged = Mapping[str, Sequence[float]]


def make_metadata(state: Any, trained_on: Sequence[str], logged: Logged) -> dict[str, Any]:
    """Return the metadata of a checkpoint of a state; see `gapjax.workdir.checkpoints`."""
    metadata = {
        "trained_on": list(trained_on),
        "logged": dict(logged),
        "checksums": checksums(state),
    }
    return metadata | {"digest": _digest(metadata)}


def verify(state: Any, metadata: Mapping[str, Any]) -> None:
    """Compare a state and metadata that were read with those that were saved.

    Raises:
        ValueError: the metadata or an array has changed.
        KeyError: the metadata is incomplete.
    """
    if metadata["digest"] != _digest(metadata):
        raise ValueError("its metadata is not as it was saved")
    read, saved = checksums(state), metadata["checksums"]
    changed = [name for name in sorted({*read, *saved}) if read.get(name) != saved.get(name)]
    if changed:
        raise ValueError(f"{len(changed)} arrays are not as they were saved: {changed[0]}")


def _digest(metadata: Mapping[str, Any]) -> str:
    content = {key: value for key, value in metadata.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def checksums(tree: Any) -> dict[str, int]:
    """Return path → checksum of every array in a tree, computed where the array is.

    A checksum is a sum of integers, the same on every platform and for every sharding. It changes
    if one number changes, and with probability 1 - 2^-32 if several do.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    sums = jax.device_get({path_name(path): _checksum(leaf) for path, leaf in leaves})
    return {name: int(value) for name, value in sums.items()}


def _checksum(array: Shaped[Array | np.ndarray, "..."]) -> UInt32[Array, ""] | np.uint32:
    """Return the sum of an array's bits, each number mixed with its index as in MurmurHash3."""
    if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    return _on_host(np.asarray(array)) if _is_on_host(array) else _on_devices(array)


def _is_on_host(array: Shaped[Array | np.ndarray, "..."]) -> bool:
    """Return whether this process has all numbers of an array in its memory.

    NumPy adds them in less time than a program for each shape takes to compile.
    """
    if isinstance(array, np.ndarray):
        return True
    on_cpu = all(device.platform == "cpu" for device in array.devices())
    return on_cpu and (array.is_fully_addressable or array.is_fully_replicated)


def _on_host(array: Shaped[np.ndarray, "..."]) -> np.uint32:
    bits = np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}")
    mixed = _mix(bits.astype(np.uint32), np.arange(bits.size, dtype=np.uint32))
    return np.sum(mixed, dtype=np.uint32)


# Compiled once per shape, of which a network has few; a program for all arrays compiles longer.
@jax.jit
def _on_devices(array: Shaped[Array, "..."]) -> UInt32[Array, ""]:
    bits = _bits(array)
    index, stride = jnp.zeros(bits.shape, jnp.uint32), 1
    for axis in reversed(range(bits.ndim)):
        index += jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis) * np.uint32(stride)
        stride *= bits.shape[axis]
    return jnp.sum(_mix(bits, index), dtype=jnp.uint32)


def _mix(
    bits: UInt32[Array | np.ndarray, "..."], index: UInt32[Array | np.ndarray, "..."]
) -> UInt32[Array | np.ndarray, "..."]:
    """Return numbers that depend on bits and on where they stand."""
    mixed = bits ^ (index * np.uint32(0x9E3779B1))
    mixed = (mixed ^ (mixed >> 16)) * np.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> 13)) * np.uint32(0xC2B2AE35)
    return mixed ^ (mixed >> 16)


def _bits(array: Shaped[Array, "..."]) -> UInt32[Array, "..."]:
    """Return the bits of numbers as unsigned integers."""
    if array.dtype == bool:
        return array.astype(jnp.uint32)
    unsigned = np.dtype(f"u{array.dtype.itemsize}")
    return jax.lax.bitcast_convert_type(array, unsigned).astype(jnp.uint32)
