"""The public commands in processes of their own, and what they leave in a working directory."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from gapjax.workdir.checkpoints import read_newest

ROOT = Path(__file__).resolve().parents[2]
SMOKE = "--config=configs/gap_demo.py:smoke"
STAR = "--config=configs/star_demo.py:smoke,shift_gcn"
# Checkpoints and losses after steps 5, 10 and 15 of GAP, and after step 4 of every stage of STAR.
SMOKE_FLAGS = ["--config.train.checkpoint_every=5", "--config.train.log_every=5"]
STREAM_FLAGS = [*SMOKE_FLAGS, "--config.data.feed=stream"]
STAR_FLAGS = ["--config.train.checkpoint_every=4"]


class Command:
    """`python -m gapjax.main` on the built-in dataset, in a process of its own."""

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        """Keep what every call has in common."""
        self._data, self._environment = data, environment

    def start(
        self, workdir: Path, *flags: str, config: str = SMOKE, under: Sequence[str] = ()
    ) -> subprocess.Popen:
        """Return the started process; `under` is a command that starts another one."""
        command = [*under, sys.executable, "-m", "gapjax.main", f"--workdir={workdir}"]
        command += [config] if config else []
        command += [f"--config.data.dir={self._data}", *flags]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=ROOT, env=self._environment, **streams)

    def run(self, workdir: Path, *flags: str, config: str = SMOKE) -> tuple[int, str, str]:
        """Return exit status, stdout and stderr."""
        process = self.start(workdir, *flags, config=config)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_together(
    command: Command, workdir: Path, count: int, *flags: str, config: str = SMOKE
) -> list[subprocess.Popen]:
    """Return as many started processes, which train as one."""
    shared = (f"--coordinator=127.0.0.1:{free_port()}", f"--processes={count}", *flags)
    each = [(*shared, f"--process={number}") for number in range(count)]
    return [command.start(workdir, *own, config=config) for own in each]


def counting_present(workdir: Path, copy: Path) -> Path:
    """Return a copy of a run, as if it had been trained with means over present persons alone."""
    shutil.copytree(workdir, copy)
    config = json.loads((copy / "config.json").read_text())
    zero_shot = config["method.name"] == "star"
    config["encoder.person_merge" if zero_shot else "method.persons"] = "present"
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def checkpoint(workdir: Path) -> list[np.ndarray]:
    """Return the arrays of a workdir's newest checkpoint."""
    return [np.asarray(leaf) for leaf in jax.tree.leaves(read_newest(workdir).state)]


def metrics(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def results(workdir: Path) -> dict[str, object]:
    """Return all that two equal runs have in common: arrays, metrics but for rates, scores."""
    rates = ("train/samples_per_sec", "train/feed_share")
    lines = [{name: line[name] for name in line if name not in rates} for line in metrics(workdir)]
    scores = np.load(workdir / "scores" / "test.npz")["score"]
    arrays = [leaf.tobytes() for leaf in checkpoint(workdir)]
    return {"arrays": arrays, "metrics": lines, "scores": scores.tobytes()}


def end_after(
    process: subprocess.Popen, path: Path, number: signal.Signals = signal.SIGKILL
) -> str:
    """End a process, without mercy or with, as soon as `path` exists; return what it said."""
    await_path(process, path)
    process.send_signal(number)
    return process.communicate(timeout=120)[1]


def await_path(process: subprocess.Popen, path: Path, count: int = 0) -> None:
    """Wait until `path`, with as many files in it, is there by the work of a process."""
    deadline = time.monotonic() + 120
    while not path.exists() or (count and len(list(path.iterdir())) < count):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.005)


def bars(said: str) -> list[tuple[int, int]]:
    """Return what the progress bars of training told: steps done, of how many."""
    # Other bars have a name before them.
    found = re.findall(r"(?:^|[\r\n])\s*\d+%\|[^|]*\| (\d+)/(\d+) \[", said)
    return [(int(step), int(total)) for step, total in found]


def began_at(said: str) -> int | None:
    """Return the step at which a process began to train, if it did.

    A run that begins anew ends with the same arrays as one that goes on: only this tells.
    """
    told = re.search(r"(?:starts|resumes) at step ([\d,]+) of", said)
    return int(told[1].replace(",", "")) if told else next((step for step, _ in bars(said)), None)


def saved_step(workdir: Path) -> int:
    """Return the newest step of which there is a checkpoint; 0 if there is none."""
    folders = (workdir / "checkpoints").glob("[0-9]*")
    return max((int(path.name) for path in folders if path.name.isdigit()), default=0)


def assert_one_line(result: tuple[int, str, str], expected: str) -> None:
    status, _, err = result
    lines: Sequence[str] = err.strip().splitlines()
    assert status == 2, err
    assert len(lines) == 1, err
    assert expected.lower() in lines[0].lower()
