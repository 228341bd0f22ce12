"""What the runs of a study have measured, as the rows of its table."""

import statistics
from collections.abc import Mapping, Sequence

from gapjax.analysis import fusion
from gapjax.analysis.comparison import Line
from gapjax.experiment.stages import stages
from gapjax.studies.reading import Unit
from gapjax.studies.running import is_finished, metrics
from gapjax.studies.study import SUPERVISED, ZERO_SHOT, Row, Study
from gapjax.training import evaluation, report
from gapjax.zero_shot import metrics as zero_shot_metrics

Metrics = Mapping[str, float]

# Of an ensemble of zero-shot runs only this has no γ.
_WITHOUT_GAMMA = {"zsl/top1": "unseen top-1"}


def lines(study: Study, units: Sequence[Unit]) -> list[Line]:
    """Return a line for each column and row, with the values of the runs that are finished."""
    finished = [unit for unit in units if is_finished(unit)]
    columns = ZERO_SHOT if any(unit.plan.on_features for unit in units) else SUPERVISED
    by_row = [_by_seed(study, row, units, finished) for row in study.rows]
    return [
        Line(
            group=row.group,
            name=row.name,
            column=column,
            paper=row.paper.get(column),
            change=row.change.get(column),
            values={seed: 100 * of[metric] for seed, of in measured.items() if metric in of},
        )
        for column, metric in columns.items()
        for row, measured in zip(study.rows, by_row, strict=True)
    ]


def _by_seed(
    study: Study, row: Row, units: Sequence[Unit], finished: Sequence[Unit]
) -> dict[int, Metrics]:
    """Return seed → the metrics of a row, for the seeds of which all runs are finished."""
    parts = [row]
    if row.ensemble:
        names = {each.name: each for each in study.rows if each.group == row.group}
        parts = [names[name] for name in row.ensemble]
    found: dict[int, Metrics] = {}
    for seed in sorted({unit.seed for unit in finished}):
        runs = [unit for part in parts for unit in units if (unit.row, unit.seed) == (part, seed)]
        if all(unit in finished for unit in runs):
            found[seed] = _fused(runs) if row.ensemble else _mean(runs)
    return found


def _mean(runs: Sequence[Unit]) -> Metrics:
    """Return the means of the metrics that all runs have."""
    measured = [{**metrics(unit.workdir), **_of_folds(unit)} for unit in runs]
    keys = [key for key in measured[0] if all(key in each for each in measured)]
    return {key: statistics.fmean(each[key] for each in measured) for key in keys}


def _of_folds(unit: Unit) -> Metrics:
    """Return the mean over a run's folds of their accuracy on pseudo-unseen classes."""
    folds = stages(unit.plan, unit.workdir)[-1].upstream.folds
    name = "zsl/top1"
    measured = [metrics(fold)[name] for fold in folds if (fold / report.FILE).is_file()]
    return {f"folds/{name}": statistics.fmean(measured)} if measured else {}


def _fused(runs: Sequence[Unit]) -> Metrics:
    """Return the metrics of the weighted sum of the scores of runs, as `gapjax.ensemble` has it."""
    workdirs = [unit.workdir for unit in runs]
    streams = fusion.read_streams(workdirs, "test")
    scores = fusion.combine(streams, fusion.default_weights(streams), workdirs)
    if not zero_shot_metrics.unseen_indices(scores):
        return evaluation.summary("test", scores)
    measured = zero_shot_metrics.without_gamma(scores)
    return {key: measured[name] for key, name in _WITHOUT_GAMMA.items()}
