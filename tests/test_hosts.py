"""Several processes that train as one, on loopback: the same losses as one process has."""

import functools
import os
import socket
from pathlib import Path

import jax
import numpy as np
import pytest
from commands import Command, assert_one_line, metrics

from gapjax import hosts
from gapjax.checkpoints import read_newest
from gapjax.lookup import UserError


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_together(command: Command, workdir: Path, count: int, *flags: str) -> list[list[str]]:
    """Train with `count` processes; return the lines that each of them printed."""
    address = f"--coordinator=127.0.0.1:{free_port()}"
    each = [(address, f"--processes={count}", f"--process={i}", *flags) for i in range(count)]
    processes = [command.start(workdir, *own) for own in each]
    ends = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * count, ends
    # The library by which CPUs talk announces itself.
    return [[line for line in out.splitlines() if "Gloo" not in line] for out, _ in ends]


@pytest.mark.parametrize("feed", ["resident", "stream"])
def test_two_processes_have_the_losses_of_one(command: Command, tmp_path: Path, feed: str) -> None:
    flags = (f"--config.data.feed={feed}", "--config.train.log_every=5")
    status, out, err = command.run(tmp_path / "one", *flags)
    assert status == 0, err
    told = run_together(command, tmp_path / "two", 2, *flags)
    # One tells the result, which is that of one process; the other is silent.
    assert told[1] == []
    assert told[0][-1].split(" (")[1] == out.splitlines()[-1].split(" (")[1]
    one, two = metrics(tmp_path / "one"), metrics(tmp_path / "two")
    assert [line["step"] for line in one] == [line["step"] for line in two]
    losses = [[line["train/loss"] for line in run if "train/loss" in line] for run in (one, two)]
    assert len(losses[0]) > 2
    np.testing.assert_allclose(*losses, rtol=1e-4)
    # The order of sums differs, and so does what training makes of it.
    ours, theirs = (read_newest(tmp_path / name)[0]["params"] for name in ("one", "two"))
    near = functools.partial(np.testing.assert_allclose, rtol=0, atol=5e-3)
    jax.tree.map(near, ours, theirs)


def test_slurm_tells_who_is_there(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    """A job of one task, with the variables that srun sets."""
    told = {"JOB_ID": "4711", "STEP_NODELIST": "localhost", "NTASKS": "1"}
    told |= {"PROCID": "0", "LOCALID": "0"}
    job = {f"SLURM_{name}": value for name, value in told.items()}
    monkeypatch.setitem(environment, "JAX_COORDINATOR_PORT", str(free_port()))
    for name, value in job.items():
        monkeypatch.setitem(environment, name, value)
    status, _, err = command.run(tmp_path / "run", "--cluster")
    assert status == 0, err


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
