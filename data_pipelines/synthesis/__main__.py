"""Write the built-in dataset as NTU RGB+D's `.skeleton` files.

python -m data_pipelines.synthesis --out=DIR [--seed=0] [--subjects=10] [--repetitions=2]
"""

import argparse
import sys
from pathlib import Path

from data_pipelines import command
from data_pipelines.errors import DataError
from data_pipelines.synthesis.samples import REPETITIONS, SEED, SUBJECTS, filmed, name_of, takes
from data_pipelines.synthesis.skeleton_text import skeleton_text


def write(out: Path, seed: int, subjects: int, repetitions: int) -> int:
    """Write all samples as `out`/NAME.skeleton and return their number."""
    for option, number in (("subjects", subjects), ("repetitions", repetitions)):
        if not 1 <= number <= 999:
            raise DataError(f"--{option}={number}: give a number from 1 to 999")
    if not 0 <= seed < 2**63:
        raise DataError(f"--seed={seed}: give a number from 0 to 2**63 - 1")
    count = 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        for take in takes(seed, subjects, repetitions):
            for camera, footage in filmed(take):
                (out / f"{name_of(take, camera)}.skeleton").write_text(skeleton_text(footage))
                count += 1
    except OSError as error:
        raise DataError(f"--out={out}: cannot be written ({error.strerror})") from error
    return count


@command.guarded
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.synthesis", description=__doc__)
    parser.add_argument("--out", type=command.local_path, required=True, help="the folder to write")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    options = parser.parse_args(arguments)
    count = write(options.out, options.seed, options.subjects, options.repetitions)
    print(f"{count} files in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
