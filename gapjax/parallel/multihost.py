"""Several processes that train as one: which they are is told by flags or by the environment.

Each reads its own share of every batch and has its own devices; the first alone writes logs and
scores. All of them need one folder for `--workdir`, on a file system that they share.
"""

import jax
from absl import flags

from data_pipelines.errors import HostError, UserError

_CLUSTER = flags.DEFINE_bool(
    "cluster", False, "Find the other processes by the environment of TPU VMs, SLURM or Open MPI."
)
_COORDINATOR = flags.DEFINE_string("coordinator", "", "HOST:PORT of process 0, for all of them.")
_PROCESSES = flags.DEFINE_integer("processes", None, "How many there are.", lower_bound=1)
_PROCESS = flags.DEFINE_integer("process", None, "Which of them this is.", lower_bound=0)

# How long nothing is heard of a process before it is given up, in seconds.
LOST_AFTER = 40


def join() -> None:
    """Meet the other processes, if the flags say that there are any.

    Raises:
        UserError: the flags do not go together, or the environment tells nothing.
        HostError: not all of them came in time.
    """
    given = (_COORDINATOR.value or None, _PROCESSES.value, _PROCESS.value)
    if not _CLUSTER.value and given == (None, None, None):
        return
    check(_CLUSTER.value, *given)
    # `gapjax.parallel.preemption` agrees on when to stop; JAX would take SIGTERM away from it.
    jax.config.update("jax_enable_preemption_service", False)
    limits = {"heartbeat_timeout_seconds": LOST_AFTER, "shutdown_timeout_seconds": LOST_AFTER}
    try:
        jax.distributed.initialize(*given, **limits)
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        kind = UserError if isinstance(error, ValueError) else HostError
        raise kind(f"the processes did not meet: {reason}") from error


def check(
    cluster: bool, coordinator: str | None, processes: int | None, process: int | None
) -> None:
    """Refuse flags that do not go together.

    Raises:
        UserError: says which.
    """
    given = (coordinator, processes, process)
    if cluster and given != (None, None, None):
        raise UserError("--cluster finds --coordinator, --processes and --process by itself")
    if not cluster and None in given:
        raise UserError("--coordinator=HOST:PORT, --processes and --process go together")
    if process is not None and process >= processes:
        raise UserError(f"--process={process} should be below --processes={processes}")
