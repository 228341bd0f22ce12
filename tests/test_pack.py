"""The pack: what it holds, when it is made again, and that it is read without TensorFlow."""

import concurrent.futures
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tiny_dataset

from data_pipelines import pack as pack_module
from data_pipelines import tfrecord
from data_pipelines.index import Index
from data_pipelines.pack import main, open_pack
from data_pipelines.raw.record import DataError


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
    monkeypatch.delattr(pack_module, "_write")
    assert isinstance(open_pack(str(tiny_copy)).frames, np.memmap)


def test_of_two_that_open_it_at_once_one_makes_it(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, write = [], pack_module._write
    monkeypatch.setattr(pack_module, "_write", lambda *given: made.append(write(*given)))
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
    text = (tiny_copy / "index.csv").read_text()
    (tiny_copy / "index.csv").write_text(text.replace(",2,", ",5,"))
    made, write = [], pack_module._write
    monkeypatch.setattr(pack_module, "_write", lambda *given: made.append(write(*given)))
    open_pack(tiny_copy)
    open_pack(tiny_copy)
    assert len(made) == 1
    assert (tiny_copy / "pack" / "digest").read_text() == Index.load(tiny_copy).digest


def test_a_pack_whose_header_is_damaged_is_made_again(tiny_copy: pathlib.Path) -> None:
    frames = open_pack(tiny_copy).frames.tobytes()
    path = tiny_copy / "pack" / "frames.npy"
    path.write_bytes(path.read_bytes().replace(b"}", b" ", 1))
    assert open_pack(tiny_copy).frames.tobytes() == frames


def test_records_of_another_index(tiny_copy: pathlib.Path) -> None:
    text = (tiny_copy / "index.csv").read_text()
    (tiny_copy / "index.csv").write_text(text.replace("sample, 3", "sample, x"))
    with pytest.raises(DataError, match="the index and the TFRecords disagree; convert again"):
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
from data_pipelines.index import Index
from data_pipelines.pack import open_pack
print(len(Index.load(sys.argv[1])), float(open_pack(sys.argv[1]).frames.sum()))
"""


def test_a_machine_with_a_pack_needs_neither_tensorflow_nor_tfrecords(
    tiny_copy: pathlib.Path,
) -> None:
    total = float(open_pack(tiny_copy).frames.sum())
    shutil.rmtree(tiny_copy / "1.0.0")
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, tiny_copy]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=pathlib.Path(__file__).parents[1]
    )
    assert done.stdout.split() == ["11", str(total)]


def test_neither_pack_nor_tensorflow(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tfrecord.tensorflow.cache_clear()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(DataError, match="need TensorFlow, which is not installed"):
        open_pack(tiny_copy)


def test_a_folder_that_may_not_be_written(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    with pytest.raises(DataError, match="somewhere: cannot be written; run `python -m data_pipe"):
        open_pack(tiny_copy)


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
        f"error: {tiny_copy / 'absent'}: no converted dataset is here; run"
    )
    assert printed.err.count("\n") == 1
