"""The pack: what it holds, when it is made again, and that it is read without TensorFlow."""

import concurrent.futures
import errno
import os
import pathlib
import re
import shutil
import subprocess
import sys

import filelock
import numpy as np
import pytest

from data_pipelines.errors import DataError, DiskError, UserError
from data_pipelines.pack import main
from data_pipelines.storage import packed as pack_module
from data_pipelines.storage import tfrecord
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import open_pack
from support import tiny_dataset


def left_over(directory: pathlib.Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {
        "1.0.0",
        "index.csv",
        "pack",
        ".pack.lock",
    }


def test_bodies_lie_one_after_another(tiny_copy: pathlib.Path) -> None:
    pack, samples = open_pack(tiny_copy), tiny_dataset.samples()
    assert pack.count.tolist() == [len(sample.skeleton) for sample in samples]
    assert pack.bodies.tolist() == [sample.skeleton.shape[1] for sample in samples]
    assert len(pack.frames) == sum(np.prod(sample.skeleton.shape[:2]) for sample in samples)
    for sample, start, count, bodies in zip(
        samples, pack.start, pack.count, pack.bodies, strict=True
    ):
        for body in range(bodies):
            own = pack.frames[start + body * count : start + (body + 1) * count]
            np.testing.assert_array_equal(own, sample.skeleton[:, body])
    assert left_over(tiny_copy) == set()


def test_it_is_made_once(tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_pack(tiny_copy)
    monkeypatch.delattr(pack_module, "_all_bodies")
    assert isinstance(open_pack(str(tiny_copy)).frames, np.memmap)


def test_an_index_that_is_given_is_not_loaded_again(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.load(tiny_copy)
    monkeypatch.setattr(Index, "load", None)
    assert len(open_pack(tiny_copy, index).count) == len(index)


def test_of_two_that_open_it_at_once_one_makes_it(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, bodies = [], pack_module._all_bodies
    monkeypatch.setattr(pack_module, "_all_bodies", lambda *given: made.append(1) or bodies(*given))
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        packs = list(pool.map(open_pack, [tiny_copy] * 3))
    assert len(made) == 1
    assert {pack.frames.tobytes() for pack in packs} == {packs[0].frames.tobytes()}


@pytest.mark.parametrize("file", ["frames.npy", "digest"])
@pytest.mark.parametrize("keep", [0, 10, 100, 150])
def test_a_cut_pack_is_made_again(tiny_copy: pathlib.Path, file: str, keep: int) -> None:
    frames = open_pack(tiny_copy).frames.tobytes()
    path = tiny_copy / "pack" / file
    path.write_bytes(path.read_bytes()[: keep // 3 if file == "digest" else keep])
    assert open_pack(tiny_copy).frames.tobytes() == frames
    assert left_over(tiny_copy) == set()


def test_a_pack_of_other_facts_is_made_again(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_pack(tiny_copy)
    other = re.sub(
        r'^("[^"]+",\d+,\d+),2,',
        r"\1,5,",
        (tiny_copy / "index.csv").read_text(),
        flags=re.MULTILINE,
    )
    (tiny_copy / "index.csv").write_text(other)
    made, bodies = [], pack_module._all_bodies
    monkeypatch.setattr(pack_module, "_all_bodies", lambda *given: made.append(1) or bodies(*given))
    open_pack(tiny_copy)
    open_pack(tiny_copy)
    assert len(made) == 1
    assert (tiny_copy / "pack" / "digest").read_text() == Index.load(tiny_copy).digest


def test_a_pack_whose_header_is_damaged_is_made_again(tiny_copy: pathlib.Path) -> None:
    frames = open_pack(tiny_copy).frames.tobytes()
    path = tiny_copy / "pack" / "frames.npy"
    path.write_bytes(path.read_bytes().replace(b"}", b" ", 1))
    assert open_pack(tiny_copy).frames.tobytes() == frames


@pytest.mark.parametrize(
    ("was", "said", "named"),
    [
        ('"sample, 3",', '"sample, x",', "'sample, x' (frames x persons: 3 x 1)"),
        (",0,3,1,", ",0,4,1,", "'sample, 3' (frames x persons: 4 x 1)"),
        (",0,3,1,", ",0,3,2,", "'sample, 3' (frames x persons: 3 x 2)"),
    ],
    ids=["name", "frames", "bodies"],
)
def test_a_row_of_another_record(tiny_copy: pathlib.Path, was: str, said: str, named: str) -> None:
    """Unseen, all later samples would have the frames of others."""
    head, row, *rest = re.split(r"(\"sample, 3\".*)", (tiny_copy / "index.csv").read_text())
    (tiny_copy / "index.csv").write_text(head + row.replace(was, said) + "".join(rest))
    told = f"line 5 is of sample {named}, the record of 'sample, 3' (3 x 1); convert again: run `p"
    with pytest.raises(DataError, match=re.escape(told)) as caught:
        open_pack(tiny_copy)
    place = re.escape(f"{tiny_copy / 'index.csv'} and 1.0.0/tiny-")
    assert re.match(rf"{place}\S+tfrecord-\S+ disagree: ", str(caught.value))
    assert left_over(tiny_copy) == set()
    assert not (tiny_copy / "pack").exists()


def test_a_row_without_a_record(tiny_copy: pathlib.Path) -> None:
    text = (tiny_copy / "index.csv").read_text()
    *_, shard, offset, size = text.splitlines()[-1].split(",")
    end = int(offset) + int(size)
    (tiny_copy / "index.csv").write_text(f"{text}ghost,0,1,1,0,2,1,{shard},{end},0\n")
    with pytest.raises(
        DataError, match=r"index\.csv: has 12 rows for 11 records; convert again: run"
    ):
        open_pack(tiny_copy)
    assert not (tiny_copy / "pack").exists()


def test_more_records_than_rows(tiny_copy: pathlib.Path) -> None:
    *lines, one, other = (tiny_copy / "index.csv").read_text().splitlines()
    size = sum(int(each.rsplit(",", 1)[1]) for each in (one, other))
    lines.append(f"{one.rsplit(',', 1)[0]},{size}")
    (tiny_copy / "index.csv").write_text("\n".join([*lines, ""]))
    with pytest.raises(
        DataError, match=r"index\.csv: has 10 rows for 11 records; convert again: run"
    ):
        open_pack(tiny_copy)


def test_a_disk_that_is_full(tiny_copy: pathlib.Path, environment: dict[str, str]) -> None:
    """By the public command, which may write no file of more than 2 KB."""
    command = [sys.executable, "-m", "data_pipelines.pack", tiny_copy]
    small = ["bash", "-c", 'ulimit -f 2; exec "$@"', "bash", *command]
    root = pathlib.Path(__file__).parents[3]
    done = subprocess.run(small, capture_output=True, text=True, cwd=root, env=environment)
    told = "cannot be written: File too large; once it can, run the same command to continue"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"gapjax: {tiny_copy / 'pack'} {told}")
    assert done.stderr.count("\n") == 1
    assert left_over(tiny_copy) == set()
    assert not (tiny_copy / "pack").exists()
    assert len(open_pack(tiny_copy).frames) == 71


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_what_a_disk_says(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    reason = os.strerror(number)
    expected = f"pack cannot be written: {reason}; once it can, run the same command to continue"
    with pytest.raises(DiskError, match=expected):
        open_pack(tiny_copy)
    assert left_over(tiny_copy) == set()
    assert not (tiny_copy / "pack").exists()


def test_a_damaged_record(tiny_copy: pathlib.Path) -> None:
    (shard,) = tiny_copy.glob("*/*.tfrecord-*")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"tfrecord-.*: is cut or altered after byte \d+; convert"):
        open_pack(tiny_copy)
    assert not (tiny_copy / "pack").exists()


WITHOUT_TENSORFLOW = """
import sys
sys.modules.update(tensorflow=None, tensorflow_datasets=None)
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import open_pack
print(len(Index.load(sys.argv[1])), float(open_pack(sys.argv[1]).frames.sum()))
"""


def test_a_machine_with_a_pack_needs_neither_tensorflow_nor_tfrecords(
    tiny_copy: pathlib.Path,
) -> None:
    total = float(open_pack(tiny_copy).frames.sum())
    shutil.rmtree(tiny_copy / "1.0.0")
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, tiny_copy]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=pathlib.Path(__file__).parents[3]
    )
    assert done.stdout.split() == ["11", str(total)]


def test_neither_pack_nor_tensorflow(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tfrecord.tensorflow.cache_clear()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(DataError, match="need TensorFlow, which is not installed"):
        open_pack(tiny_copy)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    expected = f"pack cannot be written: {os.strerror(number)}; run `python -m data_pipelines.pack"
    with pytest.raises(UserError, match=expected):
        open_pack(tiny_copy)


def test_a_file_system_without_locks(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS without lockd answers ENOLCK: the pack is written without a lock."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    assert len(open_pack(tiny_copy).start) == 11


def test_a_bucket() -> None:
    with pytest.raises(DataError, match="gs://bucket/tiny: a pack is mapped into memory; copy it"):
        open_pack("gs://bucket/tiny")


def test_command(tiny_copy: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny_copy)]) == 0
    assert capsys.readouterr().out == f"{tiny_copy / 'pack'}: 11 samples, 0.0 MB\n"
    assert main([str(tiny_copy / "absent")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(
        f"gapjax: {tiny_copy / 'absent'}: no converted dataset is here; run"
    )
    assert printed.err.count("\n") == 1
