"""Pack a converted dataset: all frames in one memory-mapped array, for the resident feed.

Training packs a dataset by itself where it needs to; the command does it ahead of time.
"""

import argparse
import sys
from pathlib import Path

from data_pipelines import command
from data_pipelines.storage.packed import open_pack


@command.guarded
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.pack", description=__doc__)
    parser.add_argument("directory", type=command.local_path, help="a converted dataset")
    options = parser.parse_args(arguments)
    _report(options.directory)
    return 0


def _report(directory: Path) -> None:
    """Open the pack, and print what it holds."""
    pack = open_pack(directory)
    size = pack.frames.nbytes / 1e6
    print(f"{directory / 'pack'}: {len(pack.start):,} samples, {size:,.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
