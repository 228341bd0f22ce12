"""Conversion: the same bytes every time, all or nothing, and one clear line for a mistake."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence

import numpy as np
import pytest
from tensorflow_datasets.core import shuffle
from tensorflow_datasets.proto import tf_example_pb2

from data_pipelines.convert import convert, main
from data_pipelines.errors import DataError, UserError
from data_pipelines.specs.record import Record
from data_pipelines.storage import builder
from data_pipelines.storage.index import Index
from support import tiny_dataset
from support.commands import ROOT
from support.raw_files import contents

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_known")]


def give(monkeypatch: pytest.MonkeyPatch, records: Sequence[Record]) -> None:
    """Let the dataset `tiny` have these records."""
    from data_pipelines.datasets import tiny

    files = {f"file {number} of {len(records)}": each for number, each in enumerate(records, 1)}
    monkeypatch.setattr(tiny, "items", lambda raw: list(files))
    monkeypatch.setattr(tiny, "read", lambda item: [files[item]])


def test_tfds_reads_what_was_written(tmp_path: pathlib.Path) -> None:
    import tensorflow_datasets as tfds

    folder = convert("tiny", None, tmp_path)
    source = tfds.builder("tiny", data_dir=tmp_path)
    assert source.info.features["label"].names == ["wave", "hug", "stand"]
    read = list(source.as_dataset(split=builder.SPLIT).as_numpy_iterator())
    index, samples = Index.load(folder), tiny_dataset.samples()
    assert index.name.tolist() == [example["name"].decode() for example in read]
    for example, sample in zip(read, samples, strict=True):
        np.testing.assert_array_equal(example["skeleton"], sample.skeleton)
        assert example["skeleton"].dtype == np.float32
        for fact in ("label", "subject", "camera", "setup"):
            assert example[fact] == getattr(sample, fact)


def test_index_locates_the_records(tmp_path: pathlib.Path) -> None:
    index = Index.load(convert("tiny", None, tmp_path))
    (shard,) = set(index.shard)
    content = (tmp_path / "tiny" / shard).read_bytes()
    for name, offset, size in zip(index.name, index.offset, index.bytes, strict=True):
        length = int.from_bytes(content[offset : offset + 8], "little")
        assert length + 16 == size
        example = tf_example_pb2.Example.FromString(content[offset + 12 : offset + size - 4])
        assert example.features.feature["name"].bytes_list.value[0].decode() == name


def test_the_same_bytes_every_time(tmp_path: pathlib.Path) -> None:
    first = contents(convert("tiny", None, tmp_path / "first"))
    second = contents(convert("tiny", None, tmp_path / "second"))
    assert first == second
    assert set(first) == {
        "index.csv",
        "1.0.0/dataset_info.json",
        "1.0.0/features.json",
        "1.0.0/label.labels.txt",
        "1.0.0/tiny-samples.tfrecord-00000-of-00001",
    }


def test_features_are_written_in_one_order() -> None:
    """Protobuf writes maps in an order of its own; two orders of one message become one."""
    parts = []
    for value, name in enumerate("abcdefgh"):
        example = tf_example_pb2.Example()
        example.features.feature[name].int64_list.value.append(value)
        parts.append(example.SerializeToString())
    # Messages are merged by joining their bytes.
    written = {builder._with_sorted_keys(b"".join(order)) for order in (parts, parts[::-1])}
    assert len(written) == 1
    assert [byte for byte in written.pop() if byte in b"abcdefgh"] == list(b"abcdefgh")


def test_data_larger_than_memory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tfds' buckets on disk keep the order of the records."""
    small = contents(convert("tiny", None, tmp_path / "small"))
    monkeypatch.setattr(shuffle, "MAX_MEM_BUFFER_SIZE", 500)
    monkeypatch.setattr(builder, "_KEY_STEP", 1 << 124)
    assert contents(convert("tiny", None, tmp_path / "large")) == small


def test_a_complete_dataset_is_left_alone(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tiny", f"--out={tmp_path}"]) == 0
    assert " 11 samples in " in capsys.readouterr().out
    before = (tmp_path / "tiny").stat().st_ino
    assert main(["tiny", f"--out={tmp_path}"]) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path / 'tiny'}: 11 samples, already converted (--overwrite converts again)\n"
    )
    assert (tmp_path / "tiny").stat().st_ino == before


def test_overwrite_replaces_the_dataset_and_its_pack(tmp_path: pathlib.Path) -> None:
    folder = convert("tiny", None, tmp_path)
    (folder / "pack").mkdir()
    before = contents(folder)
    (folder / "index.csv").write_text("old")
    assert main(["tiny", f"--out={tmp_path}", "--overwrite"]) == 0
    assert contents(folder) == before
    assert not (folder / "pack").exists()


def test_a_damaged_dataset_is_converted_again(tmp_path: pathlib.Path) -> None:
    folder = convert("tiny", None, tmp_path)
    before = contents(folder)
    (shard,) = folder.glob("*/*.tfrecord-*")
    shard.write_bytes(shard.read_bytes()[:500])
    assert contents(convert("tiny", None, tmp_path)) == before


def test_what_is_no_dataset_is_never_replaced(tmp_path: pathlib.Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "thesis.tex").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(DataError, match="tiny: exists and is not a converted dataset; choose"):
            convert("tiny", None, tmp_path, overwrite=overwrite)
    assert contents(tmp_path) == {"tiny/thesis.tex": b"x"}


