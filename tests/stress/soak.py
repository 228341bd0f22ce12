"""A run that is killed at random moments and started again ends as if undisturbed.

PYTHONPATH=tests python -m stress.soak [--run=resident|stream|star] [--kills=30] [--seed=0]

The smoke run of GAP, from memory or from TFRecords, or that of STAR with all its stages, is started
and ended at a random moment, imports and compilation included, without mercy (SIGKILL) or with
(SIGTERM), until it is done; then the next one begins, until there were so many kills. Every
finished run must have the arrays, metrics and scores of an undisturbed one; every process must
begin at the newest step that is saved; a run that was told to stop must have saved where it was.
The exit status is 1 if something is not so.
"""

import argparse
import dataclasses
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from data_pipelines.errors import Preempted
from support.commands import ROOT, SMOKE, STAR, bars, began_at, results, saved_step

EVERY = 3
CADENCE = [f"--config.train.checkpoint_every={EVERY}", "--config.train.log_every=5"]
# Name → the config's flags, and the folders of its stages.
RUNS = {
    "resident": ([SMOKE, *CADENCE], ("",)),
    "stream": ([SMOKE, *CADENCE, "--config.data.feed=stream"], ("",)),
    "star": ([STAR, *CADENCE], ("encoder", "fold1", "")),
}
# A process that takes longer, in seconds, hangs.
_PATIENCE = 300


@dataclasses.dataclass(frozen=True)
class End:
    """How a process ended.

    Attributes:
        status: its exit status; negative for a signal.
        seconds: how long it ran.
        first: after how many seconds it had done a step; None if it did none.
        said: its standard error.
    """

    status: int
    seconds: float
    first: float | None
    said: str


@dataclasses.dataclass(frozen=True)
class Moment:
    """When a process is ended, and how.

    Attributes:
        number: the signal.
        after: so many seconds after it started, or after it did its first step.
        stepping: whether it is the first step.
    """

    number: signal.Signals
    after: float
    stepping: bool

    def __str__(self) -> str:
        since = "first step" if self.stepping else "start"
        return f"{self.number.name} {self.after:.1f} s after its {since}"


def attempt(command: list[str], moment: Moment | None) -> End:
    """Run a command and end it at a moment, if it still runs then."""
    start, first = time.monotonic(), None
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
        while process.poll() is None:
            seconds = time.monotonic() - start
            assert seconds < _PATIENCE, f"{command} hangs"
            if first is None and _has_stepped(errors.fileno()):
                first = seconds
            since = first if moment and moment.stepping else 0.0
            if moment and since is not None and seconds - since >= moment.after:
                process.send_signal(moment.number)
                moment = None
            time.sleep(0.02)
        seconds = time.monotonic() - start
        errors.seek(0)
        return End(process.returncode, seconds, first, errors.read())


def _has_stepped(file: int) -> bool:
    """Return whether a progress bar has moved."""
    told = os.pread(file, 1 << 16, 0).decode(errors="replace")
    return len(set(bars(told))) > 1


def lost(end: End, workdir: Path, stages: tuple[str, ...]) -> int:
    """Return how many steps were done and are not saved, as far as the progress bar tells."""
    step, total = next(reversed(bars(end.said)), (0, 0))
    saved = {stage: saved_step(workdir / stage) for stage in stages}
    # The next stage may have begun, and told nothing yet.
    if step == total and total in saved.values():
        return 0
    begun = (s for s in reversed(stages) if (workdir / s / "checkpoints").is_dir())
    return max(0, step - saved[next(begun, stages[0])])


def saved_before(workdir: Path, stages: tuple[str, ...]) -> int:
    """Return the step at which a process should begin to train: of the first stage not done."""
    left = (s for s in stages if not (workdir / s / "scores" / "test.npz").is_file())
    return saved_step(workdir / next(left, stages[-1]))


