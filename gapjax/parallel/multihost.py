"""Training on several hosts, one process each, found by flags or by the environment.

Each host reads its part of every batch; only the first writes logs and scores. All need the same
`--workdir`, on a shared file system. If a host is lost, the others fail within a minute: by a
collective, which is a `HostError`, or as JAX misses heartbeats and aborts the process.
"""

import jax
from absl import flags

from data_pipelines.errors import HostError, UserError

_CLUSTER = flags.DEFINE_bool(
    "cluster", False, "Find the hosts by the environment of TPU VMs, SLURM or Open MPI."
)
_COORDINATOR = flags.DEFINE_string("coordinator", "", "HOST:PORT of process 0, for all processes.")
_PROCESSES = flags.DEFINE_integer("processes", None, "How many processes there are.", lower_bound=1)
_PROCESS = flags.DEFINE_integer("process", None, "Which process this is, from 0.", lower_bound=0)

# Seconds without a heartbeat after which a host is lost.
LOST_AFTER = 40


def join() -> None:
    """Connect to the other processes, if flags name any.

    Raises:
        UserError: the flags do not go together, or the environment names no cluster.
        HostError: a process did not connect in time.
    """
    address = (_COORDINATOR.value or None, _PROCESSES.value, _PROCESS.value)
    if not _CLUSTER.value and address == (None, None, None):
        return
    check(_CLUSTER.value, *address)
    # JAX would handle SIGTERM instead of `gapjax.parallel.preemption`.
    jax.config.update("jax_enable_preemption_service", False)
    limits = {"heartbeat_timeout_seconds": LOST_AFTER, "shutdown_timeout_seconds": LOST_AFTER}
    try:
        jax.distributed.initialize(*address, **limits)
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        kind = UserError if isinstance(error, ValueError) else HostError
        raise kind(f"the processes did not meet: {reason}") from error


def check(
    cluster: bool, coordinator: str | None, processes: int | None, process: int | None
) -> None:
    """Raise UserError for flags that do not go together."""
    address = (coordinator, processes, process)
    if cluster and address != (None, None, None):
        raise UserError("--cluster finds --coordinator, --processes and --process by itself")
    if not cluster and None in address:
        raise UserError("--coordinator=HOST:PORT, --processes and --process go together")
    if process is not None and processes is not None and process >= processes:
        raise UserError(f"--process={process} should be below --processes={processes}")
