"""Several processes that train together on loopback, with the losses of one process."""

import functools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from data_pipelines.errors import HostError, Preempted, UserError
from gapjax.parallel import multihost
from gapjax.workdir.checkpoints import read_newest
from support.commands import (
    ROOT,
    SMOKE_FLAGS,
    STREAM_FLAGS,
    Command,
    assert_one_line,
    await_path,
    began_at,
    free_port,
    metrics,
    saved_step,
    start_together,
)

pytestmark = pytest.mark.slow


def ends(processes: list[subprocess.Popen]) -> list[list[str]]:
    """Wait for processes that train together; return the lines that each of them printed."""
    streams = [process.communicate(timeout=300) for process in processes]
    assert not any(process.returncode for process in processes), streams
    # Gloo, by which CPUs communicate, logs from several threads at once.
    noise = re.compile(r"Gloo|peer ranks|^[\[\d\s]*$")
    return [[line for line in out.splitlines() if not noise.search(line)] for out, _ in streams]


def assert_as_one(one: Path, several: Path, printed: list[list[str]]) -> None:
    """Check the losses, the parameters and the only result line against those of one process."""
    assert not any(printed[1:])
    lines = [metrics(one), metrics(several)]
    assert [line["step"] for line in lines[0]] == [line["step"] for line in lines[1]]
    losses = [[line["train/loss"] for line in run if "train/loss" in line] for run in lines]
    assert len(losses[0]) == 3
    np.testing.assert_allclose(*losses, rtol=1e-4)
    assert f"  eval             top1 {100 * lines[0][-1]['eval/top1']:.2f} " in printed[0][-2]
    # The order of sums differs, and so does what training makes of it.
    ours, theirs = (read_newest(workdir).state["params"] for workdir in (one, several))
    near = functools.partial(np.testing.assert_allclose, rtol=0, atol=5e-3)
    jax.tree.map(near, ours, theirs)


def kill(processes: list[subprocess.Popen], number: int) -> None:
    """Send SIGKILL to one of two processes, and check that the other ends within a minute.

    JAX aborts it (SIGABRT) unless a collective fails first, which is a HostError of ours.
    """
    lost, other = processes[number], processes[1 - number]
    lost.kill()
    _, err = other.communicate(timeout=60)
    lost.communicate()
    assert other.returncode in (HostError.status, -signal.SIGABRT), err


def test_two_slurm_tasks_train_together_and_end_together(
    data: Path, environment: dict[str, str], gap_run: Path, tmp_path: Path
) -> None:
    """With the variables that srun sets for the tasks of one node."""
    variables_of_all = {"JOB_ID": "4711", "STEP_NODELIST": "localhost", "NTASKS": "2"}

    def start(workdir: Path) -> list[subprocess.Popen]:
        """Return the tasks."""
        port, processes = {"JAX_COORDINATOR_PORT": str(free_port())}, []
        for number in map(str, range(2)):
            task = variables_of_all | {"PROCID": number, "LOCALID": number}
            variables = {f"SLURM_{name}": value for name, value in task.items()}
            command = Command(data, environment | port | variables)
            processes.append(command.start(workdir, "--cluster", *SMOKE_FLAGS))
        return processes

    processes = start(tmp_path / "lost")
    await_path(processes[0], tmp_path / "lost" / "tensorboard")
    kill(processes, 1)
    assert_as_one(gap_run, tmp_path / "two", ends(start(tmp_path / "two")))
    # Each has written half of the arrays.
    state = tmp_path / "two" / "checkpoints" / "15" / "state"
    parts = [state.glob(f"ocdbt.process_{number}/d/*") for number in range(2)]
    one, other = (sum(file.stat().st_size for file in part) for part in parts)
    assert one / 2 < other < 2 * one


def test_two_stopped_processes_and_one_that_resumes_train_as_one(
    command: Command, streamed: Path, tmp_path: Path
) -> None:
    """Each reads its share of the TFRecords; tests/stress/several_hosts.py has four, and STAR."""
    workdir = tmp_path / "two"
    start = functools.partial(start_together, command, workdir, 2, *STREAM_FLAGS)
    processes = start()
    await_path(processes[0], workdir / "checkpoints" / "5")
    processes[1].send_signal(signal.SIGTERM)
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [Preempted.status] * 2, errors
    pattern = r"stopped by (.*): step (\d+) of 15 is saved"
    (first, step), second = (re.search(pattern, error).groups() for error in errors)
    assert (first, second) == ("another host", ("SIGTERM", step))

    # What was saved last is damaged, which both see; then the first is lost.
    assert saved_step(workdir) == int(step) > 5
    (workdir / "checkpoints" / step / "state" / "manifest.ocdbt").unlink()
    processes = start()
    await_path(processes[0], workdir / "tensorboard", count=2)
    kill(processes, 0)
    assert (workdir / "checkpoints" / f"{step}.damaged").is_dir()

    # One process, with the other feed.
    saved = saved_step(workdir)
    status, out, err = command.run(workdir, *SMOKE_FLAGS)
    assert status == 0, err
    assert began_at(out) == saved >= 5
    assert_as_one(streamed, workdir, [out.splitlines()])


def test_all_hosts_skip_a_finished_stage(
    environment: dict[str, str], data: Path, star_run: Path
) -> None:
    """Reading a checkpoint is collective: all hosts do it or none."""
    address, processes = f"127.0.0.1:{free_port()}", []
    for number in range(2):
        command = [sys.executable, "-c", FINISH, address, str(number), str(data), str(star_run)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, **streams))
    outputs = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert "stage" not in outputs[0][0]


FINISH = """
import pathlib, sys
import jax
from configs import star_demo
from gapjax.experiment import carry_out
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.stages import stages
address, number, data, workdir = sys.argv[1:]
jax.distributed.initialize(address, 2, int(number))
config = star_demo.get_config("smoke,shift_gcn")
config.data.dir = data
for stage in stages(plan_of(config), pathlib.Path(workdir))[:-1]:
    carry_out.finish(stage, stage.workdir.name)
"""


@pytest.mark.skipif("SLURM_JOB_ID" in os.environ, reason="this is a job of SLURM")
def test_an_unknown_cluster_is_refused_in_one_line(command: Command, tmp_path: Path) -> None:
    assert_one_line(command.run(tmp_path, "--cluster"), "the processes did not meet")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ((True, "a:1", None, None), "by itself"),
        ((False, "a:1", None, 0), "go together"),
        ((False, None, 2, 0), "go together"),
        ((False, "a:1", 2, 2), "--process=2 should be below --processes=2"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(address: tuple, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        multihost.check(*address)
