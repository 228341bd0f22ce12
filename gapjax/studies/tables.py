"""The files of a study's table."""

from collections.abc import Sequence
from pathlib import Path

from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax.analysis import comparison, comparison_figure
from gapjax.studies import results
from gapjax.studies.reading import Unit
from gapjax.studies.study import Study


def write(study: Study, units: Sequence[Unit], workdir: Path) -> str:
    """Write `table.md`, `table.csv`, `table.png` and `runs.csv`; return the first one's text."""
    lines = results.lines(study, units)
    texts = {
        "table.md": comparison.markdown(study.title, study.note, lines),
        "table.csv": comparison.summary_csv(lines),
        "runs.csv": comparison.runs_csv(lines),
    }
    with writing(workdir):
        for name, text in texts.items():
            with replacing_file(workdir / name, single_writer=True) as file:
                file.write(text.encode())
        comparison_figure.write(study.title, study.note, lines, workdir / "table.png")
    return texts["table.md"]
