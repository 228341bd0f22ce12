"""Write features of clips by a finished run: python -m gapjax.embed runs/x --out=x.npz.

They are those of the run's skeleton encoder, for all joints and for each body part, beside the
scores and the labels. docs/serving.md describes the arrays of the file.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.parallel import compilation_cache
from gapjax.serving import features


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake, 1 a full disk."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.embed", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("workdir", type=Path, metavar="DIR", help="of a finished run")
    parser.add_argument("--out", type=command.local_path, required=True, help="a .npz file")
    choices = "test, train, validation or all (default: %(default)s)"
    parser.add_argument("--samples", default="test", help=choices)
    parser.add_argument("--data", default="", help="the folder of converted datasets")
    parts = "the body's partition into parts, such as 6 (default: the one of the run's method)"
    parser.add_argument("--partition", default="", help=parts)
    compilation_cache.add_flag(parser)
    options = parser.parse_args(arguments)
    if options.out.suffix != ".npz":
        parser.error(f"--out={options.out}: its name must end in .npz")
    compilation_cache.use(options.compilation_cache)
    found = features.embed(options.workdir, options.samples, options.data, options.partition)
    with writing(options.out.parent), replacing_file(options.out) as file:
        features.write(file, found)
    samples, size = found.features.whole.shape
    parted = f", parts: {' '.join(found.parts)}" if found.parts else ""
    print(f"{options.out}: {samples} samples, {size} features{parted}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
