"""The sharding of a run's arrays over its mesh (`gapjax.parallel.mesh`).

Batches are split over the axis `data`, parameters as partition rules say; the rest is replicated.
`jit` computes losses and batch statistics over the global batch, so that they do not depend on the
number of devices.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental.layout import Format
from jax.experimental.layout import Layout as MemoryLayout
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Shaped

from data_pipelines.errors import UserError
from gapjax.parallel.mesh import AXES, make_mesh, select_devices
from gapjax.parallel.partition_rules import PartitionRule, partition_axes
from gapjax.parallel.tree_paths import path_name

Tree = TypeVar("Tree")


@dataclass(frozen=True)
class Layout:
    """The sharding of arrays over a mesh.

    Attributes:
        mesh: the devices, along the axes `data` and `model`.
        rules: the parameters that are split; the first rule that matches applies.
    """

    mesh: Mesh
    rules: tuple[PartitionRule, ...] = ()

    @property
    def replicated(self) -> NamedSharding:
        """Return the sharding of a copy on every device."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def batch(self) -> NamedSharding:
        """Return the sharding of a batch, (batch, ...)."""
        return NamedSharding(self.mesh, PartitionSpec("data"))

    @property
    def batches(self) -> NamedSharding:
        """Return the sharding of several batches, (steps, batch, ...)."""
        return NamedSharding(self.mesh, PartitionSpec(None, "data"))

    @property
    def rows(self) -> NamedSharding:
        """Return the sharding that splits the first axis over all devices."""
        return NamedSharding(self.mesh, PartitionSpec(AXES))

    def context(self) -> contextlib.AbstractContextManager:
        """Return the context in which to trace a step, for `shard_rows`."""
        return jax.sharding.use_abstract_mesh(self.mesh.abstract_mesh)

    def shardings(self, state: Tree, params: Any) -> Tree:
        """Return the sharding of each array of a training state.

        Args:
            state: arrays or their shapes.
            params: its parameters. The optimizer's state of a parameter, such as its momentum, has
                a path that ends with the parameter's, and is split alike.

        Raises:
            UserError: a rule matches no parameter, or one that cannot be split.
        """
        axes_of = partition_axes(params, self.rules, self.mesh.shape)

        def sharding(path: tuple[Any, ...], _: Any) -> NamedSharding:
            """Return the sharding of the array at a path."""
            suffixes = (path_name(path[start:]) for start in range(len(path)))
            axes = next((axes_of[name] for name in suffixes if name in axes_of), ())
            return NamedSharding(self.mesh, PartitionSpec(*axes))

        return jax.tree_util.tree_map_with_path(sharding, state)

    def put(self, tree: Tree, shardings: Tree) -> Tree:
        """Put a pytree of arrays, the same on every host, on the devices."""
        if jax.process_count() == 1:
            return jax.device_put(tree, shardings)
        return jax.tree.map(_put_on_all_hosts, tree, shardings)

    def replicate(self, tree: Tree) -> Tree:
        """Copy a pytree of arrays, the same on every host, to every device."""
        return self.put(tree, jax.tree.map(lambda _: self.replicated, tree))

    def put_batches(self, tree: Any) -> Any:
        """Put (steps, local batch, ...) arrays of each host on its devices."""
        put = jax.make_array_from_process_local_data
        return jax.tree.map(lambda leaf: put(self.batches, np.asarray(leaf)), tree)

    def put_rows(self, rows: Shaped[np.ndarray, "n ..."]) -> Shaped[Array, "n2 ..."]:
        """Split rows over all devices, padded with zeros; each host reads those of its devices."""
        count = _round_up(len(rows), self.mesh.size)

        def shard(index: tuple[slice, ...]) -> Shaped[np.ndarray, "n3 ..."]:
            """Return the rows of one device."""
            first, stop, _ = index[0].indices(count)
            local = np.asarray(rows[first:stop])
            padding = [(0, stop - first - len(local)), *[(0, 0)] * (rows.ndim - 1)]
            return np.pad(local, padding)

        return jax.make_array_from_callback((count, *rows.shape[1:]), self.rows, shard)

    def row_major(self, table: Shaped[Array, "n c"]) -> Shaped[Array, "n c"]:
        """Return a table on the devices whose rows are contiguous in memory.

        A TPU would store a long table column by column, and copy all of it before each step that
        gathers rows.
        """
        return jax.device_put(table, _row_major(table.sharding))

    @property
    def platform(self) -> str:
        """Return the platform of the devices, such as `cpu`, `gpu` or `tpu`."""
        return self.mesh.devices.flat[0].platform

    def check_batch_size(self, batch_size: int) -> None:
        """Raise UserError if a batch cannot be split evenly over the devices."""
        parts = self.mesh.shape["data"]
        if batch_size % parts:
            raise UserError(
                f"a batch of {batch_size} cannot be split over {parts} devices; "
                f"choose a multiple of {parts} as train.batch_size, encoder.batch_size, and "
                "eval.batch_size"
            )

    def local_columns(self, batch_size: int) -> slice:
        """Return the part of a global batch that this host reads."""
        size = batch_size // jax.process_count()
        return slice(jax.process_index() * size, (jax.process_index() + 1) * size)


