"""The seen-unseen curves of zero-shot runs, and what a slider for γ looks up."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gapjax.reporting.runs import ReportedRun
from gapjax.zero_shot.calibration import harmonic_mean

# The positions of the slider, besides the γ of the runs.
POSITIONS = 400
# The most points of a drawn curve.
MOST_POINTS = 4000


def slider(runs: Sequence[ReportedRun]) -> dict[str, Any] | None:
    """Return the accuracies at every position of the slider; None without a zero-shot run.

    Returns:
        `gamma`, the positions, ascending; `marks`, each with the `name` of a γ and its `index`
        among them; `start`, the index to begin with; `runs`, each with its `area`, its `curve`,
        and `seen`, `unseen` and `harmonic` at every position.
    """
    zero_shot = [run for run in runs if run.unseen]
    if not zero_shot:
        return None
    named = [
        (run, source, gamma) for run in zero_shot for source, gamma in sorted(run.gammas.items())
    ]
    thresholds = np.concatenate([run.curve.threshold for run in zero_shot])
    ends = (thresholds.min(), thresholds.max()) if len(thresholds) else (-1.0, 1.0)
    margin = 0.01 * (ends[1] - ends[0]) or 1.0
    even = np.linspace(ends[0] - margin, ends[1] + margin, POSITIONS).round(6)
    gamma = np.unique([*even, 0.0, *(value for _, _, value in named)])
    several = len(zero_shot) > 1
    marks = [
        {
            "name": f"{run.name}: {source}" if several else source,
            "index": int(np.searchsorted(gamma, value)),
        }
        for run, source, value in named
    ]
    start = int(np.searchsorted(gamma, zero_shot[0].gamma[1]))
    rows = [_of_run(run, gamma.tolist()) for run in zero_shot]
    return {"gamma": gamma, "marks": marks, "start": start, "runs": rows}


def _of_run(run: ReportedRun, gamma: Sequence[float]) -> dict[str, Any]:
    pairs = [run.curve.at(value) for value in gamma]
    points = len(run.curve.seen)
    chosen = np.unique(np.linspace(0, points - 1, min(points, MOST_POINTS)).round().astype(int))
    return {
        "name": run.name,
        "area": run.curve.area,
        "curve": {
            "seen": run.curve.seen[chosen].round(5),
            "unseen": run.curve.unseen[chosen].round(5),
        },
        "seen": [round(seen, 6) for seen, _ in pairs],
        "unseen": [round(unseen, 6) for _, unseen in pairs],
        "harmonic": [round(harmonic_mean(*pair), 6) for pair in pairs],
    }
