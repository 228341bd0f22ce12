"""S, U and H over γ of the rows of a zero-shot study: Figure 3 of STAR (ACM MM 2024)."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from data_pipelines.storage.disk import writing
from gapjax.studies.reading import Unit
from gapjax.studies.running import is_finished, metrics
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
        curves, measured = [], []
        for unit in runs:
            scores = read_scores(scores_path(unit.workdir, "test"))
            curves.append(seen_unseen_curve(scores.score, scores.label, unseen_indices(scores)))
            measured.append(metrics(unit.workdir))
        title, folder = f"{study.title}. {row.title}", runs[0].workdir.parent
        with writing(folder):
            path = figures.write_gammas(curves, _means(measured), title, folder)
        yield path


def _means(measured: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Return source of a γ → the means of γ and of the harmonic mean there."""

    def mean(source: str, name: str) -> float:
        """Return the mean of one metric of a source."""
        return statistics.fmean(each[f"gzsl_{source}/{name}"] for each in measured)

    sources = gammas_of(measured[0])
    return {source: (mean(source, "gamma"), mean(source, "harmonic")) for source in sources}
