"""Metrics read back: series over epochs, truncated lines, refusals."""

import json
import pathlib

import pytest

from data_pipelines.errors import UserError
from gapjax.workdir.history import read_history, read_results

LINES = [
    {"step": 5, "epoch": 1, "train/loss": 3.0, "train/accuracy": 0.2},
    {"step": 10, "epoch": 1, "train/loss": 2.0, "train/accuracy": 0.4},
    {"step": 10, "epoch": 1, "eval/top1": 0.5},
    {"step": 15, "epoch": 2, "train/loss": 1.0, "train/accuracy": 0.6},
]


def write_lines(path: pathlib.Path, end: str = "\n") -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, LINES)) + end)
    return path


def test_series_are_over_epochs_with_fractions(tmp_path: pathlib.Path) -> None:
    history = read_history(write_lines(tmp_path / "metrics.jsonl"))
    epochs, values = history.series("train/loss")
    assert epochs.tolist() == [0.5, 1.0, 1.5]
    assert values.tolist() == [3, 2, 1]
    assert history.series("eval/top1")[0].tolist() == [1.0]
    assert len(history.series("nothing")[0]) == 0


def test_a_truncated_last_line_is_dropped(tmp_path: pathlib.Path) -> None:
    complete = read_history(write_lines(tmp_path / "metrics.jsonl"))
    for end in ("", "\n{", '\n{"step": 20, "epo', "\n\n"):
        assert read_history(write_lines(tmp_path / "metrics.jsonl", end)) == complete


@pytest.mark.parametrize("line", ["{", "[]", '{"step": 1}', '{"step": "a", "epoch": 1}', "3"])
def test_the_number_of_a_malformed_line_is_reported(tmp_path: pathlib.Path, line: str) -> None:
    path = write_lines(tmp_path / "metrics.jsonl", f"\n{line}\n{{}}\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 5, is not a line of metrics"):
        read_history(path)


def test_missing_and_empty_metrics_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match=r"metrics\.jsonl is missing; is .* a working directory"):
        read_history(tmp_path / "metrics.jsonl")
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(UserError, match="has no metrics yet"):
        read_history(tmp_path / "metrics.jsonl")


def test_results_are_those_of_the_last_checkpoint(tmp_path: pathlib.Path) -> None:
    write_lines(tmp_path / "metrics.jsonl")
    assert read_results(tmp_path, 1, 10) == {"step": 10, "epoch": 1, "eval/top1": 0.5}
    for epochs, step in ((2, 10), (1, 5), (2, 15), (2, 20)):
        with pytest.raises(UserError, match="is not finished: run its command again"):
            read_results(tmp_path, epochs, step)
