"""Compare finished runs with the numbers of docs/expected.md.

python -m docs.expected runs/gap_demo runs/star_demo

The row of a run is found by its config, whatever its seed. Exit status 1: a run is outside of the
tolerance. `make expected` trains the demos first.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_pipelines import command
from data_pipelines.errors import CommandError, UserError
from docs.expected_table import Row, rows
from gapjax.analysis.run_table import read_result
from gapjax.experiment import platform, schema
from gapjax.experiment.config_dict import config_of, override, plan_of
from gapjax.workdir.config_file import EXECUTION_KEYS, read_config

# What may differ between runs of a row.
FREE = {*EXECUTION_KEYS, "seed"}


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status (`data_pipelines.errors`)."""
    parser = argparse.ArgumentParser(prog="python -m docs.expected", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("workdirs", nargs="+", type=Path, metavar="DIR", help="of finished runs")
    measured = [row for row in rows() if not row.lacks]
    outside = []
    for workdir in parser.parse_args(arguments).workdirs:
        row = row_of(workdir, measured)
        mean, _, tolerance = row.expected()
        value = 100 * read_result(workdir).metrics[row.metric]
        within = abs(value - mean) <= tolerance
        said = f"{workdir}: {row.metric} {value:.1f}, expected {mean:.1f} ± {tolerance:.1f}"
        print(f"{said}, {'within' if within else 'OUTSIDE'} ({row.name})")
        outside += [] if within else [said]
    if outside:
        why = "docs/expected.md says what was measured, and with which versions"
        raise CommandError(f"outside of the tolerance: {'; '.join(outside)}; {why}")
    return 0


def row_of(workdir: Path, measured: Sequence[Row]) -> Row:
    """Return the row that has the config of a run.

    Raises:
        UserError: there is none, or the folder is no working directory.
    """
    config = schema.read_flat(read_config(workdir)).flat()
    changes = {row.name: _changes(config, row) for row in measured}
    for row in measured:
        if not changes[row.name]:
            return row
    name = min(changes, key=lambda name: len(changes[name]))
    keys = ", ".join(changes[name][:5])
    raise UserError(
        f"{workdir}: docs/expected.md has no row of its config; the nearest is {name}, of which it "
        f"differs in {keys}"
    )


def _changes(config: Mapping[str, Any], row: Row) -> list[str]:
    """Return the keys by which a config differs from that of a row, which ran on a CPU."""
    of_row = config_of(importlib.import_module(f"configs.{row.config}"), row.variants)
    override(of_row, row.settings)
    flat = platform.settle(plan_of(of_row), platform.ANY).flat()
    keys = sorted({*config, *flat} - FREE)
    return [key for key in keys if config.get(key) != flat.get(key)]


if __name__ == "__main__":
    sys.exit(main())
