"""Means and standard deviations over runs: python -m gapjax.summarize DIR1 DIR2 ...

Runs whose configs differ in nothing but the seed (or what --over names) are one row.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapjax.history import read_history
from gapjax.logbook import FREE, read_config
from gapjax.lookup import UserError

# What is told by default, of what the runs have.
METRICS = ("eval/top1", "zsl/top1", "gzsl/area", "gzsl_validation/harmonic", "gzsl_oracle/harmonic")

# Keys that say where files are, not what was computed.
PLACES = ("data.dir", "encoder.checkpoint")


@dataclass(frozen=True)
class Result:
    """One finished run.

    Attributes:
        config: dotted key → value.
        metrics: those of its last line.
    """

    config: Mapping[str, Any]
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """Runs that differ in nothing that counts.

    Attributes:
        config: what they have in common.
        results: the runs.
    """

    config: Mapping[str, Any]
    results: Sequence[Result]


def read_result(workdir: Path) -> Result:
    """Read a working directory.

    Raises:
        UserError: it is none, or its run is not finished.
    """
    config = read_config(workdir)
    metrics = read_history(workdir / "metrics.jsonl").lines[-1]
    epochs = config.get("train.epochs", 0)
    if metrics["epoch"] < epochs:
        raise UserError(f"{workdir} is at epoch {metrics['epoch']} of {epochs}: run it again")
    return Result(config, metrics)


def group(results: Sequence[Result], over: Sequence[str]) -> list[Row]:
    """Return one row for every config, in the order of first occurrence.

    Args:
        results: the runs.
        over: config keys that may differ within a row.
    """
    rows: dict[str, list[Result]] = {}
    left_out = {*over, *PLACES, *FREE}
    for result in results:
        config = {key: each for key, each in result.config.items() if key not in left_out}
        rows.setdefault(json.dumps(config, sort_keys=True), []).append(result)
    return [Row(json.loads(config), members) for config, members in rows.items()]


def titles(rows: Sequence[Row]) -> list[str]:
    """Return what each row has that not all rows have: `key=value`, separated by spaces."""
    keys = sorted({key for row in rows for key in row.config})
    told = [key for key in keys if len({json.dumps(row.config.get(key)) for row in rows}) > 1]
    return [
        " ".join(f"{key}={row.config[key]}" for key in told if key in row.config) or "all runs"
        for row in rows
    ]


def cell(values: Sequence[float]) -> str:
    """Return mean ± sample standard deviation in percent.

    >>> cell([0.5, 0.6]), cell([0.5])
    ('55.0 ± 7.1', '50.0')
    """
    mean = f"{100 * statistics.fmean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else mean


def table(rows: Sequence[Row], metrics: Sequence[str]) -> str:
    """Return a Markdown table with one row a config; a metric that a run lacks is a dash."""
    lines = ["| " + " | ".join(["runs", *metrics, "config"]) + " |"]
    lines.append("|---" * (len(metrics) + 2) + "|")
    for row, title in zip(rows, titles(rows), strict=True):
        found = [[run.metrics[key] for run in row.results if key in run.metrics] for key in metrics]
        cells = [cell(each) if len(each) == len(row.results) else "-" for each in found]
        lines.append("| " + " | ".join([str(len(row.results)), *cells, title]) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.summarize", description=__doc__)
    parser.add_argument("workdirs", nargs="+", type=Path, metavar="DIR")
    parser.add_argument(
        "--over", default="seed", help="keys that may differ within a row: seed,..."
    )
    parser.add_argument("--metrics", help="what to tell, of metrics.jsonl: zsl/top1,...")
    options = parser.parse_args(arguments)
    try:
        results = [read_result(workdir) for workdir in options.workdirs]
        metrics = options.metrics.split(",") if options.metrics else METRICS
        known = [key for key in metrics if any(key in result.metrics for result in results)]
        if not known:
            raise UserError(f"no run has any of {', '.join(metrics)}")
    except UserError as error:
        print(f"gapjax: {error}", file=sys.stderr)
        return 2
    print(table(group(results, options.over.split(",")), known))
    return 0


if __name__ == "__main__":
    sys.exit(main())
