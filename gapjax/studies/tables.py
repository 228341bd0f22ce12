"""The files of a study's table."""

from collections.abc import Sequence
from pathlib import Path

from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.analysis import comparison, comparison_figure
from gapjax.studies import results
from gapjax.studies.reading import Unit
from gapjax.studies.study import Study
from gapjax.workdir.score_tables import write_rows


def write(study: Study, units: Sequence[Unit], workdir: Path) -> str:
    """Write `table.md`, `table.csv`, `table.png` and `runs.csv`; return the first one's text."""
    lines = results.lines(study, units)
    text = comparison.markdown(study.title, study.note, lines)
    with writing(workdir):
        write_rows(workdir / "table.csv", comparison.summary(lines))
        write_rows(workdir / "runs.csv", comparison.runs(lines))
        with replacing_file(workdir / "table.md", single_writer=True) as file:
            file.write(text.encode())
        comparison_figure.write(study.title, study.note, lines, workdir / "table.png")
    return text