def test_raw_files_inside_the_dataset_are_never_replaced(tmp_path: pathlib.Path) -> None:
    raw = convert("tiny", None, tmp_path) / "raw.zip"
    raw.write_text("x")
    with pytest.raises(DataError, match=r"raw.zip: lies in .*tiny, which would be replaced; move"):
        convert("tiny", raw, tmp_path, overwrite=True)
    assert raw.exists()


GOOD = dataclasses.replace(Record(np.ones((3, 2, 4, 3), np.float32), 0, 1, 1, 0, "bad"))
BAD = {
    "joints": ({"skeleton": np.zeros((3, 2, 5, 3), np.float32)}, r"has the shape \(3, 2, 5, 3\)"),
    "frames": ({"skeleton": np.zeros((0, 2, 4, 3), np.float32)}, r"has the shape \(0, 2, 4, 3\)"),
    "persons": ({"skeleton": np.zeros((3, 3, 4, 3), np.float32)}, "has 3 persons, not 1 to 2"),
    "nobody": ({"skeleton": np.zeros((3, 0, 4, 3), np.float32)}, "has 0 persons, not 1 to 2"),
    "finite": (
        {"skeleton": np.full((3, 2, 4, 3), np.nan, np.float32)},
        "has a coordinate that is not finite",
    ),
    "label": ({"label": 3}, "has the class 3, not 0 to 2"),
    "type": ({"skeleton": np.zeros((3, 2, 4, 3))}, "has coordinates of type float64, not float32"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_is_no_dataset(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    change, message = BAD[case]
    samples = [*tiny_dataset.samples()[:2], dataclasses.replace(GOOD, **change)]
    message = f"sample 'bad' {message}.*; repair or remove it"
    give(monkeypatch, samples)
    with pytest.raises(DataError, match=f"^file 3 of 3: {message}$"):
        convert("tiny", None, tmp_path, strict=True)
    give(monkeypatch, samples[2:])
    with pytest.raises(
        DataError, match=f"^tiny: no file .*; the first of 1: file 1 of 1: {message}$"
    ):
        convert("tiny", None, tmp_path)
    assert not (tmp_path / "tiny").exists()


def test_a_name_twice_and_no_sample(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, [GOOD, GOOD])
    with pytest.raises(DataError, match="tiny: sample 'bad' is there twice; repair or remove it"):
        convert("tiny", None, tmp_path)
    give(monkeypatch, [])
    with pytest.raises(DataError, match="tiny: the raw files hold no sample"):
        convert("tiny", None, tmp_path)


def test_a_failed_overwrite_keeps_the_old_dataset(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(convert("tiny", None, tmp_path))
    give(monkeypatch, [GOOD, GOOD])
    with pytest.raises(DataError, match="is there twice"):
        convert("tiny", None, tmp_path, overwrite=True)
    assert contents(tmp_path / "tiny") == before


KILLED = """
import os, pathlib, sys, time
sys.path.insert(0, "tests")
import pytest
from support import tiny_dataset
from data_pipelines.storage import tfrecord
from data_pipelines.convert import convert
tiny_dataset.put_in_place(pytest.MonkeyPatch())
from data_pipelines.datasets import tiny
read = tfrecord.read

def slow(path):
    yield from read(path)
    os.write(1, b"all is written but the index\\n")
    time.sleep(60)

tfrecord.read = slow
convert("tiny", None, pathlib.Path(sys.argv[1]))
"""


def test_killed(tmp_path: pathlib.Path) -> None:
    """Killed at the last moment, a conversion leaves no dataset, and starting it again works."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout.readline() == b"all is written but the index\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (tmp_path / ".tiny.partial").exists()
    with pytest.raises(DataError, match="no converted dataset is here"):
        Index.load(tmp_path / "tiny")
    assert len(Index.load(convert("tiny", None, tmp_path))) == 11
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", ".tiny.lock"}


def test_without_tensorflow(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is missed before anything is read."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(DataError, match="need TensorFlow, which is not installed: `pip install"):
        convert("tiny", None, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unknown_dataset(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tyni", f"--out={tmp_path}"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("gapjax: no dataset 'tyni' (there are: kinect_union, msrc12, ")
    assert " spec" not in printed.err
    assert printed.err.count("\n") == 1


def test_a_folder_that_may_not_be_written(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"cannot be written: .*; choose another --out"):
        convert("tiny", None, tmp_path / "file")


def test_a_bucket(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["tiny", "--out=gs://bucket/data"])
    assert caught.value.code == 2
    assert (
        "gs://bucket/data is not a local path: write locally, then copy" in capsys.readouterr().err
    )


def test_the_command_is_quiet(tmp_path: pathlib.Path) -> None:
    """Nothing of what TensorFlow and tfds say reaches the terminal, and nothing is left in /tmp."""
    (tmp_path / "temporary").mkdir()
    with zipfile.ZipFile(tmp_path / "all_sqe.zip", "w") as archive:
        for frames in (2, 3):
            sequence = json.dumps({"skeletons": np.ones((frames, 20, 3)).tolist()})
            archive.writestr(f"all_sqe/a01_s01_e0{frames}_v01.json", sequence)
    given = [f"--raw={tmp_path / 'all_sqe.zip'}", f"--out={tmp_path / 'data'}"]
    done = subprocess.run(
        [sys.executable, "-m", "data_pipelines.convert", "nw_ucla", *given],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        | {"TMPDIR": str(tmp_path / "temporary")},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path / 'data' / 'nw_ucla'}: 2 samples in ")
    assert done.stdout.count("\n") == 1
    assert list((tmp_path / "temporary").iterdir()) == []
