"""Damage the newest checkpoint at random: what is restored is what was saved, or the run says so.

PYTHONPATH=tests python -m stress.damage_checkpoints [--count=60] [--seed=0]

A file of it is cut, deleted, has a bit flipped or a stretch of zeros. Then either the one before is
used, or nothing that is read had changed. The exit status is 1 if anything else was restored.
"""

import argparse
import collections
import contextlib
import io
import random
import shutil
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from gapjax.training import loop
from gapjax.workdir.checkpoints import read_newest
from support.tiny_run import tiny_run

# Files of arrays have this many bytes at least, and are chosen more often.
_LARGE = 1000


def harm(path: Path, rng: random.Random) -> str:
    """Damage one of the files of a checkpoint; return how."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    large = [file for file in files if file.stat().st_size > _LARGE]
    file = rng.choice(files + 6 * large)
    content, kind = bytearray(file.read_bytes()), rng.choice(["cut", "delete", "flip", "zero"])
    place = rng.randrange(len(content) or 1)
    if kind == "delete":
        file.unlink()
    elif kind == "cut":
        file.write_bytes(content[:place])
    else:
        stretch = content[place : place + (1 if kind == "flip" else 4096)]
        new = [byte ^ 1 << rng.randrange(8) if kind == "flip" else 0 for byte in stretch]
        content[place : place + len(stretch)] = bytes(new)
        file.write_bytes(content)
    return f"{kind} {file.relative_to(path)}"


def arrays(workdir: Path) -> list[bytes]:
    """Return what the newest checkpoint that is whole holds."""
    with contextlib.redirect_stderr(io.StringIO()):
        return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(read_newest(workdir).state)]


def damaged(finished: Path, count: int, seed: int) -> collections.Counter[str]:
    """Return how often a damaged checkpoint was recognized, unchanged, or restored otherwise.

    Args:
        finished: the workdir of a run with two checkpoints.
        count: how many times to damage the newer one.
        seed: of the first damage; the next one has the next.
    """
    found: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(finished, Path(folder, "run")))
        _, newer = sorted((copy / "checkpoints").iterdir(), key=lambda path: int(path.name))
        whole, kept = arrays(copy), Path(shutil.copytree(newer, Path(folder, "kept")))
        shutil.rmtree(newer)
        before = arrays(copy)
        for number in tqdm(range(seed, seed + count)):
            shutil.rmtree(newer, ignore_errors=True)
            shutil.copytree(kept, newer)
            how, read = harm(newer, random.Random(number)), arrays(copy)
            kind = {tuple(whole): "unchanged", tuple(before): "recognized"}.get(tuple(read))
            found[kind or f"seed {number}: {how}"] += 1
    return found


def main() -> int:
    """Run the command and return its exit status."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--count", type=int, default=60)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        loop.train(tiny_run(ballast=2**13, log_every=4, checkpoint_every=5), Path(folder))
        found = damaged(Path(folder), given.count, given.seed)
    print(*(f"{kind}: {times}" for kind, times in found.items()), sep="\n")
    return int(bool(set(found) - {"recognized", "unchanged"}))


if __name__ == "__main__":
    sys.exit(main())
