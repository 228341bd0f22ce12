"""How fast `.skeleton` files are parsed on one core, against readers that go line by line.

python tests/stress/bench_ntu.py [--files=20] [--frames=90] [--rounds=5]

The files are made here, with numbers of seven digits as NTU RGB+D has them. What is timed is the
time on the processor from a file's bytes, in memory, to its arrays, in a process that has the
variables of the workers of `data_pipelines.convert`; of the rounds, in which the readers take
turns, the fastest counts. One reader converts all twelve numbers of a joint's line, the other only
the three that are used.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from data_pipelines.conversion import workers
from data_pipelines.parsers import ntu
from support.ntu_text import person, slowly


def realistic(frames: int, bodies: int, seed: int) -> bytes:
    """Return a file in which so many bodies are seen in all frames."""
    rng = np.random.default_rng(seed)
    seen = np.stack([person(frames, seed + body, moves=0.01) for body in range(bodies)], axis=1)
    pixels = np.abs(rng.normal(500, 200, (*seen.shape[:3], 4)))
    turns = rng.uniform(-1, 1, (*seen.shape[:3], 4))
    lines = [str(frames)]
    for row in np.concatenate([seen, pixels, turns], axis=-1).tolist():
        lines.append(str(bodies))
        for body, joints in enumerate(row):
            lines += [f"7205759403794473{body} 0 1 1 0 1 0 -0.2134321 0.1208756 2", "25"]
            lines += [" ".join(f"{x:.7g}" for x in joint) + " 2" for joint in joints]
    return "\r\n".join([*lines, ""]).encode()


def seconds(read: Callable[[bytes], object], contents: list[bytes]) -> float:
    """Return the time on the processor that all files take."""
    start = time.process_time()
    for content in contents:
        read(content)
    return time.process_time() - start


def all_numbers(content: bytes) -> np.ndarray:
    """Return the joints of every body from a reader that converts every number."""
    lines = iter(content.split(b"\n"))
    bodies = []
    for _ in range(int(next(lines))):
        for _ in range(int(next(lines))):
            next(lines)
            joints = range(int(next(lines)))
            bodies.append([[float(text) for text in next(lines).split()] for _ in joints])
    return np.array(bodies, np.float32)[:, :, :3]


def parsed(content: bytes) -> np.ndarray:
    return ntu.parse(content, "file").joints


READERS = {"twelve numbers a line": all_numbers, "three": slowly, "ntu.parse": parsed}


def measured(bodies: int, frames: int, files: int, rounds: int) -> str:
    """Return what is printed of files with so many bodies."""
    contents = [realistic(frames, bodies, seed) for seed in range(files)]
    np.testing.assert_array_equal(parsed(contents[0]), all_numbers(contents[0]))
    times = [[seconds(read, contents) for read in READERS.values()] for _ in range(rounds)]
    rates = files / np.min(times, axis=0)
    size = np.mean([len(content) for content in contents]) / 1e3
    said = [f"{name} {rate:,.0f} files/s" for name, rate in zip(READERS, rates, strict=True)]
    ratios = " and ".join(f"{rates[-1] / rate:.1f}" for rate in rates[:-1])
    return f"{bodies} x {frames} frames, {size:.0f} kB: {', '.join(said)}: {ratios} times"


def main() -> None:
    """Run the command."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--files", type=int, default=20)
    options.add_argument("--frames", type=int, default=90)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    context = multiprocessing.get_context("spawn")
    with workers.environment(), ProcessPoolExecutor(1, context) as process:
        for bodies in (1, 2):
            task = process.submit(measured, bodies, given.frames, given.files, given.rounds)
            print(task.result())


if __name__ == "__main__":
    main()
