"""The devices of a run, arranged as a mesh with the axes `data` and `model`.

Batches are split over `data`, parameters also over `model`, as partition rules say. One device is a
mesh, too.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import Mesh

from data_pipelines.errors import UserError

AXES = ("data", "model")


def split_cpu(parts: int) -> None:
    """Split the CPU into several devices: XLA computes most of a step on one core per device.

    This has no effect once JAX has initialized its devices, or if XLA_FLAGS sets their number.
    """
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    # JAX raises this once its devices are initialized.
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", parts)


def select_devices(count: int = 0) -> Sequence[jax.Device]:
    """Return the first `count` devices of all hosts, or all of them for 0.

    Raises:
        UserError: there are fewer devices, or hosts would use different numbers.
    """
    available = sorted(jax.devices(), key=lambda device: device.process_index)
    if count > len(available):
        platform = available[0].platform
        raise UserError(f"mesh.devices={count}, but JAX sees {len(available)}: {platform}")
    devices = available[: count or len(available)]
    check_hosts([device.process_index for device in devices], jax.process_count())
    return devices


def check_hosts(host_of_device: Sequence[int], hosts: int) -> None:
    """Raise UserError unless all hosts use the same number of devices."""
    counts = Counter(host_of_device)
    used = [counts[host] for host in range(hosts)]
    if len(set(used)) > 1:
        raise UserError(
            f"hosts would use {' + '.join(map(str, used))} devices, and need the same number each; "
            "leave mesh.devices=0"
        )


def make_mesh(devices: Sequence[jax.Device], model: int) -> Mesh:
    """Return the mesh of devices, `model` neighbors of one host along the axis `model`.

    Raises:
        UserError: `model` does not divide the number of devices of each host.
    """
    counts = Counter(device.process_index for device in devices).values()
    if model < 1 or any(count % model for count in counts):
        shown = " + ".join(map(str, counts))
        raise UserError(f"mesh.model={model} does not divide the hosts' devices: {shown}")
    return Mesh(np.asarray(devices).reshape(-1, model), AXES)
