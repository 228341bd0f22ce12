"""Write a bundle of a finished run: python -m gapjax.export --workdir=runs/x --out=bundle."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from gapjax.serving import bundle, bundle_writer, trained


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake, 1 a full disk."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.export", description=bundle.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--workdir", type=Path, required=True, help="of a finished run")
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--data", default="", help="the folder of converted datasets")
    frames = "of the longest clip (default: %(default)s)"
    parser.add_argument("--frames", type=int, default=bundle_writer.FRAMES, help=frames)
    parser.add_argument("--tflite", action="store_true", help="write recognize.tflite as well")
    options = parser.parse_args(arguments)
    run, out = trained.load(options.workdir, options.data), options.out
    bundle_writer.write_bundle(run, options.workdir, out, options.frames, options.tflite)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {len(run.labels)} classes, {size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
