"""`python -m data_pipelines.verify`: what is printed of good, damaged and partial datasets."""

import pathlib

import pytest

from data_pipelines.storage.digests import protocol_digest
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import open_pack
from data_pipelines.verify import SHOWN, main
from support import tiny_dataset
from support.faulty import flipped, written

pytestmark = pytest.mark.usefixtures("tiny_known")

CHECKS = ["index", "names", "label", "bodies", "frames", "protocol xsub", "protocol xview", "files"]
CHECKS += ["checksums", "rows", "shapes", "values"]


def test_a_good_dataset_passes(tiny_copy: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny_copy)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [*CHECKS, str(tiny_copy)]
    assert all(": ok, " in line for line in lines[:-1])
    index = Index.load(tiny_copy)
    digest = protocol_digest(index, tiny_dataset.spec().protocols["xsub"])
    assert lines[0] == f"index: ok, 11 samples; digest {index.digest[:12]}"
    assert lines[5] == f"protocol xsub: ok, 7 of 7 train, 4 of 4 test; digest {digest}"
    assert lines[-1] == f"{tiny_copy}: all 12 checks hold"
    open_pack(tiny_copy)
    assert main([str(tiny_copy)]) == 0
    assert "\npack: ok, its numbers are those of the records\n" in capsys.readouterr().out


def test_what_is_printed_of_damage(
    tiny_copy: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flipped(tiny_copy, range(SHOWN + 2), 50)
    assert main([str(tiny_copy)]) == 1
    out = capsys.readouterr().out
    head, _, tail = out.partition(f"checksums: FAILED, {SHOWN + 2} faults; convert again: ")
    assert head.count(": ok, ") == 8
    first, *faults, more, rows, shapes, values, last = tail.splitlines()
    assert first == (
        f"`python -m data_pipelines.convert tiny --out={tiny_copy.parent} --overwrite`"
    )
    assert len(faults) == SHOWN
    assert all(line.endswith(": is damaged") for line in faults)
    assert more == "  and 2 more"
    assert all(line.endswith(" of the records that can be read") for line in (rows, shapes, values))
    assert last == f"{tiny_copy}: 1 of 12 checks FAILED"


def test_a_damaged_index_is_a_failure(
    tiny_copy: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_copy / "index.csv").write_text((tiny_copy / "index.csv").read_text()[:-9])
    assert main([str(tiny_copy)]) == 1
    out = capsys.readouterr().out
    assert "index: FAILED, 1 fault; convert again" in out
    assert f"  {tiny_copy / 'index.csv'}: is cut or altered" in out


def test_what_is_no_dataset(
    tiny_copy: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, message in (
        (tmp_path / "nowhere", "nowhere: no converted dataset is here"),
        (tiny_copy.rename(tmp_path / "renamed"), "no dataset 'renamed' (there are: "),
    ):
        assert main([str(path)]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        assert message in printed.err


def test_a_partial_set_is_no_failure(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path, tiny_dataset.samples()[:4])
    assert main([str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    digest = protocol_digest(Index.load(folder), tiny_dataset.spec().protocols["xsub"])
    lacks = "test has no sample of 2 of 3 classes ('hug' first)"
    assert lines[5] == (
        f"protocol xsub: partial, 3 of 7 train, 1 of 4 test; {lacks}; digest {digest}"
    )
