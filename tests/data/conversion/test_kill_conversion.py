"""The short form of `kill_conversion.py`, on the dataset `tiny`, and that it sees faults."""

import pathlib
import random
import shutil

import pytest

from stress.kill_conversion import Conversion, differences, disturb, resume
from support import tiny_dataset

pytestmark = pytest.mark.slow

KILLED = """
import sys
sys.path.insert(0, "tests")
import pytest
from support import tiny_dataset
from data_pipelines.convert import main
tiny_dataset.put_in_place(pytest.MonkeyPatch())
sys.exit(main(["tiny", f"--out={sys.argv[1]}", "--jobs=2"]))
"""
# About a second to read.
TINY = Conversion("tiny", ["-c", KILLED, ""], chunks=11, environment={"TINY_SECONDS": "0.15"})
KILLS = 4


def test_killed_at_any_moment_it_goes_on(tiny: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Killed while it reads and while it writes, it ends as if undisturbed."""
    out = tmp_path / "data"
    moments = list(TINY.moments(KILLS, random.Random(0)))
    assert len(moments) == KILLS
    for moment in moments:
        assert disturb(TINY, out, moment) == ""
    assert len(list(out.glob(".tiny.chunks/*.npz"))) == 11
    assert resume(TINY, out, tiny) == []


def test_differences_are_seen(tiny: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert differences(tiny, tiny) == []
    altered = shutil.copytree(tiny, tmp_path / "altered")
    (altered / "index.csv").write_text((tiny / "index.csv").read_text().replace("3", "4"))
    assert differences(altered, tiny) == ["index.csv differs"]
    other = tiny_dataset.in_two_shards(tiny, tmp_path / "shards")
    assert "1.0.0/tiny-samples.tfrecord-00001-of-00002 differs" in differences(other, tiny)
