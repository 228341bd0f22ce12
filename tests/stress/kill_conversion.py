"""A conversion that is killed at random moments and started again ends as if undisturbed.

PYTHONPATH=tests python -m stress.kill_conversion [--kills=20] [--seed=0] [--files=640]

Generated `.skeleton` files are converted by the public command, which is killed without mercy while
it reads (three of four times) and while it writes, each time further on; whenever it is, nothing
must pass for a dataset. In the end every file must be the one that an undisturbed conversion wrote,
and every record must read as the same. The exit status is 1 if something is not.
"""

import argparse
import dataclasses
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from data_pipelines.errors import DataError
from data_pipelines.storage import tfrecord
from data_pipelines.storage.index import Index
from support.ntu_text import footage, ntu_text, person
from support.raw_files import contents

ROOT = Path(__file__).resolve().parents[2]
# How long something that is waited for may take, in seconds.
_PATIENCE = 120


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A command that converts.

    Attributes:
        name: the dataset's name.
        command: the command, without the folder that is written, which it takes last.
        chunks: in how many chunks it reads.
        environment: variables that it finds.
    """

    name: str
    command: Sequence[str]
    chunks: int
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def start(self, out: Path) -> subprocess.Popen:
        """Start it."""
        return subprocess.Popen(
            [sys.executable, *self.command[:-1], f"{self.command[-1]}{out}"],
            cwd=ROOT,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def moments(self, kills: int, rng: random.Random) -> Iterator["Moment"]:
        """Yield when it is killed: a quarter of the times, and twice at least, while it writes."""
        writing = max(2, kills // 4)
        for count in sorted(rng.choices(range(self.chunks), k=kills - writing)):
            yield Moment(f".{self.name}.chunks/*.npz", count, rng.uniform(0, 0.2))
        fresh = f".{self.name}.partial/{self.name}"
        for number in range(writing):
            pattern, most = [(fresh, 1.0), (f"{fresh}/*", 0.01)][number % 2]
            yield Moment(pattern, 1, rng.uniform(0, most))


@dataclasses.dataclass(frozen=True)
class Moment:
    """When a conversion is killed: so many seconds after so many files of a pattern are there."""

    pattern: str
    count: int
    seconds: float

    def wait(self, out: Path) -> None:
        """Return when the moment has come."""
        deadline = time.monotonic() + _PATIENCE
        while len(list(out.glob(self.pattern))) < self.count:
            assert time.monotonic() < deadline, f"{self} did not come"
            time.sleep(0.005)
        time.sleep(self.seconds)


def disturb(conversion: Conversion, out: Path, moment: Moment) -> str:
    """Start a conversion, kill it, and return what is wrong then; empty if nothing is."""
    process = conversion.start(out)
    moment.wait(out)
    process.send_signal(signal.SIGKILL)
    # The pipe ends when the processes that read have ended, too.
    said = process.communicate(timeout=_PATIENCE)[0]
    if process.returncode != -signal.SIGKILL:
        return f"ended before it was killed: {said.decode()!r}"
    try:
        Index.load(out / conversion.name)
    except DataError:
        return ""
    return "what a killed conversion left passes for a dataset"


def resume(conversion: Conversion, out: Path, whole: Path) -> list[str]:
    """End a conversion that was killed, and return how it differs from an undisturbed one."""
    process = conversion.start(out)
    said = process.communicate(timeout=_PATIENCE)[0].decode()
    if process.returncode:
        return [f"ended with the status {process.returncode}: {said}"]
    if not re.search(r"files read before: ([\d,]+) of \1\n", said):
        return [f"did not go on where it was: {said}"]
    left = sorted(path.name for path in out.iterdir())
    faults = [] if left == [f".{conversion.name}.lock", conversion.name] else [f"left {left}"]
    return faults + differences(out / conversion.name, whole)


def differences(folder: Path, whole: Path) -> list[str]:
    """Return which files and records of two datasets are not the same."""
    one, other = contents(folder), contents(whole)
    names = sorted({*one, *other})
    faults = [f"{name} differs" for name in names if one.get(name) != other.get(name)]
    return faults + (_records(folder, whole) if one.keys() == other.keys() else [])


def _records(one: Path, other: Path) -> list[str]:
    """Return which records of two datasets are not the same."""
    faults = []
    for path in sorted(other.glob("*/*.tfrecord-*")):
        pairs = zip(tfrecord.read(one / path.relative_to(other)), tfrecord.read(path), strict=True)
        for (*_, found), (*_, expected) in pairs:
            facts = [vars(record) | {"skeleton": 0} for record in (found, expected)]
            if facts[0] != facts[1] or not np.array_equal(found.skeleton, expected.skeleton):
                faults.append(f"record {expected.name!r} differs")
    return faults


def generated(folder: Path, files: int) -> Path:
    """Make and return a folder of so many `.skeleton` files of one or two bodies."""
    folder.mkdir()
    for number in range(files):
        bodies = {body: (0, person(20, number + body)) for body in range(1 + number % 2)}
        name = f"S001C{1 + number % 3:03}P001R{number // 60 + 1:03}A{number % 60 + 1:03}"
        (folder / f"{name}.skeleton").write_text(ntu_text(footage(20, bodies)))
    return folder


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--files", type=int, default=640)
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        raw = generated(Path(folder) / "raw", given.files)
        command = ["-m", "data_pipelines.convert", "ntu60", f"--raw={raw}", "--jobs=2", "--out="]
        conversion = Conversion("ntu60", command, chunks=64)
        whole, out, faults = Path(folder) / "whole", Path(folder) / "out", []
        conversion.start(whole).communicate()
        for moment in conversion.moments(given.kills, random.Random(given.seed)):
            fault = disturb(conversion, out, moment)
            faults += [fault] if fault else []
            when = f"{moment.seconds:.3f} s after {moment.count} x {moment.pattern}"
            print(f"killed {when}: {fault or 'ok'}", flush=True)
        faults += resume(conversion, out, whole / "ntu60")
        samples = len(Index.load(out / "ntu60"))
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{given.kills} kills, {samples:,} samples, {len(faults)} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
