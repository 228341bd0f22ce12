"""Where arrays live: the mesh and every PartitionSpec of the project.

One device is a mesh of one, so that there is a single code path. Batches are split over the
`data` axis; everything else is replicated. Losses and batch statistics are computed by `jit` over
the global batch, so their values do not depend on the number of devices.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gapjax.lookup import UserError

Tree = TypeVar("Tree")


@dataclass(frozen=True)
class Layout:
    """The placement of arrays on a mesh.

    Attributes:
        mesh: the devices, along one axis called `data`.
    """

    mesh: Mesh

    @property
    def replicated(self) -> NamedSharding:
        """Return the placement of a copy on every device."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def batch(self) -> NamedSharding:
        """Return the placement that splits the first axis over the devices."""
        return NamedSharding(self.mesh, PartitionSpec("data"))

    @property
    def batches(self) -> NamedSharding:
        """Return the placement of several batches, (steps, batch, ...): the second is split."""
        return NamedSharding(self.mesh, PartitionSpec(None, "data"))

    def replicate(self, tree: Tree) -> Tree:
        """Copy a pytree of host or device arrays, the same on every host, to every device."""
        if jax.process_count() == 1:
            return jax.device_put(tree, self.replicated)
        return jax.tree.map(lambda leaf: _everywhere(leaf, self.replicated), tree)

    def shapes(self, tree: Tree) -> Tree:
        """Return the shapes of arrays that are copied to every device."""
        return _shapes(tree, self.replicated)

    def put_batches(self, tree: Any) -> Any:
        """Place (steps, local batch, ...) host arrays, each host giving its own share."""
        place = jax.make_array_from_process_local_data
        return jax.tree.map(lambda leaf: place(self.batches, np.asarray(leaf)), tree)

    def check(self, batch_size: int) -> None:
        """Raise UserError if a batch cannot be split evenly over the devices."""
        if batch_size % self.mesh.size:
            raise UserError(
                f"a batch of {batch_size} cannot be split over {self.mesh.size} devices; "
                f"choose a multiple of {self.mesh.size}"
            )

    def local_columns(self, batch_size: int) -> slice:
        """Return which columns of a global batch this host reads."""
        share = batch_size // jax.process_count()
        return slice(jax.process_index() * share, (jax.process_index() + 1) * share)


@dataclass(frozen=True)
class ShapeLayout(Layout):
    """The placement of arrays on devices that are not here: of an array, its shape is placed."""

    def replicate(self, tree: Tree) -> Tree:
        """Return the shapes of copies on every device."""
        return self.shapes(tree)

    def put_batches(self, tree: Any) -> Any:
        """Return the shapes of (steps, batch, ...) arrays that are split over the devices."""
        return _shapes(tree, self.batches)


def _everywhere(leaf: Any, place: NamedSharding) -> jax.Array:
    """Return an array that every host has as one on the devices of all."""
    if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _everywhere(jax.random.key_data(leaf), place)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    return jax.make_array_from_process_local_data(place, np.asarray(leaf))


def _shapes(tree: Tree, place: NamedSharding) -> Tree:
    """Return arrays as their shapes, placed."""

    def placed(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        """Return a shape with its place."""
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)

    return jax.tree.map(placed, jax.eval_shape(lambda leaves: leaves, tree))


def shape_layout(devices: Sequence[jax.Device]) -> ShapeLayout:
    """Return the layout over devices, of which none need be here."""
    return ShapeLayout(Mesh(np.asarray(devices), ("data",)))


def split_cpu(parts: int) -> None:
    """Let JAX see the CPU as several devices, so that a step uses several cores.

    XLA computes most of a graph network's step on one core a device. Without effect once JAX has
    looked for its devices, and where XLA_FLAGS already says how many there are.
    """
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    # JAX refuses once its devices are known.
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", parts)


def make_layout(devices: int = 0) -> Layout:
    """Return the layout over the first `devices` devices, or over all where it is 0.

    Raises:
        UserError: there are fewer devices.
    """
    there = jax.devices()
    if devices > len(there):
        raise UserError(f"mesh.devices={devices}, but JAX sees {len(there)}: {there[0].platform}")
    return Layout(Mesh(np.asarray(there[: devices or len(there)]), ("data",)))
