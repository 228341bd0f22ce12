"""Fuse the scores of several working directories: python -m gapjax.ensemble DIR1 DIR2 ..."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gapjax import fusion
from gapjax.fusion import Weighting
from gapjax.lookup import UserError
from gapjax.metrics import mean_class_accuracy, top_k_accuracy
from gapjax.scores import Scores, write_scores


def table(rows: Sequence[tuple[str, float | None, Scores]]) -> str:
    """Return a table of accuracies in percent, for (title, weight, scores) rows."""
    width = max(len(title) for title, _, _ in rows)
    lines = [f"{'':{width}}  weight  top-1  top-5  mean class"]
    for title, weight, scores in rows:
        top1, top5 = (top_k_accuracy(scores.score, scores.label, k) for k in (1, 5))
        mean_class = mean_class_accuracy(scores.score, scores.label)
        share = "" if weight is None else f"{weight:.3g}"
        figures = f"{100 * top1:5.2f}  {100 * top5:5.2f}  {100 * mean_class:10.2f}"
        lines.append(f"{title:{width}}  {share:>6}  {figures}")
    return "\n".join(lines)


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
    about = ", ".join([*known, f"{len(fused.name)} samples", f"weights {weighting.source}"])
    titles = [
        f"{Path(workdir).resolve().name} {stream.facts.get('modality', '')}".strip()
        for workdir, stream in zip(fused.facts["streams"], streams, strict=True)
    ]
    rows = list(zip(titles, weighting.weights, streams, strict=True))
    return f"{about}\n{table([*rows, ('ensemble', None, fused)])}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.ensemble", description=fusion.__doc__)
    parser.add_argument("workdirs", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--weights", help="one number a directory, separated by commas")
    parser.add_argument("--scores", default="test", help="the evaluation to fuse (default: test)")
    parser.add_argument("--select-on", help="choose the weights on this evaluation: validation")
    parser.add_argument("--out", type=Path, help="write the fused scores to this .npz file")
    options = parser.parse_args(arguments)
    try:
        streams = fusion.read_streams(options.workdirs, options.scores)
        weighting = choose_weights(options, streams)
        fused = combine(streams, weighting, options.workdirs)
        if options.out is not None:
            write_scores(options.out, fused)
    except UserError as error:
        print(f"gapjax: {error}", file=sys.stderr)
        return 2
    print(report(streams, weighting, fused))
    return 0


if __name__ == "__main__":
    sys.exit(main())
