"""Chunks keep what was read, and tell when they are damaged."""

import pathlib

import numpy as np
import pytest

from data_pipelines.errors import DataError, FileError
from data_pipelines.specs.record import LeftOut
from data_pipelines.storage import chunks
from support import tiny_dataset


def test_a_chunk_keeps_everything(tmp_path: pathlib.Path) -> None:
    samples = tiny_dataset.samples()
    rejected = [FileError("ä, b", "is bad", 3), FileError("c", 'is "worse"')]
    absent = [LeftOut("ö", "nobody, at all"), LeftOut("d", "too", 7)]
    for some, errors, lost in (
        *((samples, rejected, []), ([], rejected, absent), (samples[:1], [], absent)),
    ):
        chunks.save(tmp_path / "a.npz", some, errors, lost)
        summary = chunks.summary(tmp_path / "a.npz")
        assert summary.names == [sample.name for sample in some]
        assert summary.left_out == lost
        assert [error.args for error in summary.rejected] == [error.args for error in errors]
        for record, sample in zip(chunks.records(tmp_path / "a.npz"), some, strict=True):
            np.testing.assert_array_equal(record.skeleton, sample.skeleton)
            assert vars(record) | {"skeleton": 0} == vars(sample) | {"skeleton": 0}
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[200] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a.npz: is damaged; remove it and run the command again"):
        chunks.records(tmp_path / "a.npz")
