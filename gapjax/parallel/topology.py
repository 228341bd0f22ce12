"""Devices to compile for that are not here.

TPU slices have Google Cloud's names, such as `v5e:2x4`, and their compiler is in `libtpu`. `h100:8`
is a host with eight GPUs (`gapjax.parallel.gpus`), `h100:2x8` two such hosts; their compiler is in
the CUDA plugin of JAX. `cpu:8` is this CPU as eight devices.
"""

import importlib.util
import os
import re
from collections.abc import Sequence

import jax
from jax.experimental import topologies

from data_pipelines.errors import UserError
from gapjax.parallel.gpus import GPUS
from gapjax.parallel.mesh import split_cpu

INSTALL = "pip install 'gapjax[tpu]'"
INSTALL_CUDA = "pip install 'gapjax[cuda]'"

# libtpu aborts at the flags of other backends.
_OTHER_BACKENDS = ("--xla_cpu_", "--xla_gpu_")

# Without these, libtpu looks for a machine with TPUs.
_NO_MACHINE = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


def has_libtpu() -> bool:
    """Return whether the compiler for TPUs is installed."""
    return bool(importlib.util.find_spec("libtpu") or os.environ.get("TPU_LIBRARY_PATH"))


def has_cuda() -> bool:
    """Return whether the compiler for NVIDIA GPUs is installed."""
    return bool(importlib.util.find_spec("jax_cuda13_plugin"))


def open_topology(name: str) -> Sequence[jax.Device]:
    """Return the devices of a topology; only those of `cpu` can hold arrays.

    Raises:
        UserError: there is no such topology, or no compiler for it.
    """
    platform, _, arrangement = name.partition(":")
    # Arrays are this machine's, whatever is compiled for.
    jax.config.update("jax_platforms", "cpu")
    if platform == "cpu":
        return _cpu(name, arrangement)
    if platform in GPUS:
        return _gpus(name, arrangement)
    if not re.fullmatch(r"\d+(x\d+)+", arrangement):
        raise UserError(f"--topology={name!r}: write e.g. v5e:2x4, v6e:16x16, h100:8 or cpu:8")
    if not has_libtpu():
        raise UserError(f"--topology={name} needs the compiler for TPUs, libtpu: {INSTALL}")
    return _tpu(name)


def _cpu(name: str, count: str) -> Sequence[jax.Device]:
    """Return this machine's CPU as `count` devices."""
    if not count.isdecimal() or not int(count):
        raise UserError(f"--topology={name!r}: write how many devices there are, as in cpu:8")
    split_cpu(int(count))
    devices = jax.devices("cpu")
    if len(devices) < int(count):
        raise UserError(f"--topology={name}: JAX sees {len(devices)} CPU devices; see XLA_FLAGS")
    return devices[: int(count)]


def _gpus(name: str, arrangement: str) -> Sequence[jax.Device]:
    """Return the GPUs of one or several hosts."""
    if not re.fullmatch(r"([1-9]\d*x)?[1-9]\d*", arrangement):
        raise UserError(f"--topology={name!r}: write the GPUs, or hosts x GPUs: h100:8, h100:2x8")
    if not has_cuda():
        raise UserError(
            f"--topology={name} needs the compiler for GPUs, jax[cuda13]: {INSTALL_CUDA}"
        )
    kind = name.partition(":")[0]
    description = topologies.get_topology_desc(
        platform="cuda",
        topology_name=kind,
        # Slices x hosts x GPUs.
        topology="1x" * (2 - arrangement.count("x")) + arrangement,
        target_config=GPUS[kind].description(),
    )
    return description.devices


def _tpu(name: str) -> Sequence[jax.Device]:
    """Return the chips of a slice."""
    for key, value in _NO_MACHINE.items():
        os.environ.setdefault(key, value)
    flags = os.environ.get("XLA_FLAGS", "").split()
    os.environ["XLA_FLAGS"] = " ".join(
        flag for flag in flags if not flag.startswith(_OTHER_BACKENDS)
    )
    try:
        return topologies.get_topology_desc(platform="tpu", topology_name=name).devices
    except (jax.errors.JaxRuntimeError, NotImplementedError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"--topology={name}: libtpu does not know it: {reason}") from error
