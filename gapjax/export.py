"""Write a bundle of a finished run: python -m gapjax.export --workdir=runs/x --out=bundle."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from gapjax.serving import bundle, bundle_writer, tflite, trained
from gapjax.workdir import bundle_files


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake, 1 a full disk."""
    options = _parsed(arguments)
    if options.renew:
        bundle_writer.renew(options.renew)
        until = bundle_files.read_metadata(options.renew)["readable_until"]
        print(f"{options.renew}: readable until {until}")
        return 0
    if options.tflite:
        tflite.require()
    run, out = trained.load(options.workdir, options.data), options.out
    bundle_writer.write_bundle(run, options.workdir, out, options.frames, options.tflite)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {len(run.labels)} classes, {size / 2**20:.1f} MiB")
    return 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gapjax.export", description=bundle.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--workdir", type=Path, help="of a finished run")
    parser.add_argument("--out", type=Path, help="the bundle's folder")
    parser.add_argument("--data", default="", help="the folder of converted datasets")
    frames = "of the longest clip (default: %(default)s)"
    parser.add_argument("--frames", type=int, default=bundle_writer.FRAMES, help=frames)
    parser.add_argument("--tflite", action="store_true", help="write recognize.tflite as well")
    renew = "write recognize.jax of this bundle anew, instead of a bundle; needs nothing else"
    parser.add_argument("--renew", type=Path, metavar="BUNDLE", help=renew)
    options = parser.parse_args(arguments)
    if options.renew and (options.workdir or options.out or options.tflite or options.data):
        parser.error("--renew takes a bundle alone: leave out the other flags")
    if not options.renew and not (options.workdir and options.out):
        parser.error("give --workdir and --out, or --renew")
    return options


if __name__ == "__main__":
    sys.exit(main())
