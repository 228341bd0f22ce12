"""Arrays written block by block."""

import collections
import pathlib
import shutil

import numpy as np
import pytest

from data_pipelines.errors import UserError
from data_pipelines.storage import npy


def test_the_blocks_are_one_array(tmp_path: pathlib.Path) -> None:
    array = np.random.default_rng(0).normal(size=(7, 2, 3)).astype(np.float32)
    with (tmp_path / "a.npy").open("wb") as file:
        npy.write(file, 7, (array[:4], array[4:4], array[4:].astype(np.float64)), "make room")
    np.save(tmp_path / "b.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_an_array_that_does_not_fit_on_the_disk(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = collections.namedtuple("usage", "free")(4 * 10**9 - 1)
    monkeypatch.setattr(shutil, "disk_usage", {tmp_path: usage}.get)
    block = np.zeros((1, 1000), np.float32)
    expected = f"^{tmp_path}: 4.0 GB are needed and 4.0 GB are free; make room$"
    with pytest.raises(UserError, match=expected), (tmp_path / "a.npy").open("wb") as file:
        npy.write(file, 10**6, [block], "make room")
    assert (tmp_path / "a.npy").read_bytes() == b""
