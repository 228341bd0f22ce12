"""Fuse the scores of several working directories: python -m gapjax.ensemble DIR1 DIR2 ..."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from data_pipelines.errors import UserError
from data_pipelines.storage.disk import writing
from gapjax.analysis import fusion
from gapjax.analysis.fusion import Weighting
from gapjax.analysis.metrics import mean_class_accuracy, top_k_accuracy
from gapjax.workdir.scores import Scores, write_scores
from gapjax.zero_shot.calibration import seen_unseen_curve
from gapjax.zero_shot.metrics import restrict, unseen_indices


def figures(scores: Scores) -> dict[str, float]:
    """Return what is told of scores: the column's name → a share.

    Of zero-shot scores, what needs no γ: one that was chosen for a stream does not suit a sum.

    Raises:
        UserError: they are zero-shot scores without a sample of an unseen class.
    """
    score, label, unseen = scores.score, scores.label, unseen_indices(scores)
    if not unseen:
        return {
            "top-1": top_k_accuracy(score, label, 1),
            "top-5": top_k_accuracy(score, label, 5),
            "mean class": mean_class_accuracy(score, label),
        }
    own, place = restrict(score, label, unseen)
    if not len(place):
        raise UserError("no sample is of an unseen class; choose other --scores, such as test")
    return {
        "unseen top-1": top_k_accuracy(own, place, 1),
        "unseen mean class": mean_class_accuracy(own, place),
        "seen-unseen area": seen_unseen_curve(score, label, unseen).area,
    }


def table(rows: Sequence[tuple[str, float | None, Scores]]) -> str:
    """Return a table of `figures` in percent, for (title, weight, scores) rows of one problem."""
    width = max(len(title) for title, _, _ in rows)
    lines = []
    for title, weight, scores in rows:
        told = figures(scores)
        share = "" if weight is None else f"{weight:.3g}"
        cells = [f"{100 * value:{len(column)}.2f}" for column, value in told.items()]
        lines.append("  ".join([f"{title:{width}}", f"{share:>6}", *cells]))
    return "\n".join(["  ".join([" " * width, "weight", *told]), *lines])


def choose_weights(options: argparse.Namespace, streams: Sequence[Scores]) -> Weighting:
    """Return the weights that the command line asks for.

    Raises:
        UserError: it asks in two ways, or for what cannot be.
    """
    if options.weights is not None and options.select_on is not None:
        raise UserError("give --weights or --select-on, not both")
    if options.weights is not None:
        return fusion.given_weights(options.weights, len(streams))
    if options.select_on is not None:
        return fusion.selected_weights(options.workdirs, options.select_on, streams[0])
    return fusion.default_weights(streams)


def combine(streams: Sequence[Scores], weighting: Weighting, workdirs: Sequence[Path]) -> Scores:
    """Return the scores of the ensemble, with the facts that tell how they came to be."""
    first = streams[0]
    shared = {fact: first.facts[fact] for fact in fusion.SHARED_FACTS if fact in first.facts}
    facts = {
        **shared,
        "streams": [str(workdir) for workdir in workdirs],
        "weights": list(weighting.weights),
        "weights_source": weighting.source,
    }
    return Scores(fusion.fuse(streams, weighting.weights), first.label, first.name, facts)


def report(streams: Sequence[Scores], weighting: Weighting, fused: Scores) -> str:
    """Return the heading and the table of the streams and their ensemble."""
    told = ("dataset", "protocol", "evaluation")
    known = [str(fused.facts[fact]) for fact in told if fact in fused.facts]
    known += [f"{fact} {fused.facts[fact]}" for fact in ("split", "fold") if fact in fused.facts]
    about = ", ".join([*known, f"{len(fused.name)} samples", f"weights {weighting.source}"])
    titles = [
        f"{Path(workdir).resolve().name} {stream.facts.get('modality', '')}".strip()
        for workdir, stream in zip(fused.facts["streams"], streams, strict=True)
    ]
    rows = list(zip(titles, weighting.weights, streams, strict=True))
    return f"{about}\n{table([*rows, ('ensemble', None, fused)])}"


def write(path: Path, fused: Scores) -> None:
    """Write fused scores.

    Raises:
        UserError: the file may not be written.
        DiskError: the disk is full, or does not answer.
    """
    with writing(
        path, "choose another --out", "no scores were written: once they can be, fuse again"
    ):
        # Found here, not when a file beside it is to replace the folder, which leaves that file.
        if path.is_dir():
            raise UserError(f"{path} is a folder; choose a file as --out")
        write_scores(path, fused)


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
    weighting = choose_weights(options, streams)
    fused = combine(streams, weighting, options.workdirs)
    told = report(streams, weighting, fused)
    if options.out is not None:
        write(options.out, fused)
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
