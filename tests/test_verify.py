"""`python -m data_pipelines.verify`: a good dataset passes, and every kind of damage is named."""

import dataclasses
import doctest
import pathlib
import shutil
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import tiny_dataset

from data_pipelines import builder, tfrecord
from data_pipelines import checks as checks_module
from data_pipelines import index as indexing
from data_pipelines.checks import protocol_check, split_check
from data_pipelines.datasets import nw_ucla
from data_pipelines.digests import protocol_digest, split_digest
from data_pipelines.index import Index
from data_pipelines.pack import open_pack
from data_pipelines.raw.record import Record
from data_pipelines.record_checks import FACTS, MOST_DAMAGED
from data_pipelines.spec import DatasetSpec, Protocol
from data_pipelines.verify import SHOWN, main, verify

SHARD = "1.0.0/tiny-samples.tfrecord-00000-of-00001"
CHECKS = ["index", "names", "label", "bodies", "frames", "protocol xsub", "protocol xview", "files"]
CHECKS += ["checksums", "rows", "shapes", "values"]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the dataset `tiny` be found."""
    tiny_dataset.put_in_place(monkeypatch)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tiny_dataset.converted(tmp_path_factory.mktemp("data"))


@pytest.fixture
def copy(converted: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a copy of the dataset that may be damaged."""
    return pathlib.Path(shutil.copytree(converted, tmp_path / "data" / "tiny"))


def spec() -> DatasetSpec:
    from data_pipelines.datasets import tiny

    return tiny.SPEC


def written(out: pathlib.Path, records: Sequence[Record], **facts: object) -> pathlib.Path:
    """Write records, good or bad, of a dataset with these facts, as a conversion would."""
    folder = out / "tiny"
    builder.write(dataclasses.replace(spec(), **facts), records, out)
    rows = []
    for offset, size, record in tfrecord.read(folder / SHARD):
        facts = (getattr(record, fact) for fact in FACTS)
        rows.append((*facts, *record.skeleton.shape[:2], SHARD, offset, size))
    indexing.write(folder, rows)
    return folder


def failed(folder: pathlib.Path) -> dict[str, str]:
    """Return the checks that fail, and their faults."""
    return {check.what: "\n".join(check.faults) for check in verify(folder) if check.faults}


def edited(folder: pathlib.Path, row: int, **facts: str | int) -> None:
    """Change facts in one row of the index."""
    index = Index.load(folder)
    columns = {
        field.name: getattr(index, field.name).tolist() for field in dataclasses.fields(Index)
    }
    for name, value in facts.items():
        columns[name][row] = value
    indexing.write(folder, zip(*columns.values(), strict=True))


def flipped(folder: pathlib.Path, rows: Sequence[int], place: int) -> None:
    """Flip a bit in the records of some rows, at a byte counted from their starts or ends."""
    index, content = Index.load(folder), bytearray((folder / SHARD).read_bytes())
    for row in rows:
        content[index.offset[row] + place % index.bytes[row]] ^= 1
    (folder / SHARD).write_bytes(content)


