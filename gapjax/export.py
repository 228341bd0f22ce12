"""Write a bundle of a finished run: python -m gapjax.export --workdir=runs/x --out=bundle."""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_pipelines import command
from gapjax.serving import bundle, bundle_writer, publication, tflite, trained
from gapjax.serving.publication import Destination
from gapjax.workdir import bundle_files
from gapjax.workdir.bundle_hub import PREFIX


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake, 1 a full disk."""
    options = _parsed(arguments)
    to = publication.require(options.push, options.public) if options.push else None
    published = {"license": options.license, "hub": options.push}
    published = {key: value for key, value in published.items() if value}
    if options.renew:
        bundle_writer.renew(options.renew, published)
        until = bundle_files.read_metadata(options.renew)["readable_until"]
        print(f"{options.renew}: readable until {until}")
        return _pushed(options.renew, to)
    if options.tflite:
        tflite.require()
    run = trained.load(options.workdir, options.data)
    with _folder(options) as out:
        lite, frames = options.tflite, options.frames
        bundle_writer.write_bundle(run, options.workdir, out, frames, lite, published)
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        print(f"{options.out or out.name}: {len(run.labels)} classes, {size / 2**20:.1f} MiB")
        return _pushed(out, to)


@contextlib.contextmanager
def _folder(options: argparse.Namespace) -> Iterator[Path]:
    """Yield where the bundle is written: a bundle that is only pushed is not kept here."""
    if options.out:
        yield options.out
        return
    with tempfile.TemporaryDirectory(prefix="gapjax-") as folder:
        yield Path(folder) / options.push.rpartition("/")[2]


def _pushed(folder: Path, to: Destination | None) -> int:
    """Push a bundle if it should be, and say how it is opened."""
    if to:
        revision = publication.push(folder, to)
        print(f"pushed: --bundle={PREFIX}{to.name}@{revision}")
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
    push = "put the bundle on the Hugging Face hub, where only you may read it"
    parser.add_argument("--push", default="", metavar="OWNER/NAME", help=push)
    parser.add_argument("--public", action="store_true", help="let everybody read what is pushed")
    terms = "of the weights, as hubs name it, such as cc-by-nc-4.0 (default: unknown)"
    parser.add_argument("--license", default="", help=terms)
    options = parser.parse_args(arguments)
    if options.renew and (options.workdir or options.out or options.tflite or options.data):
        parser.error("--renew takes a bundle: besides it, give --push, --public or --license alone")
    if not options.renew and not (options.workdir and (options.out or options.push)):
        parser.error("give --workdir and --out or --push, or --renew")
    if options.public and not options.push:
        parser.error("--public is for --push")
    return options


if __name__ == "__main__":
    sys.exit(main())
