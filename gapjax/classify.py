"""Classify raw files with a bundle: python -m gapjax.classify --bundle=DIR FILE...

A file is NTU RGB+D's .skeleton, or a .npy or .npz of frames x joints x coordinates (of several
persons, frames x persons x joints x coordinates, or persons first). Zero-shot bundles, except those
of CADA-VAE and SynSE, recognize any classes by name; STAR's show the similarity of each body part
to each class's description.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from data_pipelines.errors import UserError
from gapjax.parallel import compilation_cache
from gapjax.serving.bundle import open_bundle
from gapjax.serving.classification import classify
from gapjax.serving.reports import FORMATS


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.classify", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--bundle", type=Path, required=True, help="written by gapjax.export")
    parser.add_argument("--classes", help='any names: "wave; fall down" (zero-shot bundles)')
    parser.add_argument("--descriptions", default="", help="a YAML file that describes them")
    parser.add_argument("--top", type=int, default=5, help="how many classes to show (default: 5)")
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: %(default)s")
    compilation_cache.add_flag(parser)
    options = parser.parse_args(arguments)
    if options.top < 1:
        raise UserError(f"--top={options.top}: show at least 1 class")
    compilation_cache.use(options.compilation_cache)
    bundle, descriptions = open_bundle(options.bundle), options.descriptions
    found = classify(bundle, options.files, options.classes, descriptions)
    print(FORMATS[options.format](found, options.top))
    return 0


if __name__ == "__main__":
    sys.exit(main())