def fault(end: End, number: signal.Signals, workdir: Path, stages: tuple[str, ...]) -> str:
    """Return what is wrong with how a process ended; empty if nothing is."""
    last = end.said.strip().splitlines()[-1:] or [""]
    if "Traceback" in end.said and "KeyboardInterrupt" not in end.said:
        return f"a traceback: {end.said[-500:]!r}"
    if number == signal.SIGKILL:
        steps = lost(end, workdir, stages)
        # What a step began or the next checkpoint still wrote.
        return f"{steps} steps are lost" if steps > 2 * EVERY else ""
    # Before it listens and as the interpreter ends, a signal ends it as always: nothing is under
    # way then.
    done = (workdir / "scores" / "test.npz").is_file()
    if end.status == -number and (end.first is None or done):
        return ""
    if end.status != Preempted.status or f"stopped by {number.name}" not in last[0]:
        return f"ended with {end.status}: {last[0]}"
    told = re.search(r"step (\d+) of", last[0])
    if told and not any((workdir / s / "checkpoints" / told[1]).is_dir() for s in stages):
        return f"step {told[1]} is not there: {last[0]}"
    return ""


def moments(undisturbed: End, rng: random.Random) -> Iterator[Moment]:
    """Yield when each process is ended: every other one while it trains, evaluates and saves."""
    trains = undisturbed.seconds - undisturbed.first
    for stepping in itertools.cycle([True, False]):
        longest = trains if stepping else undisturbed.seconds
        number = rng.choice([signal.SIGKILL, signal.SIGTERM])
        yield Moment(number, rng.uniform(0, longest), stepping)


def differences(workdir: Path, whole: Path, stages: tuple[str, ...]) -> list[str]:
    """Return in what the stages of two finished runs are not the same."""
    faults = []
    for stage in stages:
        one, other = results(workdir / stage), results(whole / stage)
        faults += [f"{stage or 'run'}: {name} differ" for name in one if one[name] != other[name]]
    return faults


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--run", choices=RUNS, default="resident")
    options.add_argument("--kills", type=int, default=30)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--data", type=Path, help="where the built-in dataset is converted")
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        # What one process compiles, the next ones find.
        os.environ["GAPJAX_BAR"] = "always"
        os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{folder}/compiled"
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        data = given.data or _converted(Path(folder))
        return soak(given.run, data, given.kills, random.Random(given.seed), Path(folder))


def _converted(folder: Path) -> Path:
    command = [sys.executable, "-m", "data_pipelines.convert", "synthetic", f"--out={folder}/data"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder / "data"


def soak(name: str, data: Path, kills: int, rng: random.Random, folder: Path) -> int:
    """Kill a run so many times, and return the exit status."""
    flags, stages = RUNS[name]
    command = [sys.executable, "-m", "gapjax.main", *flags, f"--config.data.dir={data}"]
    whole, out = folder / "whole", folder / "out"
    faults, steps, firsts, finished, killed = [], [], [], 0, 0
    for _ in range(2):
        shutil.rmtree(whole, ignore_errors=True)
        undisturbed = attempt([*command, f"--workdir={whole}"], None)
        assert undisturbed.status == 0, undisturbed.said
    print(f"undisturbed: {undisturbed.seconds:.1f} s, first step after {undisturbed.first:.1f} s")
    ends = moments(undisturbed, rng)
    while True:
        moment = next(ends) if killed < kills else None
        expected = saved_before(out, stages)
        end = attempt([*command, f"--workdir={out}"], moment)
        began = began_at(end.said)
        if began not in (None, expected):
            faults.append(f"began at step {began}, but {expected} was saved")
        if end.status == 0:
            faults += differences(out, whole, stages)
            shutil.rmtree(out)
            finished += 1
            print(f"done; {finished} so far, {len(faults)} faults", flush=True)
            if killed >= kills:
                break
            continue
        killed += 1
        wrong = fault(end, moment.number, out, stages)
        faults += [wrong] if wrong else []
        steps += [lost(end, out, stages)] if moment.number == signal.SIGKILL else []
        firsts += [end.first] if end.first else []
        print(f"{moment}, status {end.status}: {wrong or 'ok'}", flush=True)
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{killed} kills, {finished} runs finished, {len(faults)} faults", end="")
    print(f", at most {max(steps, default=0)} steps lost" if steps else "", end="")
    print(f", first step {min(firsts):.0f} to {max(firsts):.0f} s after a start" if firsts else "")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
