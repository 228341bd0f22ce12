"""Where the arrays of a run live: the mesh, and every place on it.

One device is a mesh of one, so that there is a single code path. The mesh has two axes: batches
are split over `data`; `model`, of one device by default, is for parameters that are split by rules.
Everything else is replicated. Losses and batch statistics are computed by `jit` over the global
batch, so their values do not depend on the number of devices.
"""

import contextlib
import os
from collections import Counter
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
from gapjax.parallel.partition_rules import SplitRule, split_axes
from gapjax.parallel.tree_paths import path_name

Tree = TypeVar("Tree")

AXES = ("data", "model")


@dataclass(frozen=True)
class Layout:
    """The placement of arrays on a mesh.

    Attributes:
        mesh: the devices, along the axes `data` and `model`.
        rules: which parameters are split, the first rule that matches holds; others are copied.
    """

    mesh: Mesh
    rules: tuple[SplitRule, ...] = ()

    @property
    def replicated(self) -> NamedSharding:
        """Return the placement of a copy on every device."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def batch(self) -> NamedSharding:
        """Return the placement that splits the first axis over `data`."""
        return NamedSharding(self.mesh, PartitionSpec("data"))

    @property
    def batches(self) -> NamedSharding:
        """Return the placement of several batches, (steps, batch, ...): the second is split."""
        return NamedSharding(self.mesh, PartitionSpec(None, "data"))

    @property
    def rows(self) -> NamedSharding:
        """Return the placement that splits the first axis over all devices."""
        return NamedSharding(self.mesh, PartitionSpec(AXES))

    def context(self) -> contextlib.AbstractContextManager:
        """Return the context to trace a step in, where `gapjax.parallel.shares` knows the mesh."""
        return jax.sharding.use_abstract_mesh(self.mesh.abstract_mesh)

    def places(self, state: Tree, params: Any) -> Tree:
        """Return where each array of a training state lies.

        The parameters lie as the rules say, and so does what an optimizer keeps for each of them,
        whose path ends like theirs. Everything else is copied to every device.

        Args:
            state: arrays or their shapes.
            params: the parameters among them.

        Raises:
            UserError: a rule matches no parameter, or one that cannot be split so.
        """
        split = split_axes(params, self.rules, self.mesh.shape)

        def place(path: tuple[Any, ...], _: Any) -> NamedSharding:
            """Return the placement of the array at a path."""
            words = path_name(path).split("/")
            ends = ("/".join(words[first:]) for first in range(len(words)))
            axes = next((split[name] for name in ends if name in split), ())
            return NamedSharding(self.mesh, PartitionSpec(*axes))

        return jax.tree_util.tree_map_with_path(place, state)

    def put(self, tree: Tree, places: Tree) -> Tree:
        """Place a pytree of host or device arrays, the same on every host."""
        if jax.process_count() == 1:
            return jax.device_put(tree, places)
        return jax.tree.map(_everywhere, tree, places)

    def replicate(self, tree: Tree) -> Tree:
        """Copy a pytree of host or device arrays, the same on every host, to every device."""
        return self.put(tree, jax.tree.map(lambda _: self.replicated, tree))

    def put_batches(self, tree: Any) -> Any:
        """Place (steps, local batch, ...) host arrays, each host giving its own share."""
        place = jax.make_array_from_process_local_data
        return jax.tree.map(lambda leaf: place(self.batches, np.asarray(leaf)), tree)

    def put_rows(self, rows: Shaped[np.ndarray, "n ..."]) -> Shaped[Array, "n2 ..."]:
        """Split rows over all devices, each host reading its own; zeros fill the last share."""
        count = _filled(len(rows), self.mesh.size)

        def share(index: tuple[slice, ...]) -> Shaped[np.ndarray, "n3 ..."]:
            """Return the rows of one device."""
            first, stop, _ = index[0].indices(count)
            part = np.asarray(rows[first:stop])
            missing = [(0, stop - first - len(part)), *[(0, 0)] * (rows.ndim - 1)]
            return np.pad(part, missing)

        return jax.make_array_from_callback((count, *rows.shape[1:]), self.rows, share)

    def in_rows(self, table: Shaped[Array, "n c"]) -> Shaped[Array, "n c"]:
        """Return a placed table whose rows lie one after another in memory.

        A TPU else keeps a long table column by column, and a step that gathers rows copies all of
        it first.
        """
        return jax.device_put(table, _by_rows(table.sharding))

    def check(self, batch_size: int) -> None:
        """Raise UserError if a batch cannot be split evenly over the devices."""
        parts = self.mesh.shape["data"]
        if batch_size % parts:
            raise UserError(
                f"a batch of {batch_size} cannot be split over {parts} devices; "
                f"choose a multiple of {parts}"
            )

    def local_columns(self, batch_size: int) -> slice:
        """Return which columns of a global batch this host reads."""
        share = batch_size // jax.process_count()
        return slice(jax.process_index() * share, (jax.process_index() + 1) * share)


@dataclass(frozen=True)
class ShapeLayout(Layout):
    """The placement of arrays on devices that are not here: of an array, its shape is placed."""

    def put(self, tree: Tree, places: Tree) -> Tree:
        """Return the shapes of placed arrays."""
        return placed_shapes(tree, places)

    def put_batches(self, tree: Any) -> Any:
        """Return the shapes of (steps, batch, ...) arrays that are split over the devices."""
        return placed_shapes(tree, jax.tree.map(lambda _: self.batches, tree))

    def put_rows(self, rows: Shaped[np.ndarray, "n ..."]) -> jax.ShapeDtypeStruct:
        """Return the shape of rows that are split over all devices."""
        shape = (_filled(len(rows), self.mesh.size), *rows.shape[1:])
        return jax.ShapeDtypeStruct(shape, rows.dtype, sharding=self.rows)

    def in_rows(self, table: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        """Return the shape of a placed table whose rows lie one after another in memory."""
        place = _by_rows(table.sharding)
        return jax.ShapeDtypeStruct(table.shape, table.dtype, sharding=place)


def placed_shapes(tree: Tree, places: Tree) -> Tree:
    """Return arrays, or their shapes, as shapes that have their places."""

    def placed(leaf: jax.ShapeDtypeStruct, place: NamedSharding) -> jax.ShapeDtypeStruct:
        """Return a shape with its place."""
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)

    return jax.tree.map(placed, jax.eval_shape(lambda leaves: leaves, tree), places)


def _by_rows(place: NamedSharding) -> Format:
    """Return the placement of a table row by row."""
    return Format(MemoryLayout(major_to_minor=(0, 1)), place)


def _filled(count: int, parts: int) -> int:
    """Return the next multiple of `parts`."""
    return -(-count // parts) * parts


def _everywhere(leaf: Any, place: NamedSharding) -> jax.Array:
    """Return an array that every host has as one on the devices of all."""
    if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _everywhere(jax.random.key_data(leaf), place)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, place, lambda index: host[index])


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


def shape_layout(
    devices: Sequence[jax.Device], model: int = 1, rules: Sequence[SplitRule] = ()
) -> ShapeLayout:
    """Return the layout over devices, of which none need be here; see `make_layout`."""
    return ShapeLayout(_mesh(devices, model), tuple(rules))


def make_layout(devices: int = 0, model: int = 1, rules: Sequence[SplitRule] = ()) -> Layout:
    """Return the layout over the first devices.

    Args:
        devices: how many; 0 for all.
        model: how many of them, neighbours, share what the rules split.
        rules: which parameters are split.

    Raises:
        UserError: there are fewer devices, or they cannot be arranged so.
    """
    there = sorted(jax.devices(), key=lambda device: device.process_index)
    if devices > len(there):
        raise UserError(f"mesh.devices={devices}, but JAX sees {len(there)}: {there[0].platform}")
    used = there[: devices or len(there)]
    check_shares([device.process_index for device in used], jax.process_count())
    return Layout(_mesh(used, model), tuple(rules))


def check_shares(hosts: Sequence[int], count: int) -> None:
    """Raise UserError unless all `count` hosts have the same number of devices, given by host."""
    found = Counter(hosts)
    shares = [found[host] for host in range(count)]
    if len(set(shares)) > 1:
        told = " + ".join(map(str, shares))
        raise UserError(
            f"hosts would use {told} devices, and need the same number each; leave mesh.devices=0"
        )


def _mesh(devices: Sequence[jax.Device], model: int) -> Mesh:
    """Return the mesh over devices, `model` neighbours of one host along the second axis."""
    hosts = Counter(device.process_index for device in devices)
    if model < 1 or any(count % model for count in hosts.values()):
        counts = " + ".join(map(str, hosts.values()))
        raise UserError(f"mesh.model={model} does not divide the hosts' devices: {counts}")
    return Mesh(np.asarray(devices).reshape(-1, model), AXES)
