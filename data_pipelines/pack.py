"""Pack a converted dataset: all frames in one memory-mapped array, for the resident feed.

Training packs a dataset itself when it needs to; this command does it ahead of time.
"""

import argparse
import sys

from data_pipelines import command
from data_pipelines.storage.packed import open_pack


@command.guarded
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.pack", description=__doc__)
    parser.add_argument("directory", type=command.local_path, help="a converted dataset")
    directory = parser.parse_args(arguments).directory
    pack = open_pack(directory)
    size = pack.frames.nbytes / 1e6
    print(f"{directory / 'pack'}: {len(pack.start):,} samples, {size:,.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
