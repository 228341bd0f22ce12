"""Figures of a study that compare each row with the first of its group: `Study.figures`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from data_pipelines.storage.disk import writing
from gapjax.analysis import class_gains, run_figures, run_sets
from gapjax.analysis.run_sets import RunSet
from gapjax.studies.reading import Unit
from gapjax.studies.running import is_finished
from gapjax.studies.study import Figure, Row, Study
from gapjax.zero_shot import figures as zero_shot_figures


def gains(more_than: float) -> Figure:
    """Return a figure `ROW/gain.png`: classes whose accuracy differs by more points than that."""

    def write(study: Study, units: Sequence[Unit]) -> Iterator[Path]:
        """Write the figures of all rows that are compared; yield their paths."""
        for folder, sets, labels in _pairs(study, units):
            with writing(folder):
                path = class_gains.write(sets, labels, folder / "gain.png", more_than)
            yield path

    return write


def confusions(study: Study, units: Sequence[Unit]) -> Iterator[Path]:
    """Write `ROW/confusions.png`: confusions of unseen classes; yield the paths."""
    for folder, sets, labels in _pairs(study, units):
        with writing(folder):
            path = folder / "confusions.png"
            zero_shot_figures.write_confusion_pair(sets, labels, path)
        yield path


def _pairs(study: Study, units: Sequence[Unit]) -> Iterator[tuple[Path, list[RunSet], list[str]]]:
    """Yield the folder of each row that is compared, its runs and those of the first, and labels.

    Rows of folds are left out: their seeds have other samples each.
    """
    firsts: dict[str, tuple[Row, list[Path]]] = {}
    for row in study.rows:
        runs = [
            unit.workdir
            for unit in units
            if unit.row == row and not unit.plan.data.cross_validation and is_finished(unit)
        ]
        if not runs or row.average:
            continue
        first, others = firsts.setdefault(row.group, (row, runs))
        if first is not row:
            sets = run_sets.read([runs, others], "test", (row.name, first.name))
            labels = run_figures.class_names(sets[0].scores[0], runs[0])
            yield runs[0].parent, sets, labels
