"""Means and standard deviations over runs: python -m gapjax.summarize DIR1 DIR2 ...

Runs whose configs differ in nothing but the seed (or what --over names) are one row; the configs
that their encoders were trained with count, too.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipelines import command
from data_pipelines.errors import UserError
from gapjax.workdir.config_file import EXECUTION_KEYS, read_config
from gapjax.workdir.history import read_history, read_results

# What is told by default, of what the runs have.
METRICS = ("eval/top1", "zsl/top1", "gzsl/area", "gzsl_validation/harmonic", "gzsl_oracle/harmonic")

# The key of a path that decides what is computed: by what is there, not by where that is.
ENCODER = "encoder.checkpoint"


@dataclass(frozen=True)
class Result:
    """One finished run.

    Attributes:
        workdir: its working directory.
        config: dotted key → value; those of its encoder's run go by `encoder.checkpoint.KEY`.
        metrics: those of the evaluation at its end.
    """

    workdir: Path
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
    step = read_history(workdir / "metrics.jsonl").lines[-1]["step"]
    metrics = read_results(workdir, config.get("train.epochs", 0), step)
    return Result(workdir, with_encoder(config, workdir), metrics)


def with_encoder(config: Mapping[str, Any], workdir: Path) -> dict[str, Any]:
    """Return a run's config with what its encoder is instead of where it is.

    Raises:
        UserError: the encoder's own config cannot be read.
    """
    if ENCODER not in config:
        return dict(config)
    path = Path(config[ENCODER] or workdir / "encoder")
    if path.is_dir():
        own = read_config(path)
        found = {f"{ENCODER}.{key}": value for key, value in own.items()}
    else:
        # Of what is gone only the path is known: it may have been a run called as all others are.
        found = {ENCODER: path.name if path.is_file() else config[ENCODER]}
    return {key: value for key, value in config.items() if key != ENCODER} | found


def plain(key: str) -> str:
    """Return a key as configs have it, for one of an encoder's run, too.

    >>> plain("encoder.checkpoint.seed"), plain("encoder.epochs")
    ('seed', 'encoder.epochs')
    """
    return key.removeprefix(f"{ENCODER}.")


def group(results: Sequence[Result], over: Sequence[str]) -> list[Row]:
    """Return one row for every config, in the order of first occurrence.

    Args:
        results: the runs.
        over: config keys that may differ within a row, those of encoders' runs included.

    Raises:
        UserError: two runs of a row differ in none of them, so that one run would count twice.
    """
    rows: dict[str, dict[str, Result]] = {}
    left_out = {*over, *EXECUTION_KEYS}
    for result in results:
        common = {key: each for key, each in result.config.items() if plain(key) not in left_out}
        varied = {key: each for key, each in result.config.items() if plain(key) in over}
        members = rows.setdefault(json.dumps(common, sort_keys=True), {})
        first = members.setdefault(json.dumps(varied, sort_keys=True), result)
        if first is not result:
            same = f"{first.workdir} and {result.workdir} have the same {', '.join(over)}"
            raise UserError(f"{same}: give one of them, or name in --over what else differs")
    return [Row(json.loads(common), [*members.values()]) for common, members in rows.items()]


def titles(rows: Sequence[Row]) -> list[str]:
    """Return what each row has that not all rows have: `key=value`, separated by spaces."""
    keys = sorted({key for row in rows for key in row.config if not _is_echo(key, rows)})
    told = [key for key in keys if len({json.dumps(row.config.get(key)) for row in rows}) > 1]
    return [
        " ".join(f"{key}={row.config[key]}" for key in told if key in row.config) or "all runs"
        for row in rows
    ]


def _is_echo(key: str, rows: Sequence[Row]) -> bool:
    """Return whether a key of encoders' runs has in every row what the row's own key has."""
    having = [row.config for row in rows if key in row.config]
    return plain(key) != key and all(each[key] == each.get(plain(key)) for each in having)


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


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.summarize", description=__doc__)
    parser.add_argument("workdirs", nargs="+", type=Path, metavar="DIR")
    parser.add_argument(
        "--over", default="seed", help="keys that may differ within a row: seed,..."
    )
    parser.add_argument("--metrics", help="what to tell, of metrics.jsonl: zsl/top1,...")
    options = parser.parse_args(arguments)
    results = [read_result(workdir) for workdir in options.workdirs]
    metrics = options.metrics.split(",") if options.metrics else METRICS
    known = [key for key in metrics if any(key in result.metrics for result in results)]
    if not known:
        raise UserError(f"no run has any of {', '.join(metrics)}")
    print(table(group(results, options.over.split(",")), known))
    return 0


if __name__ == "__main__":
    sys.exit(main())
