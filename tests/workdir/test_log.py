"""The log of a run."""

import json
from pathlib import Path

from gapjax.workdir.log import Logbook, truncate


def lines(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_a_resumed_log_has_no_line_twice(tmp_path: Path) -> None:
    log = Logbook(tmp_path, 0, 10)
    for step in (2, 4, 6):
        log.write(step, 1, {"train/loss": float(step)})
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "epo')
    log = Logbook(tmp_path, 4, 10)
    log.write(6, 1, {"train/loss": 60.0, "note": "text"})
    log.close()
    assert [line["step"] for line in lines(tmp_path)] == [2, 4, 6]
    assert lines(tmp_path)[-1] == {"step": 6, "epoch": 1, "train/loss": 60.0, "note": "text"}
    assert list((tmp_path / "tensorboard").iterdir())


def test_truncating_a_missing_file_creates_none(tmp_path: Path) -> None:
    assert truncate(tmp_path / "metrics.jsonl", 3) == []
    assert not list(tmp_path.iterdir())


def test_damaged_lines_are_dropped_and_others_kept(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n\xff\x00{"st\n{"step": 2}\n{"step": "a"}\n3\n{"step": 3}\n')
    assert truncate(path, 2) == lines(tmp_path) == [{"step": 1}, {"step": 2}]
