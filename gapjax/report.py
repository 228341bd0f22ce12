"""One HTML file about one or more runs: python -m gapjax.report DIR [DIR ...] [--out=FILE.html].

It has what was run and its result, curves, confusions, the accuracy of each class, the clips that a
run is most confidently wrong about, the seen-unseen curve of zero-shot runs and, of several runs,
paired differences from the first. It opens in any browser and loads nothing from elsewhere.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.parallel import compilation_cache
from gapjax.reporting import page, runs
from gapjax.reporting.content import content


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake, 1 a full disk."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.report", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("workdirs", type=Path, nargs="+", metavar="DIR")
    out = "the .html file to write (default: report.html in the first directory)"
    parser.add_argument("--out", type=command.local_path, metavar="FILE.html", help=out)
    parser.add_argument("--scores", default="test", help="the evaluation to show (default: test)")
    clips = "how many wrong clips to show of each run (default: %(default)s)"
    parser.add_argument("--clips", type=command.count, default=12, help=clips)
    parser.add_argument("--data", default="", help="the folder of converted datasets")
    compilation_cache.add_flag(parser)
    options = parser.parse_args(arguments)
    path = options.out or options.workdirs[0] / "report.html"
    if path.suffix != ".html":
        parser.error(f"--out={path}: its name must end in .html")
    page.require_plotly()
    compilation_cache.use(options.compilation_cache)
    shown = runs.read(options.workdirs, options.scores)
    text = page.page(content(shown, options.scores, options.clips, options.data))
    with writing(path.parent, "choose another --out"), replacing_file(path) as file:
        file.write(text.encode())
    print(f"{path}: {len(text.encode()) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
