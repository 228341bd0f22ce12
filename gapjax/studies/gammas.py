"""S, U and H over γ of the rows of a zero-shot study: Figure 3 of STAR (ACM MM 2024)."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from gapjax.studies.reading import Unit
from gapjax.studies.running import is_finished, result
from gapjax.studies.study import Study
from gapjax.workdir.history import gammas_of
from gapjax.workdir.scores import read_scores, scores_path
from gapjax.zero_shot import figures
from gapjax.zero_shot.calibration import seen_unseen_curve
from gapjax.zero_shot.metrics import unseen_indices


def write(study: Study, units: Sequence[Unit]) -> Iterator[Path]:
    """Write `gamma.png` and `gamma.csv` into the folder of each row that is one run for a seed.

    Yields the paths of the figures.
    """
    for row in study.rows:
        runs = [
            unit
            for unit in units
            if unit.row == row and unit.plan.on_features and is_finished(unit)
        ]
        if not runs or row.average:
            continue
        curves, found = [], []
        for unit in runs:
            scores = read_scores(scores_path(unit.workdir, "test"))
            curves.append(seen_unseen_curve(scores.score, scores.label, unseen_indices(scores)))
            found.append(gammas_of(result(unit)["evaluations"]["test"]["metrics"]))
        means = {source: statistics.fmean(of[source] for of in found) for source in found[0]}
        title = f"{study.title}. {row.title}"
        yield figures.write_gammas(curves, means, title, runs[0].workdir.parent)
