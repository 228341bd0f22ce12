"""Draw what runs compare, clips and texts: python -m gapjax.spaces DIR [DIR ...].

Writes `DIR/plots/spaces.png`, in the first DIR, and its points as spaces.csv: clips and texts of
some classes in the space that they share, and the texts of classes and of their parts, by t-SNE
where scikit-learn is installed, or by principal components.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_pipelines import command
from data_pipelines.storage.disk import writing
from gapjax.analysis import projection
from gapjax.analysis.run_table import workdir_names
from gapjax.parallel import compilation_cache
from gapjax.serving import spaces
from gapjax.studies.reading import Unit
from gapjax.studies.running import is_finished
from gapjax.studies.study import Study


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake, 1 a full disk."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.spaces", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("workdirs", type=Path, nargs="+", metavar="DIR", help="of finished runs")
    classes = "names of classes (default: three seen and three unseen ones, or six)"
    parser.add_argument("--classes", nargs="+", default=[], metavar="NAME", help=classes)
    parser.add_argument("--parts", action="store_true", help="draw the space of each part, too")
    parser.add_argument(
        "--projection", choices=projection.PROJECTIONS, default=projection.default()
    )
    parser.add_argument("--samples", default="test", help="test, train or validation")
    parser.add_argument("--data", default="", help="the folder of converted datasets")
    compilation_cache.add_flag(parser)
    options = parser.parse_args(arguments)
    compilation_cache.use(options.compilation_cache)
    runs = {
        name: spaces.compared(workdir, options.classes, options.samples, options.data)
        for name, workdir in zip(workdir_names(options.workdirs), options.workdirs, strict=True)
    }
    path = options.workdirs[0] / "plots" / "spaces.png"
    with writing(path):
        spaces.write_figure(runs, path, options.projection, options.parts)
    print(path)
    return 0


def of_study(study: Study, units: Sequence[Unit]) -> Iterator[Path]:
    """Write `spaces.png` of one run of each row into the folder of the first; yield its path.

    One of `gapjax.studies.study.Study.figures`.
    """
    finished = {unit.row.title: unit.workdir for unit in reversed(units) if is_finished(unit)}
    workdirs = {row.title: finished[row.title] for row in study.rows if row.title in finished}
    if not workdirs:
        return
    path = next(iter(workdirs.values())).parent / "spaces.png"
    runs = {title: spaces.compared(workdir) for title, workdir in workdirs.items()}
    with writing(path):
        spaces.write_figure(runs, path, projection.default())
    yield path


if __name__ == "__main__":
    sys.exit(main())
