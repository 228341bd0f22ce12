"""How fast `.skeleton` files are parsed on one core, against a reader that goes line by line.

python tests/bench_ntu.py [--files=20] [--frames=90] [--rounds=5]

The files are made here, with numbers of seven digits as NTU RGB+D has them. What is timed is the
time on the processor from a file's bytes, in memory, to its arrays; of the rounds, in which both
readers take turns, the fastest counts.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from ntu_text import person, slowly

from data_pipelines.raw import ntu


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


def main() -> None:
    """Run the command."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--files", type=int, default=20)
    options.add_argument("--frames", type=int, default=90)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    readers = {"line by line": slowly, "parse": lambda content: ntu.parse(content, "file")}
    for bodies in (1, 2):
        contents = [realistic(given.frames, bodies, seed) for seed in range(given.files)]
        times = [
            [seconds(read, contents) for read in readers.values()] for _ in range(given.rounds)
        ]
        rates = given.files / np.min(times, axis=0)
        size = np.mean([len(content) for content in contents]) / 1e3
        said = ", ".join(
            f"{name} {rate:,.0f} files/s" for name, rate in zip(readers, rates, strict=True)
        )
        print(
            f"{bodies} x {given.frames} frames, {size:.0f} kB: {said}; {rates[1] / rates[0]:.1f}x"
        )


if __name__ == "__main__":
    main()
