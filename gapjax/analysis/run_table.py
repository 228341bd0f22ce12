"""Means and standard deviations over runs whose configs differ in their seed alone."""

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipelines.errors import UserError
from gapjax.workdir import data_file
from gapjax.workdir.config_file import EXECUTION_KEYS, read_config
from gapjax.workdir.history import read_history, read_results

# The path of an encoder's run, whose own config is compared instead of the path.
ENCODER = "encoder.checkpoint"


@dataclass(frozen=True, eq=False)
class Result:
    """One finished run.

    Attributes:
        workdir: its working directory.
        config: dotted key → value; the config of its skeleton encoder's run has keys
            `encoder.checkpoint.KEY`.
        metrics: the metrics of its last evaluation.
    """

    workdir: Path
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """Runs with the same config.

    Attributes:
        config: the config without the keys that may differ.
        results: the runs.
    """

    config: Mapping[str, Any]
    results: Sequence[Result]


def read_result(workdir: Path) -> Result:
    """Return the result of a working directory.

    Raises:
        UserError: it is no working directory, or its run is not finished.
    """
    config = read_config(workdir)
    step = read_history(workdir / "metrics.jsonl").lines[-1]["step"]
    metrics = read_results(workdir, config.get("train.epochs", 0), step)
    return Result(workdir, _with_encoder(config, workdir), metrics)


def _with_encoder(config: Mapping[str, Any], workdir: Path) -> dict[str, Any]:
    """Return a run's config with the config of its skeleton encoder instead of its path."""
    if ENCODER not in config:
        return dict(config)
    path = Path(config[ENCODER] or workdir / "encoder")
    if path.is_dir():
        encoder = {f"{ENCODER}.{key}": value for key, value in read_config(path).items()}
    else:
        # A published file is identified by its name, a deleted run by its path.
        encoder = {ENCODER: path.name if path.is_file() else config[ENCODER]}
    return {key: value for key, value in config.items() if key != ENCODER} | encoder


def without_prefix(key: str) -> str:
    """Return a key without the prefix of an encoder's run.

    >>> without_prefix("encoder.checkpoint.seed"), without_prefix("encoder.epochs")
    ('seed', 'encoder.epochs')
    """
    return key.removeprefix(f"{ENCODER}.")


def group(results: Sequence[Result], over: Sequence[str]) -> list[Row]:
    """Return one row per config, in the order of first occurrence.

    Args:
        results: the runs.
        over: config keys that may differ within a row, also in encoders' runs.

    Raises:
        UserError: two runs of a row differ in none of them, so that one run would count twice; or
            their data differ.
    """
    rows: dict[str, dict[str, Result]] = {}
    ignored = {*over, *EXECUTION_KEYS}
    for result in results:
        config = result.config
        common = {key: config[key] for key in config if without_prefix(key) not in ignored}
        varied = {key: config[key] for key in config if without_prefix(key) in over}
        members = rows.setdefault(json.dumps(common, sort_keys=True), {})
        first = members.setdefault(json.dumps(varied, sort_keys=True), result)
        if first is not result:
            same = f"{first.workdir} and {result.workdir} have the same {', '.join(over)}"
            raise UserError(f"{same}: give one of them, or name in --over what else differs")
    for members in rows.values():
        data_file.check_same([result.workdir for result in members.values()])
    return [Row(json.loads(common), [*members.values()]) for common, members in rows.items()]


def table(rows: Sequence[Row], metrics: Sequence[str]) -> str:
    """Return a Markdown table with one line per row; a metric that a run lacks is a dash.

    The last column names the rows' working directories.

    Raises:
        UserError: no run has any of the metrics.
    """
    runs = [run for row in rows for run in row.results]
    known = [key for key in metrics if any(key in run.metrics for run in runs)]
    if not known:
        raise UserError(f"no run has any of {', '.join(metrics)}")
    names = dict(zip(runs, workdir_names([run.workdir for run in runs]), strict=True))
    header = ["runs", *known, "config", "directories"]
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for row, title in zip(rows, titles(rows), strict=True):
        cells = [cell([run.metrics.get(key) for run in row.results]) for key in known]
        directories = ", ".join(names[run] for run in row.results)
        lines.append("| " + " | ".join([str(len(row.results)), *cells, title, directories]) + " |")
    return "\n".join(lines)


def workdir_names(workdirs: Sequence[Path]) -> list[str]:
    """Return short names of working directories: of their folders, or from a common parent on.

    >>> workdir_names([Path("runs/a"), Path("runs/b")])
    ['a', 'b']
    >>> workdir_names([Path("runs/a/joint"), Path("runs/b/joint")])
    ['a/joint', 'b/joint']
    """
    paths = [workdir.resolve() for workdir in workdirs]
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        parent = os.path.commonpath([path.parent for path in paths])
        names = [path.relative_to(parent).as_posix() for path in paths]
    return names


def titles(rows: Sequence[Row]) -> list[str]:
    """Return the keys in which a row differs from others: `key=value`, separated by spaces."""
    keys = sorted({key for row in rows for key in row.config if not _repeats_run(key, rows)})
    differing = [key for key in keys if len({json.dumps(row.config.get(key)) for row in rows}) > 1]
    return [
        " ".join(f"{key}={row.config[key]}" for key in differing if key in row.config) or "all runs"
        for row in rows
    ]


def _repeats_run(key: str, rows: Sequence[Row]) -> bool:
    """Return whether a key of encoders' runs has the value of the run itself in every row."""
    configs = [row.config for row in rows if key in row.config]
    bare = without_prefix(key)
    return bare != key and all(config[key] == config.get(bare) for config in configs)


def cell(values: Sequence[float | None]) -> str:
    """Return mean ± sample standard deviation in percent, or a dash if a value is missing.

    >>> cell([0.5, 0.6]), cell([0.5]), cell([0.5, None])
    ('55.0 ± 7.1', '50.0', '-')
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "-"
    mean = f"{100 * statistics.fmean(known):.1f}"
    return f"{mean} ± {100 * statistics.stdev(known):.1f}" if len(known) > 1 else mean
