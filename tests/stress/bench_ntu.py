"""How fast `.skeleton` files are parsed on one core.

PYTHONPATH=tests python -m stress.bench_ntu [--files=20] [--frames=90] [--rounds=5]

The files are made here, with numbers of seven digits as NTU RGB+D has them. What is timed is the
time on the processor from a file's bytes, in memory, to its arrays, in a process that has the
variables of the workers of `data_pipelines.convert`; of the rounds, the fastest counts.
"""

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from data_pipelines.conversion import workers
from data_pipelines.parsers import ntu
from support.ntu_text import person


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


def seconds(contents: list[bytes]) -> float:
    """Return the time on the processor that parsing all files takes."""
    start = time.process_time()
    for content in contents:
        ntu.parse(content, "file")
    return time.process_time() - start


def measured(bodies: int, frames: int, files: int, rounds: int) -> str:
    """Return what is printed of files with so many bodies."""
    contents = [realistic(frames, bodies, seed) for seed in range(files)]
    rate = files / min(seconds(contents) for _ in range(rounds))
    size = np.mean([len(content) for content in contents]) / 1e3
    return f"{bodies} x {frames} frames, {size:.0f} kB: {rate:,.0f} files/s"


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
