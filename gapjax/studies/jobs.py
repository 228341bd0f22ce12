"""Several runs of a study at the same time, each in a process and on a device of its own."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from data_pipelines.errors import UserError
from data_pipelines.storage.disk import writing
from gapjax.parallel import preemption
from gapjax.studies import shared
from gapjax.studies.reading import Unit

# Which NVIDIA GPUs a process sees; without one, it changes nothing.
_DEVICES = "CUDA_VISIBLE_DEVICES"
# The driver has a file for each GPU here: nvidia0, nvidia1, ...
_DRIVER = Path("/dev")
_SECONDS = 0.2


@dataclass(frozen=True)
class Job:
    """A run in its process.

    Attributes:
        unit: the run.
        device: the position of its device among those of the study.
        process: its process.
        log: the open file that has what it prints.
    """

    unit: Unit
    device: int
    process: subprocess.Popen
    log: TextIO


def devices(jobs: int) -> list[str]:
    """Return the value of CUDA_VISIBLE_DEVICES of each of so many jobs: a GPU, if there are any.

    They are found without JAX, which would hold them.

    Raises:
        UserError: there are fewer GPUs, or the variable lists fewer.
    """
    given = os.environ.get(_DEVICES)
    if given is None:
        gpus = [str(number) for number, _ in enumerate(_DRIVER.glob("nvidia[0-9]*"))]
        found = f"GPUs here: {len(gpus)}"
    else:
        gpus = list(itertools.takewhile(lambda name: name not in ("", "-1"), given.split(",")))
        found = f"GPUs in {_DEVICES}={given}: {len(gpus)}"
    if not gpus:
        return [str(number) if given is None else given for number in range(jobs)]
    if jobs > len(gpus):
        raise UserError(f"--jobs={jobs} needs a GPU for each; {found}")
    return gpus[:jobs]


def run_all(
    left: Sequence[Unit],
    names: Sequence[str],
    command: Callable[[Unit], Sequence[str]],
    after: Callable[[], object],
) -> int:
    """Carry out runs in processes; return 0, or the status of the first that fails.

    After a failure no other begins, and those that have begun come to their end.

    Args:
        left: the runs.
        names: the `devices` of those at the same time, of which each has one.
        command: returns the command of a run.
        after: called at the end of each run.

    Raises:
        Preempted: this process received a signal; so have the others, which save and stop.
    """
    waiting, running, made, status = list(left), list[Job](), set[str](), 0
    try:
        while running or (waiting and not status):
            preemption.check()
            while not status and (unit := _next(waiting, running, made, len(names))):
                waiting.remove(unit)
                running.append(_start(unit, running, names, command(unit)))
            for job in [job for job in running if job.process.poll() is not None]:
                running.remove(job)
                made |= shared.made_by(job.unit)
                status = status or _ended(job)
                after()
            time.sleep(_SECONDS)
    finally:
        for job in running:
            job.process.terminate()
        for job in running:
            job.process.wait()
            job.log.close()
    return status


def _next(
    waiting: Sequence[Unit], running: Sequence[Job], made: set[str], jobs: int
) -> Unit | None:
    """Return a run that may begin: nobody is making what it would make, too."""
    if len(running) >= jobs:
        return None
    busy = {part for job in running for part in shared.made_by(job.unit)} - made
    return next((unit for unit in waiting if not busy & shared.made_by(unit)), None)


def _start(unit: Unit, running: Sequence[Job], names: Sequence[str], command: Sequence[str]) -> Job:
    """Begin a run on a device that is free."""
    used = {job.device for job in running}
    device, name = next(item for item in enumerate(names) if item[0] not in used)
    path = unit.workdir.with_suffix(".log")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("a")
    print(f"begins: {unit.title} (device {name}, {path})", flush=True)
    variables = os.environ | {_DEVICES: name}
    process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
    return Job(unit, device, process, log)


def _ended(job: Job) -> int:
    """Tell how a run ended; return its status."""
    job.log.close()
    status = job.process.returncode
    if not status:
        print(f"finished: {job.unit.title}", flush=True)
        return 0
    last = Path(job.log.name).read_text().strip().rpartition("\n")[2]
    print(f"failed: {job.unit.title}: {last}", file=sys.stderr, flush=True)
    return status if status > 0 else 1
