"""Make a table of several runs, beside a paper's numbers.

python -m gapjax.study configs/studies/gap_table1a.py --workdir=DIR

A study is a file with rows; of a config, the rows are the values of --over. Runs that are finished
are not repeated, and one that was interrupted continues. DIR gets table.md, table.csv, table.png
and runs.csv of the runs that are finished. docs/studies.md tells more.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax

from data_pipelines import command
from gapjax.parallel import compilation_cache, preemption
from gapjax.studies import gammas, jobs, reading, running, tables


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status (`data_pipelines.errors`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    study = reading.load(options.study, options.over)
    chosen = reading.select(study, options.rows) if options.rows else study
    study = reading.shown(study, chosen, options.workdir)
    compilation_cache.use(options.compilation_cache)
    preemption.listen()
    devices = jobs.devices(options.jobs) if options.jobs > 1 and not options.run else []
    if devices:
        # Only the runs themselves may hold the devices.
        jax.config.update("jax_platforms", "cpu")
    units = reading.units(study, options.workdir, options.seeds)
    if options.run:
        (unit,) = (unit for unit in units if unit.workdir == options.run)
        running.run_one(unit, options.workdir)
        return 0
    to_carry_out = [unit for unit in units if unit.row in chosen.rows]
    left = running.check(to_carry_out)
    print(f"{study.title}: {len(to_carry_out)} runs, {len(left)} to do", flush=True)
    if options.check:
        return 0

    renew = partial(tables.write, study, units, options.workdir)
    status = 0
    if devices:
        begin = partial(_run, [sys.executable, "-m", "gapjax.study", *given])
        status = jobs.run_all(left, devices, begin, renew)
    else:
        running.run_all(left, options.workdir, renew)
    print(f"\n{renew()}")
    for write in (gammas.write, *study.figures):
        for path in write(study, units):
            print(path)
    return status


def _run(this: Sequence[str], unit: reading.Unit) -> list[str]:
    """Return the command of one run of the study that `this` command makes."""
    return [*this, f"--run={unit.workdir}"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gapjax.study", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("study", metavar="FILE[:VARIANTS]", help="a study or a config")
    parser.add_argument("--workdir", type=Path, required=True, help="where all runs are written")
    parser.add_argument("--seeds", type=command.count, default=3, help="default: %(default)s")
    over = "KEY=VALUE,VALUE,...: repeat every row for each value; may be given several times"
    parser.add_argument("--over", action="append", default=[], help=over)
    parser.add_argument("--rows", default="", help="only the rows whose name contains this text")
    several = "how many runs at the same time, each on a device of its own"
    parser.add_argument("--jobs", type=command.count, default=1, help=several)
    parser.add_argument("--check", action="store_true", help="check every row, and train nothing")
    compilation_cache.add_flag(parser)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
