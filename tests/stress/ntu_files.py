"""Write files as NTU RGB+D's first setup has them: its names, and movements that were made up.

PYTHONPATH=tests python -m stress.ntu_files --out=DIR

2,880 `.skeleton` files: 60 actions of 8 subjects, twice, before 3 cameras. Action A001 moves as the
built-in dataset's first, A025 too, but by other draws, and so on. The 8 that are on the official
list of missing skeletons have no body.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from data_pipelines.conversion import workers
from data_pipelines.datasets import _ntu
from data_pipelines.parsers.ntu import parsed_name
from data_pipelines.synthesis.camera import film
from data_pipelines.synthesis.performance import Take, perform
from data_pipelines.synthesis.programs import PROGRAMS
from data_pipelines.synthesis.skeleton_text import skeleton_text
from support import ntu_names


def text(name: str) -> str:
    """Return the content of a file."""
    if name in _ntu.missing():
        return "30\n" + "0\n" * 30
    facts = parsed_name(name, name)
    seed, action = divmod(facts.action - 1, len(PROGRAMS))
    take = Take(seed, action, facts.subject, facts.repetition)
    return skeleton_text(film(perform(take), take, facts.camera))


def write(path: Path) -> None:
    """Write a file that is not there yet."""
    if not path.exists():
        path.write_text(text(path.stem))


def main() -> None:
    """Run the command."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    paths = [given.out / f"{name}.skeleton" for name in ntu_names.names(1)]
    with ProcessPoolExecutor(workers.processors()) as pool:
        list(pool.map(write, paths, chunksize=60))
    print(f"{len(paths):,} files in {given.out}")


if __name__ == "__main__":
    main()
