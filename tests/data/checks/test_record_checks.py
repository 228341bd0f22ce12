"""Every kind of damage to records or to the pack is found, and its file and sample named."""

import dataclasses
import pathlib
import shutil
from collections.abc import Callable

import numpy as np
import pytest

from data_pipelines.checks.record_checks import MOST_DAMAGED
from data_pipelines.storage import tfrecord
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import open_pack
from data_pipelines.verify import main
from support import tiny_dataset
from support.faulty import SHARD, edited, failed, flipped, written

pytestmark = pytest.mark.usefixtures("tiny_known")


def test_records_in_several_files(tiny: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = tiny_dataset.in_two_shards(tiny, tmp_path / "tiny")
    assert failed(folder) == {}
    second = folder / "1.0.0" / "tiny-samples.tfrecord-00001-of-00002"
    content = bytearray(second.read_bytes())
    content[40] ^= 1
    second.write_bytes(content)
    assert failed(folder) == {"checksums": f"{second}, byte 0, sample 'sample, 4': is damaged"}


@pytest.mark.parametrize("place", [3, 40, -20, -2], ids=["length", "name", "value", "checksum"])
@pytest.mark.parametrize("rows", [[0], [10], [2, 3, 8]], ids=str)
def test_a_flipped_bit_names_its_samples(
    tiny_copy: pathlib.Path, place: int, rows: list[int]
) -> None:
    """The records between damaged ones are read and checked."""
    flipped(tiny_copy, rows, place)
    offset = Index.load(tiny_copy).offset
    faults = [
        f"{tiny_copy / SHARD}, byte {offset[i]}, sample 'sample, {i}': is damaged" for i in rows
    ]
    assert failed(tiny_copy) == {"checksums": "\n".join(faults)}


def test_a_file_that_is_rubbish_is_given_up(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_pipelines.checks.record_checks.MOST_DAMAGED", 3)
    flipped(tiny_copy, range(11), 9)
    *faults, last = failed(tiny_copy)["checksums"].splitlines()
    assert len(faults) == 3 < MOST_DAMAGED
    assert (
        last == f"{tiny_copy / SHARD}: is not read on after byte {Index.load(tiny_copy).offset[3]}"
    )


@pytest.mark.parametrize("kept", [0, 5, 30])
def test_a_file_that_is_cut(tiny_copy: pathlib.Path, kept: int) -> None:
    index = Index.load(tiny_copy)
    (tiny_copy / SHARD).write_bytes((tiny_copy / SHARD).read_bytes()[: index.offset[8] + kept])
    found = failed(tiny_copy)
    assert "tfrecord-00000-of-00001: is cut or altered" in found["files"]
    absent = [row for row in (8, 9, 10) if not (kept and row == 8)]
    assert found["rows"].splitlines() == [
        f"{tiny_copy / SHARD}, byte {index.offset[i]}, sample 'sample, {i}': no record is there"
        for i in absent
    ]
    damaged = f"{tiny_copy / SHARD}, byte {index.offset[8]}, sample 'sample, 8': is damaged"
    assert found.get("checksums") == (damaged if kept else None)


def test_files_that_are_missing_or_too_many(tiny_copy: pathlib.Path) -> None:
    shutil.copy(tiny_copy / SHARD, tiny_copy / "1.0.0" / "tiny-samples.tfrecord-00001-of-00002")
    faults = failed(tiny_copy)["rows"].splitlines()
    assert len(faults) == 11
    assert faults[3].endswith("sample 'sample, 3': is in no row of index.csv")
    (tiny_copy / SHARD).unlink()
    assert failed(tiny_copy)["checksums"] == f"{tiny_copy / SHARD}: is missing"


@pytest.mark.parametrize("count", [1, 11, 12, 20, 300])
def test_bytes_after_the_last_record(tiny_copy: pathlib.Path, count: int) -> None:
    end = (tiny_copy / SHARD).stat().st_size
    with (tiny_copy / SHARD).open("ab") as file:
        file.write(b"x" * count)
    found = failed(tiny_copy)
    assert found["checksums"] == f"{tiny_copy / SHARD}, byte {end}: is damaged"
    assert "is cut or altered" in found["files"]


def test_a_record_of_another_program(tiny_copy: pathlib.Path) -> None:
    """Its checksums hold, but it is no skeleton."""
    tf = tfrecord.tensorflow()
    for content in (b"x" * 40, tf.train.Example().SerializeToString()):
        with tf.io.TFRecordWriter(str(tiny_copy / SHARD)) as writer:
            writer.write(content)
        fault = f"{tiny_copy / SHARD}, byte 0, sample 'sample, 0': is damaged"
        assert failed(tiny_copy)["checksums"] == fault


EDITS = {
    "name": ("sample, x", "'sample, 4', but 'sample, x'"),
    "label": (2, "1, but 2"),
    "subject": (4, "5, but 4"),
    "camera": (2, "1, but 2"),
    "setup": (3, "0, but 3"),
    "frames": (6, "7, but 6"),
    "bodies": (1, "2, but 1"),
}


@pytest.mark.parametrize("fact", EDITS)
def test_an_edited_row(tiny_copy: pathlib.Path, fact: str) -> None:
    value, said = EDITS[fact]
    edited(tiny_copy, 4, **{fact: value})
    where = f"{tiny_copy / SHARD}, byte {Index.load(tiny_copy).offset[4]}, sample 'sample, 4'"
    assert failed(tiny_copy)["rows"] == f"{where}: its {fact} is {said} in line 6 of index.csv"


def test_rows_of_each_others_records(tiny_copy: pathlib.Path) -> None:
    index = Index.load(tiny_copy)
    edited(tiny_copy, 2, offset=int(index.offset[5]), bytes=int(index.bytes[5]))
    found = failed(tiny_copy)
    assert "is cut or altered" in found["files"]
    assert f"byte {index.offset[2]}, sample 'sample, 2': is in no row" in found["rows"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite(tmp_path: pathlib.Path, value: float) -> None:
    records = tiny_dataset.samples()
    records[6].skeleton[-1, -1, -1, -1] = value
    folder = written(tmp_path, records)
    (fault,) = failed(folder).items()
    assert fault[0] == "values"
    assert fault[1].endswith("sample 'sample, 6': has a coordinate that is not finite")


def test_frames_of_another_shape(tmp_path: pathlib.Path) -> None:
    flat = [
        dataclasses.replace(record, skeleton=record.skeleton[..., :2])
        for record in tiny_dataset.samples()
    ]
    (faults,) = failed(written(tmp_path, flat, coordinates=2)).values()
    assert faults.splitlines()[2].endswith("sample 'sample, 2': has the shape (9, 1, 4, 2)")


def change_number(pack: pathlib.Path) -> None:
    frames = np.load(pack / "frames.npy", mmap_mode="r+")
    frames[7, 3, 2] += 1
    frames.flush()


def other_digest(pack: pathlib.Path) -> None:
    (pack / "digest").write_text("0" * 64)


def cut(pack: pathlib.Path) -> None:
    np.save(pack / "frames.npy", np.load(pack / "frames.npy")[:-1])


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (change_number, "sample 'sample, 2': has other numbers in the pack"),
        (other_digest, "pack: is cut, or of another index"),
        (cut, "pack: is cut, or of another index"),
    ],
)
def test_a_damaged_pack(
    tiny_copy: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[pathlib.Path], None],
    fault: str,
) -> None:
    open_pack(tiny_copy)
    damage(tiny_copy / "pack")
    assert main([str(tiny_copy)]) == 1
    *_, line, found, _ = capsys.readouterr().out.splitlines()
    assert line == (
        f"pack: FAILED, 1 fault; remove {tiny_copy / 'pack'}; it is made again when it is needed"
    )
    assert found.endswith(fault)


def test_a_pack_without_its_records(tiny_copy: pathlib.Path) -> None:
    open_pack(tiny_copy)
    (tiny_copy / SHARD).unlink()
    assert failed(tiny_copy) == {}
    frames = np.load(tiny_copy / "pack" / "frames.npy", mmap_mode="r+")
    frames[-1, 0, 0] = np.nan
    frames.flush()
    found = "pack: sample 'sample, 10' has a coordinate that is not finite"
    assert failed(tiny_copy) == {"pack": found}