@dataclass(frozen=True)
class ShapeLayout(Layout):
    """A layout on devices that need not exist: it gives shapes their shardings."""

    def put(self, tree: Tree, shardings: Tree) -> Tree:
        """Return the shapes of arrays with their shardings."""
        return shapes_with(tree, shardings)

    def put_batches(self, tree: Any) -> Any:
        """Return the shapes of (steps, batch, ...) arrays."""
        return shapes_with(tree, jax.tree.map(lambda _: self.batches, tree))

    def put_rows(self, rows: Shaped[np.ndarray, "n ..."]) -> jax.ShapeDtypeStruct:
        """Return the shape of rows that are split over all devices."""
        shape = (_round_up(len(rows), self.mesh.size), *rows.shape[1:])
        return jax.ShapeDtypeStruct(shape, rows.dtype, sharding=self.rows)

    def row_major(self, table: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        """Return the shape of a table whose rows are contiguous in memory."""
        sharding = _row_major(table.sharding)
        return jax.ShapeDtypeStruct(table.shape, table.dtype, sharding=sharding)


def make_layout(devices: int = 0, model: int = 1, rules: Sequence[PartitionRule] = ()) -> Layout:
    """Return the layout on the first devices.

    Args:
        devices: the number of devices; 0 for all.
        model: the size of the mesh axis `model`.
        rules: the parameters that are split.

    Raises:
        UserError: there are fewer devices, or `model` does not divide those of each host.
    """
    return Layout(make_mesh(select_devices(devices), model), tuple(rules))


def shape_layout(
    devices: Sequence[jax.Device], model: int = 1, rules: Sequence[PartitionRule] = ()
) -> ShapeLayout:
    """Return the layout on devices that need not exist; see `make_layout`."""
    return ShapeLayout(make_mesh(devices, model), tuple(rules))


def shapes_with(tree: Tree, shardings: Tree) -> Tree:
    """Return arrays, or their shapes, as `jax.ShapeDtypeStruct`s with shardings."""

    def shape(leaf: jax.ShapeDtypeStruct, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
        """Return a shape with its sharding."""
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    return jax.tree.map(shape, jax.eval_shape(lambda leaves: leaves, tree), shardings)


def shard_rows(rows: Shaped[Array, "n *d"]) -> Shaped[Array, "n *d"]:
    """Split rows over `data` within a step; outside of `Layout.context`, nothing is split.

    Every device would compute all of what does not depend on samples, such as the embeddings of a
    batch's classes. Values do not change.
    """
    if jax.sharding.get_abstract_mesh().empty:
        return rows
    return jax.lax.with_sharding_constraint(rows, PartitionSpec("data"))


def _row_major(sharding: NamedSharding) -> Format:
    return Format(MemoryLayout(major_to_minor=(0, 1)), sharding)


def _round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


# `jax.device_put` would send every array between hosts to check that they agree.
def _put_on_all_hosts(leaf: Any, sharding: NamedSharding) -> Shaped[Array, "..."]:
    """Return an array, the same on every host, as a global array."""
    if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _put_on_all_hosts(jax.random.key_data(leaf), sharding)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])
