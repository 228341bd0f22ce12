"""Carrying out the runs of a study, one after another: what is finished is not repeated."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from data_pipelines.storage.disk import writing
from gapjax.experiment import carry_out
from gapjax.experiment.stages import stages
from gapjax.parallel import preemption
from gapjax.studies import shared
from gapjax.studies.reading import Unit, naming
from gapjax.training import report
from gapjax.workdir import config_file


def check(units: Sequence[Unit]) -> list[Unit]:
    """Refuse what would stop a run before the first one trains; return those that are left to do.

    Raises:
        UserError: a row's config, data or weights are wrong, or the working directory has a run of
            another config.
    """
    left: dict[Path, Unit] = {}
    for unit in units:
        with naming(unit.row):
            if is_finished(unit):
                continue
            # The seeds of a row lie side by side, and differ in nothing that could be wrong.
            first = all(unit.workdir.parent != path.parent for path in left)
            if first or config_file.is_claimed(unit.workdir):
                carry_out.check_stages(stages(unit.plan, unit.workdir))
            left[unit.workdir] = unit
    return list(left.values())


def is_finished(unit: Unit) -> bool:
    """Return whether a run has its result.

    Raises:
        UserError: the working directory has a run of another config.
    """
    if not config_file.is_claimed(unit.workdir):
        return False
    changes = carry_out.compare(stages(unit.plan, unit.workdir)[-1])
    if changes or not (unit.workdir / report.FILE).is_file():
        return False
    return result(unit.workdir)["epoch"] == unit.plan.train.epochs


def result(workdir: Path) -> dict[str, Any]:
    """Return the content of the `result.json` of a run."""
    return json.loads((workdir / report.FILE).read_text())


def metrics(workdir: Path) -> dict[str, float]:
    """Return the metrics of a finished run on its test samples."""
    return result(workdir)["evaluations"]["test"]["metrics"]


def run_one(unit: Unit, workdir: Path) -> None:
    """Train a run to its end, with the encoders that it shares with others."""
    with writing(workdir):
        shared.link(unit, workdir)
    carry_out.run(unit.plan, unit.workdir)


def run_all(left: Sequence[Unit], workdir: Path, after: Callable[[], object]) -> None:
    """Train runs one after another, and call `after` at the end of each."""
    for number, unit in enumerate(left, 1):
        preemption.check()
        print(f"\nrun {number} of {len(left)}: {unit.title}", flush=True)
        run_one(unit, workdir)
        after()
