"""Fuse the scores of several working directories: python -m gapjax.ensemble DIR1 DIR2 ..."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from data_pipelines.errors import UserError
from data_pipelines.storage.disk import writing
from gapjax.analysis import fusion, fusion_table, metrics
from gapjax.workdir.scores import Scores, write_scores
from gapjax.zero_shot import metrics as zero_shot_metrics


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake, 1 a full disk."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.ensemble", description=fusion.__doc__)
    parser.add_argument("workdirs", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--weights", help="one number a directory, separated by commas")
    parser.add_argument("--scores", default="test", help="the evaluation to fuse (default: test)")
    parser.add_argument("--select-on", help="choose the weights on this evaluation: validation")
    parser.add_argument("--out", type=Path, help="write the fused scores to this .npz file")
    options = parser.parse_args(arguments)
    streams = fusion.read_streams(options.workdirs, options.scores)
    weighting = _weighting(options, streams)
    fused = fusion.combine(streams, weighting, options.workdirs)
    zero_shot = zero_shot_metrics.unseen_indices(fused)
    measure = zero_shot_metrics.without_gamma if zero_shot else metrics.accuracies
    report = fusion_table.report(streams, weighting, fused, measure)
    if options.out is not None:
        _write(options.out, fused)
    print(report)
    return 0


def _weighting(options: argparse.Namespace, streams: Sequence[Scores]) -> fusion.Weighting:
    if options.weights is not None and options.select_on is not None:
        raise UserError("give --weights or --select-on, not both")
    if options.weights is not None:
        return fusion.parse_weights(options.weights, len(streams))
    if options.select_on is not None:
        return fusion.selected_weights(options.workdirs, options.select_on, streams[0])
    return fusion.default_weights(streams)


def _write(path: Path, fused: Scores) -> None:
    with writing(
        path, "choose another --out", "no scores were written: once they can be, fuse again"
    ):
        if path.is_dir():
            raise UserError(f"{path} is a folder; choose a file as --out")
        write_scores(path, fused)


if __name__ == "__main__":
    sys.exit(main())
