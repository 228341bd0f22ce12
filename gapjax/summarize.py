"""Means and standard deviations over runs: python -m gapjax.summarize DIR1 DIR2 ...

Runs whose configs differ in nothing but the seed (or the keys of --over) are one row. The configs
of their skeleton encoders' runs are compared as well.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines import command
from gapjax.analysis.run_table import group, read_result, table

# The default metrics, of those that the runs have.
METRICS = ("eval/top1", "zsl/top1", "gzsl/area", "gzsl_validation/harmonic", "gzsl_oracle/harmonic")


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.summarize", description=__doc__)
    parser.add_argument("workdirs", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--over", default="seed", help="keys that may differ in a row: seed,...")
    parser.add_argument("--metrics", help="metrics of metrics.jsonl to show: zsl/top1,...")
    options = parser.parse_args(arguments)
    rows = group([read_result(workdir) for workdir in options.workdirs], options.over.split(","))
    print(table(rows, options.metrics.split(",") if options.metrics else METRICS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
