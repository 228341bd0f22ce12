"""Several processes that train as one, on loopback: the same losses as one process has."""

import functools
import os
import re
import signal
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest
from commands import (
    SMOKE_FLAGS,
    STREAM_FLAGS,
    Command,
    assert_one_line,
    await_path,
    free_port,
    metrics,
    start_together,
)

from gapjax import hosts, preemption
from gapjax.checkpoints import read_newest
from gapjax.lookup import UserError


def ends(processes: list[subprocess.Popen]) -> list[list[str]]:
    """Wait for processes that train as one; return the lines that each of them printed."""
    streams = [process.communicate(timeout=300) for process in processes]
    assert not any(process.returncode for process in processes), streams
    # The library by which CPUs talk announces itself, its threads in one another's lines.
    noise = re.compile(r"Gloo|peer ranks|^[\[\d\s]*$")
    return [[line for line in out.splitlines() if not noise.search(line)] for out, _ in streams]


def assert_as_one(one: Path, several: Path, told: list[list[str]]) -> None:
    """Check the losses, the parameters and the only result line against those of one process."""
    assert not any(told[1:])
    lines = [metrics(one), metrics(several)]
    assert [line["step"] for line in lines[0]] == [line["step"] for line in lines[1]]
    losses = [[line["train/loss"] for line in run if "train/loss" in line] for run in lines]
    assert len(losses[0]) == 3
    np.testing.assert_allclose(*losses, rtol=1e-4)
    assert f"eval/top1 {100 * lines[0][-1]['eval/top1']:.2f}" in told[0][-1]
    # The order of sums differs, and so does what training makes of it.
    ours, theirs = (read_newest(workdir)[0]["params"] for workdir in (one, several))
    near = functools.partial(np.testing.assert_allclose, rtol=0, atol=5e-3)
    jax.tree.map(near, ours, theirs)


def test_two_tasks_of_slurm_train_as_one(
    data: Path, environment: dict[str, str], gap_run: Path, tmp_path: Path
) -> None:
    """With the variables that srun sets for the tasks of one node."""
    told = {"JOB_ID": "4711", "STEP_NODELIST": "localhost", "NTASKS": "2"}
    port, processes = {"JAX_COORDINATOR_PORT": str(free_port())}, []
    for number in map(str, range(2)):
        task = told | {"PROCID": number, "LOCALID": number}
        variables = {f"SLURM_{name}": value for name, value in task.items()}
        command = Command(data, environment | port | variables)
        processes.append(command.start(tmp_path / "two", "--cluster", *SMOKE_FLAGS))
    assert_as_one(gap_run, tmp_path / "two", ends(processes))


def test_two_processes_that_were_ended_train_as_one(
    command: Command, streamed: Path, tmp_path: Path
) -> None:
    """Each reads its share of the TFRecords. For four, and for STAR: tests/several_hosts.py."""
    start = functools.partial(start_together, command, tmp_path / "two", 2, *STREAM_FLAGS)
    processes = start()
    await_path(processes[0], tmp_path / "two" / "checkpoints" / "5")
    processes[1].send_signal(signal.SIGTERM)
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [preemption.STATUS] * 2, told
    steps = [
        re.search(r"stopped by (.*): step (\d+) of 15 is saved", each).groups() for each in told
    ]
    assert steps == [("another host", steps[0][1]), ("SIGTERM", steps[0][1])]

    processes = start()
    # It begins a log of its own once both have met.
    await_path(processes[0], tmp_path / "two" / "tensorboard", count=2)
    processes[0].kill()
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert processes[1].returncode == 1, told
    assert "another process of this run was lost" in told[1]

    assert_as_one(streamed, tmp_path / "two", ends(start()))


@pytest.mark.skipif("SLURM_JOB_ID" in os.environ, reason="this is a job of SLURM")
def test_an_environment_that_tells_nothing_is_one_line(command: Command, tmp_path: Path) -> None:
    assert_one_line(command.run(tmp_path, "--cluster"), "the processes did not meet")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((True, "a:1", None, None), "by itself"),
        ((False, "a:1", None, 0), "go together"),
        ((False, None, 2, 0), "go together"),
        ((False, "a:1", 2, 2), "--process=2 should be below --processes=2"),
    ],
)
def test_flags_that_do_not_go_together(given: tuple, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        hosts.check(*given)
