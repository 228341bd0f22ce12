"""The devices of a TPU slice that is not here, to compile for: `libtpu` has its compiler.

A topology is named as Google Cloud names accelerators and their arrangement, `v5e:2x4`; `cpu:8`
are eight parts of this machine's CPU.
"""

import importlib.util
import os
import re
from collections.abc import Sequence

import jax
from jax.experimental import topologies

from data_pipelines.errors import UserError
from gapjax.parallel.mesh import split_cpu

INSTALL = "pip install 'gapjax[tpu]'"

# Flags for other backends, of which libtpu ends the process where it does not know one.
_OTHERS = ("--xla_cpu_", "--xla_gpu_")

# The compiler looks for a machine with TPUs unless it is told not to.
_NO_MACHINE = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


def has_libtpu() -> bool:
    """Return whether the compiler for TPUs is installed."""
    return bool(importlib.util.find_spec("libtpu") or os.environ.get("TPU_LIBRARY_PATH"))


def open_topology(name: str) -> Sequence[jax.Device]:
    """Return the devices of a topology; where it is no CPU's, arrays cannot be put on them.

    Raises:
        UserError: there is no such topology, or no compiler for it.
    """
    platform, _, arrangement = name.partition(":")
    if platform == "cpu":
        return _cpu(name, arrangement)
    if not re.fullmatch(r"\d+(x\d+)+", arrangement):
        raise UserError(f"--topology={name!r}: write e.g. v5e:2x4, v6e:16x16 or cpu:8")
    if not has_libtpu():
        raise UserError(f"--topology={name} needs the compiler for TPUs, libtpu: {INSTALL}")
    return _tpu(name)


def _cpu(name: str, count: str) -> Sequence[jax.Device]:
    """Return parts of this machine's CPU."""
    if not count.isdecimal() or not int(count):
        raise UserError(f"--topology={name!r}: write how many devices there are, as in cpu:8")
    jax.config.update("jax_platforms", "cpu")
    split_cpu(int(count))
    there = jax.devices("cpu")
    if len(there) < int(count):
        raise UserError(f"--topology={name}: JAX sees {len(there)} CPU devices; see XLA_FLAGS")
    return there[: int(count)]


def _tpu(name: str) -> Sequence[jax.Device]:
    """Return the chips of a slice."""
    jax.config.update("jax_platforms", "cpu")
    for key, value in _NO_MACHINE.items():
        os.environ.setdefault(key, value)
    asked = os.environ.get("XLA_FLAGS", "").split()
    os.environ["XLA_FLAGS"] = " ".join(flag for flag in asked if not flag.startswith(_OTHERS))
    try:
        return topologies.get_topology_desc(platform="tpu", topology_name=name).devices
    except (jax.errors.JaxRuntimeError, NotImplementedError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"--topology={name}: libtpu does not know it: {reason}") from error
