"""Figures of a run: python -m gapjax.plots DIR [--compare DIR].

Writes `DIR/plots/{summary,confusion,accuracy,curves}.png` and `confusions.csv`; for a zero-shot
run, `{summary,confusion}.png` and `confusions.csv`, and a table on the terminal. Another evaluation
than the test has a folder of its own.

With --compare, the gain over another run in each class, and the curves of both; for zero-shot runs,
the confusions of unseen classes side by side. Either side may be several runs, such as the seeds of
a method: runs/a/seed* --compare runs/b/seed*
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from data_pipelines.errors import UserError
from gapjax.analysis import class_gains, run_figures, run_sets
from gapjax.workdir.history import gammas_of, read_history
from gapjax.workdir.scores import read_scores, scores_path
from gapjax.zero_shot import figures as zero_shot_figures
from gapjax.zero_shot.metrics import table, unseen_indices


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.plots", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("workdirs", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--scores", default="test", help="the evaluation to draw (default: test)")
    compare = "working directories to compare with"
    parser.add_argument("--compare", type=Path, nargs="+", default=[], metavar="DIR", help=compare)
    more = "with --compare: draw only classes that differ by more points"
    parser.add_argument("--more-than", type=float, metavar="POINTS", help=more)
    options = parser.parse_args(arguments)
    run = options.workdirs[0]
    folder = run / "plots" / ("" if options.scores == "test" else options.scores)
    if options.compare:
        print(*_compare(options, folder), sep="\n")
        return 0
    if len(options.workdirs) > 1:
        raise UserError(
            f"{len(options.workdirs)} directories: give one, or the others by --compare"
        )
    path = folder / "summary.png"
    scores = read_scores(scores_path(run, options.scores))
    labels = run_figures.class_names(scores, run)
    if unseen_indices(scores):
        gammas = gammas_of(read_history(run / "metrics.jsonl").lines[-1])
        zero_shot_figures.write_summary(scores, labels, gammas, path)
        zero_shot_figures.write_confusion(scores, labels, gammas, folder)
        print(table(scores, gammas))
    else:
        run_figures.write_figures(run, scores, labels, folder)
    print(path)
    return 0


def _compare(options: argparse.Namespace, folder: Path) -> list[Path]:
    """Write the figures of a comparison; return their paths."""
    workdirs = [options.workdirs, options.compare]
    sets = run_sets.read(workdirs, options.scores)
    first, suffix = sets[0].scores[0], sets[1].name.replace("/", "_")
    labels = run_figures.class_names(first, options.workdirs[0])
    if unseen_indices(first):
        path = folder / f"confusions_with_{suffix}.png"
        return [zero_shot_figures.write_confusion_pair(sets, labels, path)]
    gain, curves = (folder / f"{kind}_{suffix}.png" for kind in ("gain_over", "curves_with"))
    class_gains.write(sets, labels, gain, options.more_than)
    run_figures.write_curves([*options.workdirs, *options.compare], curves)
    return [gain, curves]


if __name__ == "__main__":
    sys.exit(main())