def test_a_good_dataset_passes(copy: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(copy)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [*CHECKS, str(copy)]
    assert all(": ok, " in line for line in lines[:-1])
    index = Index.load(copy)
    digest = protocol_digest(index, spec().protocols["xsub"])
    assert lines[0] == f"index: ok, 11 samples; digest {index.digest[:12]}"
    assert lines[5] == f"protocol xsub: ok, 7 of 7 train, 4 of 4 test; digest {digest}"
    assert lines[-1] == f"{copy}: all 12 checks hold"
    open_pack(copy)
    assert main([str(copy)]) == 0
    assert "\npack: ok, its numbers are those of the records\n" in capsys.readouterr().out


def test_records_in_several_files(converted: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = tiny_dataset.in_two_shards(converted, tmp_path / "tiny")
    assert failed(folder) == {}
    second = folder / "1.0.0" / "tiny-samples.tfrecord-00001-of-00002"
    content = bytearray(second.read_bytes())
    content[40] ^= 1
    second.write_bytes(content)
    assert failed(folder) == {"checksums": f"{second}, byte 0, sample 'sample, 4': is damaged"}


@pytest.mark.parametrize("place", [3, 40, -20, -2], ids=["length", "name", "value", "checksum"])
@pytest.mark.parametrize("rows", [[0], [10], [2, 3, 8]], ids=str)
def test_a_flipped_bit_names_its_samples(copy: pathlib.Path, place: int, rows: list[int]) -> None:
    """The records between damaged ones are read and checked."""
    flipped(copy, rows, place)
    offset = Index.load(copy).offset
    faults = [f"{copy / SHARD}, byte {offset[i]}, sample 'sample, {i}': is damaged" for i in rows]
    assert failed(copy) == {"checksums": "\n".join(faults)}


def test_what_is_printed_of_damage(copy: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    flipped(copy, range(SHOWN + 2), 50)
    assert main([str(copy)]) == 1
    out = capsys.readouterr().out
    head, _, tail = out.partition(f"checksums: FAILED, {SHOWN + 2} faults; convert again: ")
    assert head.count(": ok, ") == 8
    first, *faults, more, rows, shapes, values, last = tail.splitlines()
    assert first == (f"`python -m data_pipelines.convert tiny --out={copy.parent} --overwrite`")
    assert len(faults) == SHOWN
    assert all(line.endswith(": is damaged") for line in faults)
    assert more == "  and 2 more"
    assert all(line.endswith(" of the records that can be read") for line in (rows, shapes, values))
    assert last == f"{copy}: 1 of 12 checks FAILED"


def test_a_file_that_is_rubbish_is_given_up(
    copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_pipelines.record_checks.MOST_DAMAGED", 3)
    flipped(copy, range(11), 9)
    *faults, last = failed(copy)["checksums"].splitlines()
    assert len(faults) == 3 < MOST_DAMAGED
    assert last == f"{copy / SHARD}: is not read on after byte {Index.load(copy).offset[3]}"


@pytest.mark.parametrize("kept", [0, 5, 30])
def test_a_file_that_is_cut(copy: pathlib.Path, kept: int) -> None:
    index = Index.load(copy)
    (copy / SHARD).write_bytes((copy / SHARD).read_bytes()[: index.offset[8] + kept])
    found = failed(copy)
    assert "tfrecord-00000-of-00001: is cut or altered" in found["files"]
    absent = [row for row in (8, 9, 10) if not (kept and row == 8)]
    assert found["rows"].splitlines() == [
        f"{copy / SHARD}, byte {index.offset[i]}, sample 'sample, {i}': no record is there"
        for i in absent
    ]
    damaged = f"{copy / SHARD}, byte {index.offset[8]}, sample 'sample, 8': is damaged"
    assert found.get("checksums") == (damaged if kept else None)


def test_files_that_are_missing_or_too_many(copy: pathlib.Path) -> None:
    shutil.copy(copy / SHARD, copy / "1.0.0" / "tiny-samples.tfrecord-00001-of-00002")
    faults = failed(copy)["rows"].splitlines()
    assert len(faults) == 11
    assert faults[3].endswith("sample 'sample, 3': is in no row of index.csv")
    (copy / SHARD).unlink()
    assert failed(copy)["checksums"] == f"{copy / SHARD}: is missing"


@pytest.mark.parametrize("count", [1, 11, 12, 20, 300])
def test_bytes_after_the_last_record(copy: pathlib.Path, count: int) -> None:
    end = (copy / SHARD).stat().st_size
    with (copy / SHARD).open("ab") as file:
        file.write(b"x" * count)
    found = failed(copy)
    assert found["checksums"] == f"{copy / SHARD}, byte {end}: is damaged"
    assert "is cut or altered" in found["files"]


def test_a_record_of_another_program(copy: pathlib.Path) -> None:
    """Its checksums hold, but it is no skeleton."""
    tf = tfrecord.tensorflow()
    for content in (b"x" * 40, tf.train.Example().SerializeToString()):
        with tf.io.TFRecordWriter(str(copy / SHARD)) as writer:
            writer.write(content)
        fault = f"{copy / SHARD}, byte 0, sample 'sample, 0': is damaged"
        assert failed(copy)["checksums"] == fault


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
def test_an_edited_row(copy: pathlib.Path, fact: str) -> None:
    value, said = EDITS[fact]
    edited(copy, 4, **{fact: value})
    where = f"{copy / SHARD}, byte {Index.load(copy).offset[4]}, sample 'sample, 4'"
    assert failed(copy)["rows"] == f"{where}: its {fact} is {said} in line 6 of index.csv"


def test_rows_of_each_others_records(copy: pathlib.Path) -> None:
    index = Index.load(copy)
    edited(copy, 2, offset=int(index.offset[5]), bytes=int(index.bytes[5]))
    found = failed(copy)
    assert "is cut or altered" in found["files"]
    assert f"byte {index.offset[2]}, sample 'sample, 2': is in no row" in found["rows"]


@pytest.mark.parametrize(
    ("fact", "value", "fault"),
    [
        ("label", 3, "has the class 3, not 0 to 2"),
        ("label", -1, "has the class -1, not 0 to 2"),
        ("bodies", 3, "has the number of persons 3, not 1 to 2"),
        ("frames", 0, "has the number of frames 0, not 1 to 9"),
    ],
)
def test_facts_out_of_range(copy: pathlib.Path, fact: str, value: int, fault: str) -> None:
    edited(copy, 4, **{fact: value})
    found = failed(copy)
    assert found[fact] == f"index.csv, line 6: sample 'sample, 4' {fault}"
    assert "rows" in found


def test_a_name_twice(tmp_path: pathlib.Path) -> None:
    """Twice in the index and in the records, so that nothing else is wrong."""
    records = tiny_dataset.samples()
    records[6] = dataclasses.replace(records[6], name=records[3].name)
    found = failed(written(tmp_path, records))
    assert found.pop("names") == "index.csv, line 8: sample 'sample, 3' has the name of line 5"
    assert found == {
        "protocol xsub": "sample 'sample, 3' is in train and in test",
        "protocol xview": "sample 'sample, 3' is in train and in test",
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite(tmp_path: pathlib.Path, value: float) -> None:
    records = tiny_dataset.samples()
    records[6].skeleton[-1, -1, -1, -1] = value
    folder = written(tmp_path, records)
    (fault,) = failed(folder).items()
    assert fault[0] == "values"
    assert fault[1].endswith("sample 'sample, 6': has a coordinate that is not finite")


def test_a_class_out_of_range_in_index_and_record(tmp_path: pathlib.Path) -> None:
    records = tiny_dataset.samples()
    records[6] = dataclasses.replace(records[6], label=3)
    folder = written(tmp_path, records, labels=("wave", "hug", "stand", "more"))
    fault = "index.csv, line 8: sample 'sample, 6' has the class 3, not 0 to 2"
    assert failed(folder) == {"label": fault}


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
    copy: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[pathlib.Path], None],
    fault: str,
) -> None:
    open_pack(copy)
    damage(copy / "pack")
    assert main([str(copy)]) == 1
    *_, line, found, _ = capsys.readouterr().out.splitlines()
    assert line == (
        f"pack: FAILED, 1 fault; remove {copy / 'pack'}; it is made again when it is needed"
    )
    assert found.endswith(fault)


def test_a_pack_without_its_records(copy: pathlib.Path) -> None:
    open_pack(copy)
    (copy / SHARD).unlink()
    assert failed(copy) == {}
    frames = np.load(copy / "pack" / "frames.npy", mmap_mode="r+")
    frames[-1, 0, 0] = np.nan
    frames.flush()
    found = "pack: sample 'sample, 10' has a coordinate that is not finite"
    assert failed(copy) == {"pack": found}


def test_a_damaged_index_is_a_failure(
    copy: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "index.csv").write_text((copy / "index.csv").read_text()[:-9])
    assert main([str(copy)]) == 1
    out = capsys.readouterr().out
    assert "index: FAILED, 1 fault; convert again" in out
    assert f"  {copy / 'index.csv'}: is cut or altered" in out


def test_what_is_no_dataset(
    copy: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, message in (
        (tmp_path / "nowhere", "nowhere: no converted dataset is here"),
        (copy.rename(tmp_path / "renamed"), "no dataset 'renamed' (there are: "),
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
    digest = protocol_digest(Index.load(folder), spec().protocols["xsub"])
    lacks = "test has no sample of 2 of 3 classes ('hug' first)"
    assert lines[5] == (
        f"protocol xsub: partial, 3 of 7 train, 1 of 4 test; {lacks}; digest {digest}"
    )


def changed(index: Index, **columns: Sequence) -> Index:
    return dataclasses.replace(
        index,
        **{name: np.array(each, getattr(index, name).dtype) for name, each in columns.items()},
    )


def with_protocol(protocol: Protocol) -> DatasetSpec:
    return dataclasses.replace(spec(), protocols={"own": protocol})


def test_more_samples_than_published(converted: pathlib.Path) -> None:
    check = protocol_check(
        Index.load(converted), with_protocol(Protocol("subject", (1, 2, 3), (6, 5))), "own"
    )
    assert check.faults == ["train has 7 samples, more than the published 6"]


def test_a_whole_set_has_every_class_on_both_sides(converted: pathlib.Path) -> None:
    index = Index.load(converted)
    index = changed(
        index, label=[0 if row in (3, 4, 8, 9) else k for row, k in enumerate(index.label)]
    )
    fault = "test has no sample of 2 of 3 classes ('hug' first)"
    assert protocol_check(index, spec(), "xsub").faults == [fault]
    unpublished = protocol_check(index, with_protocol(Protocol("subject", (1, 2, 3))), "own")
    assert not unpublished.faults
    assert unpublished.partial
    assert unpublished.told.startswith(f"7 train, 4 test; {fault}; digest ")


def test_a_selection_that_forgets_a_sample(
    converted: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = np.arange(7), np.array([6, 7, 8, 9])
    monkeypatch.setattr(checks_module, "select", lambda index, protocol: chosen)
    assert protocol_check(Index.load(converted), spec(), "xsub").faults == [
        "sample 'sample, 6' is in train and in test",
        "sample 'sample, 10' is in neither",
    ]


@pytest.mark.parametrize(
    ("name", "unseen", "faults"),
    [
        ("1_2", (0, 2), []),
        ("2_1", (0, 2), ["has 2 unseen classes of 3"]),
        ("1_2", (0, 0), ["a class is there twice"]),
        ("table", (0, 3), ["class 3 is not one of 0 to 2"]),
        ("1_2_other", (1, 2), []),
    ],
)
def test_zero_shot_splits(
    converted: pathlib.Path, name: str, unseen: tuple[int, ...], faults: list[str]
) -> None:
    own = dataclasses.replace(spec(), zero_shot={name: unseen})
    check = split_check(Index.load(converted), own, name)
    assert list(check.faults) == faults
    if not faults:
        assert check.told.endswith(
            f"2 unseen classes of 3; digest {split_digest(own.labels, unseen)}"
        )


def test_an_unseen_class_without_samples(converted: pathlib.Path) -> None:
    index = Index.load(converted)
    own = dataclasses.replace(spec(), zero_shot={"1_2": (1, 2)})
    check = split_check(changed(index, label=index.label // 2), own, "1_2")
    assert check.partial
    assert "there is no sample of 'stand'" in check.told


def test_digest_of_a_protocol(converted: pathlib.Path) -> None:
    """It tells which samples are in training and in test, and nothing else."""
    index, protocol = Index.load(converted), spec().protocols["xsub"]
    digest = protocol_digest(index, protocol)
    assert len(digest) == 12
    order = np.random.default_rng(0).permutation(len(index))
    columns = {field.name: getattr(index, field.name) for field in dataclasses.fields(Index)}
    shuffled = Index(**{name: column[order] for name, column in columns.items()})
    assert shuffled.digest != index.digest
    assert protocol_digest(shuffled, protocol) == digest
    others = {digest}
    for row in range(len(index)):
        subject = index.subject.copy()
        subject[row] = 4 if subject[row] <= 3 else 1
        others.add(protocol_digest(changed(index, subject=subject), protocol))
        renamed = [*index.name[:row], "another", *index.name[row + 1 :]]
        others.add(protocol_digest(changed(index, name=renamed), protocol))
    assert len(others) == 1 + 2 * len(index)
    swapped = Protocol("subject", (4, 5))
    assert protocol_digest(index, swapped) != digest
    assert protocol_digest(changed(index, label=index.label[::-1]), protocol) == digest


def test_digest_of_a_split() -> None:
    labels = nw_ucla.SPEC.labels
    assert split_digest(labels, (4, 1)) == split_digest(labels, (1, 4))
    assert split_digest(labels[::-1], (8, 5)) == split_digest(labels, (1, 4))
    others = {split_digest(labels, unseen) for unseen in ((1, 4), (1, 3), (1,), (1, 3, 4), ())}
    assert len(others) == 5


def test_digests_stay_as_they_are() -> None:
    """SHA-256 of JSON, so that digests told years ago can be compared."""
    index = Index(
        name=np.array(["b", "ä", "a"]),
        shard=np.array(["x"] * 3),
        subject=np.array([1, 1, 2], np.int32),
        **{name: np.zeros(3, np.int64) for name in ("offset", "bytes")},
        **{
            name: np.zeros(3, np.int32) for name in ("label", "camera", "setup", "frames", "bodies")
        },
    )
    # printf '[["b", "\u00e4"], ["a"]]' | sha256sum
    assert protocol_digest(index, Protocol("subject", (1,))) == "32fe3bf9cc18"
    # printf '["carry", "sit down"]' | sha256sum
    assert split_digest(nw_ucla.SPEC.labels, (4, 9)) == "97a26a01cfd6"


def test_doctests() -> None:
    assert doctest.testmod(checks_module) == (0, 1)
