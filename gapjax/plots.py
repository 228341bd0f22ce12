"""Figures of a run: python -m gapjax.plots DIR [--compare=DIR].

Writes `DIR/plots/{summary,confusion,accuracy,curves}.png` and `confusions.csv`; for a zero-shot
run, `{summary,confusion}.png` and `confusions.csv`, and a table on the terminal. Another evaluation
than the test has a folder of its own. With --compare, the two figures of the comparison.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from data_pipelines.errors import UserError
from gapjax.analysis import run_figures
from gapjax.workdir.history import gammas_of, read_history
from gapjax.workdir.scores import read_scores, scores_path
from gapjax.zero_shot import figures as zero_shot_figures
from gapjax.zero_shot.metrics import table, unseen_indices


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.plots", description=__doc__)
    parser.add_argument("workdir", type=Path, metavar="DIR")
    parser.add_argument("--scores", default="test", help="the evaluation to draw (default: test)")
    compare = "another working directory to compare with (not of zero-shot runs)"
    parser.add_argument("--compare", type=Path, help=compare)
    options = parser.parse_args(arguments)
    run, folder = options.workdir, options.workdir / "plots"
    if options.scores != "test":
        folder = folder / options.scores
    path = folder / "summary.png"
    workdirs = [run, *filter(None, [options.compare])]
    scores, *others = [read_scores(scores_path(workdir, options.scores)) for workdir in workdirs]
    labels = run_figures.class_names(scores, run)
    if unseen_indices(scores):
        if others:
            problem = f"{run} is a zero-shot run, which cannot be compared"
            raise UserError(f"--compare={options.compare}: {problem}; draw each run by itself")
        gammas = gammas_of(read_history(run / "metrics.jsonl").lines[-1])
        zero_shot_figures.write_summary(scores, labels, gammas, path)
        zero_shot_figures.write_confusion(scores, labels, gammas, folder)
        print(table(scores, gammas))
    elif others:
        all_scores = [scores, *others]
        *_, path = paths = run_figures.write_comparison(workdirs, all_scores, labels, folder)
        print(*paths[:-1], sep="\n")
    else:
        run_figures.write_figures(run, scores, labels, folder)
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
