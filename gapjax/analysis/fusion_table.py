"""The table of an ensemble: its streams and their sum."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gapjax.analysis.fusion import Weighting
from gapjax.workdir.scores import Scores

Metrics = Mapping[str, float]


def report(
    streams: Sequence[Scores],
    weighting: Weighting,
    fused: Scores,
    measure: Callable[[Scores], Metrics],
) -> str:
    """Return a heading, and a table of the metrics of the streams and of their ensemble.

    Args:
        streams: the aligned streams.
        weighting: their weights.
        fused: their sum (`gapjax.analysis.fusion.combine`).
        measure: returns the metrics of scores: a column's name → a share.
    """
    metadata = fused.facts
    heading = [str(metadata[k]) for k in ("dataset", "protocol", "evaluation") if k in metadata]
    heading += [f"{key} {metadata[key]}" for key in ("split", "fold") if key in metadata]
    heading += [f"{len(fused.name)} samples", f"weights {weighting.source}"]
    titles = [
        f"{Path(workdir).resolve().name} {stream.facts.get('modality', '')}".strip()
        for workdir, stream in zip(metadata["streams"], streams, strict=True)
    ]
    weights = [f"{weight:.3g}" for weight in weighting.weights]
    metrics = [measure(scores) for scores in (*streams, fused)]
    rows = zip([*titles, "ensemble"], [*weights, ""], metrics, strict=True)
    return "\n".join([", ".join(heading), *_table(list(rows))])


def _table(rows: Sequence[tuple[str, str, Metrics]]) -> list[str]:
    """Return the lines of a table, in percent, of (title, weight, metrics) rows."""
    width = max(len(title) for title, _, _ in rows)
    lines = ["  ".join([" " * width, "weight", *rows[0][2]])]
    for title, weight, metrics in rows:
        cells = [f"{100 * value:{len(column)}.2f}" for column, value in metrics.items()]
        lines.append("  ".join([f"{title:{width}}", f"{weight:>6}", *cells]))
    return lines
