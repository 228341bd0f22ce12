"""Writes the built-in dataset as NTU RGB+D's `.skeleton` files.

python -m data_pipelines.synthesis --out=DIR [--seed=0] [--subjects=10] [--repetitions=2]
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from data_pipelines.raw.record import DataError
from data_pipelines.synthesis.samples import REPETITIONS, SEED, SUBJECTS, name_of, samples
from data_pipelines.synthesis.skeleton_text import skeleton_text


def write(out: pathlib.Path, seed: int, subjects: int, repetitions: int) -> int:
    """Write every sample to `out`/NAME.skeleton and return how many there are.

    Raises:
        DataError: a number that names cannot carry, or a folder that cannot be made.
    """
    for option, number in (("subjects", subjects), ("repetitions", repetitions)):
        if not 1 <= number <= 999:
            raise DataError(f"--{option}={number}: give a number from 1 to 999")
    if seed < 0:
        raise DataError(f"--seed={seed}: give a number from 0")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--out={out}: cannot be made a folder ({error.strerror})") from error
    count = 0
    for take, camera, footage in samples(seed, subjects, repetitions):
        (out / f"{name_of(take, camera)}.skeleton").write_text(skeleton_text(footage))
        count += 1
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.synthesis", description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder to write")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    options = parser.parse_args(arguments)
    try:
        count = write(options.out, options.seed, options.subjects, options.repetitions)
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{count} files in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
