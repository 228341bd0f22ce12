"""Train as one with several processes on loopback, and compare every stage with one process.

PYTHONPATH=tests python -m stress.several_hosts --data=FOLDER [--config=FILE] [--processes=2]
[--config.KEY=VALUE ...]
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np

from gapjax.workdir.checkpoints import read_newest
from support.commands import Command, metrics, start_together

# What several processes add in another order, training amplifies.
TOLERANCE = 1e-3


def main() -> int:
    """Train twice; return 1 if a loss or a metric differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="configs/star_demo.py:smoke,shift_gcn")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--data", type=Path, required=True, help="the folder of converted data")
    given, flags = parser.parse_known_args()
    command = Command(given.data.resolve(), os.environ | {"JAX_PLATFORMS": "cpu"})
    with tempfile.TemporaryDirectory() as folder:
        one, several = Path(folder, "one"), Path(folder, "several")
        for workdir, count in ((one, 1), (several, given.processes)):
            config = f"--config={given.config}"
            processes = start_together(command, workdir, count, *flags, config=config)
            for number, process in enumerate(processes):
                out, err = process.communicate()
                if process.returncode:
                    sys.exit(f"process {number} of {count} ended with {process.returncode}: {err}")
                print(f"process {number} of {count}:", *out.splitlines()[-1:])
        return report(one, several)


def report(one: Path, several: Path) -> int:
    """Print how far the runs are apart in each stage; return 1 if a loss is too far."""
    worst = 0.0
    for path in sorted(one.rglob("metrics.jsonl")):
        stage = path.parent.relative_to(one)
        lines = [metrics(workdir / stage) for workdir in (one, several)]
        losses, scores = (farthest(*lines, begins) for begins in ("train/loss", ("eval", "z", "g")))
        states = (read_newest(workdir / stage).state for workdir in (one, several))
        apart = jax.tree.map(lambda x, y: np.abs(x - y).max(), *(each["params"] for each in states))
        params = max(jax.tree.leaves(apart))
        print(
            f"{stage}: losses differ by {losses:.1e}, parameters by {params:.1e}, "
            f"scores by {scores:.1e}"
        )
        worst = max(worst, losses)
    return int(worst > TOLERANCE)


def farthest(one: list[dict], several: list[dict], begins: str | tuple[str, ...]) -> float:
    """Return the largest difference of two runs in what has such a name; 0 if they are equal."""
    pairs = [
        (line[name], other[name])
        for line, other in zip(one, several, strict=True)
        for name in line
        if name.startswith(begins)
    ]
    assert pairs, begins
    return max(abs(mine - theirs) for mine, theirs in pairs)


if __name__ == "__main__":
    sys.exit(main())
