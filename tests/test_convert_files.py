"""Conversion of many files: any number of processes, bad files, and death at any moment."""

import csv
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
import tiny_dataset
from ntu_text import footage, ntu_text, person

from data_pipelines import chunks, reading, tfrecord, workers
from data_pipelines.convert import convert, main
from data_pipelines.index import Index
from data_pipelines.raw.record import DataError, FileError

ROOT = pathlib.Path(__file__).parents[1]
KILLS = 4


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the dataset `tiny` be found."""
    tiny_dataset.put_in_place(monkeypatch)


@pytest.fixture
def raw(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a folder of 70 `.skeleton` files, which are more than there are chunks."""
    folder = tmp_path / "raw"
    folder.mkdir()
    text = ntu_text(footage(3, {0: (0, person(3))}))
    for number in range(1, 71):
        (folder / f"S001C001P001R{number:03}A001.skeleton").write_text(text)
    return folder


def spoil(raw: pathlib.Path) -> list[list[str]]:
    """Damage three files of `raw`, add one of no name, and return their rows in rejected.csv."""
    paths = [raw / f"S001C001P001R{number:03}A001.skeleton" for number in (1, 34, 70)]
    paths[0].write_text("1\n0\n")
    paths[1].write_text(paths[1].read_text().replace("\n25\n", "\n24\n", 2))
    paths[2].write_text("")
    (raw / "notes, old.skeleton").write_text("x")
    again = "; extract or download it again"
    return [
        ["file", "line", "reason"],
        [str(paths[0]), "", "there is no body in any frame; remove it"],
        [str(paths[1]), "4", "a body has 24 joints, not 25" + again],
        [str(paths[2]), "1", "'' is not the number of frames" + again],
        [
            str(raw / "notes, old.skeleton"),
            *("", "is not named SsssCcccPpppRrrrAaaa.skeleton; remove it"),
        ],
    ]


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_number_of_jobs_changes_nothing(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    rows = spoil(raw)
    one = contents(convert("ntu60", raw, tmp_path / "one", jobs=1))
    three = contents(convert("ntu60", raw, tmp_path / "three", jobs=3))
    assert one == three
    assert list(csv.reader(one["rejected.csv"].decode().splitlines())) == rows
    assert len(one["index.csv"].splitlines()) == 1 + 70 - 3


def test_bad_files_are_rejected_and_the_rest_is_there(
    raw: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["ntu60", f"--raw={raw}", f"--out={tmp_path / 'data'}", "--jobs=1"]
    spoil(raw)
    folder = tmp_path / "data" / "ntu60"
    assert main([*given, "--strict"]) == 2
    first = f"error: {raw}/S001C001P001R001A001.skeleton: there is no body in any frame; remove it"
    assert capsys.readouterr().err == first + "\n"
    assert not folder.exists()
    for _ in range(2):
        # The second time all is there already, which does not make it more complete.
        assert main(given) == 3
        assert capsys.readouterr().out.endswith(f"{folder}/rejected.csv: 4 files were rejected\n")
    names = Index.load(folder).name.tolist()
    good = set(range(1, 71)) - {1, 34, 70}
    assert names == [f"S001C001P001R{number:03}A001" for number in sorted(good)]
    for path in csv.reader((folder / "rejected.csv").read_text().splitlines()[1:]):
        pathlib.Path(path[0]).unlink()
    assert main([*given, "--overwrite", "--strict"]) == 0
    assert not (folder / "rejected.csv").exists()


def test_nothing_but_bad_files(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for path in raw.iterdir():
        path.write_text("1\n0\n")
    message = r"ntu60: no file can be used; the first of 70: .*R001A001.skeleton: there is no body"
    with pytest.raises(DataError, match=message):
        convert("ntu60", raw, tmp_path / "data")
    assert not (tmp_path / "data" / "ntu60").exists()


def test_a_bad_source_is_fatal(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with zipfile.ZipFile(raw / "more.zip", "w") as archive:
        archive.writestr("S002C001P001R001A001.skeleton", "")
    (raw / "more.zip").write_bytes((raw / "more.zip").read_bytes()[:-3])
    with pytest.raises(DataError, match=r"more.zip: is cut short or not a zip archive"):
        convert("ntu60", raw, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_an_error_of_the_program_is_no_bad_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data_pipelines.datasets import tiny

    monkeypatch.setattr(tiny, "read", lambda item: [] if item < 5 else [1 / 0])
    with pytest.raises(ZeroDivisionError) as caught:
        convert("tiny", None, tmp_path)
    assert caught.value.__notes__ == ["while reading 5"]


@pytest.fixture
def interrupted(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Return what was read by a conversion of `tiny` that follows one which stopped at item 7."""
    from data_pipelines.datasets import tiny

    read, calls, again = tiny.read, [], []

    def stopping(item: int) -> list:
        calls.append(item)
        if item == 7 and not again:
            raise KeyboardInterrupt
        return list(read(item))

    monkeypatch.setattr(tiny, "read", stopping)
    with pytest.raises(KeyboardInterrupt):
        convert("tiny", None, tmp_path)
    assert calls == [*range(8)]
    calls.clear()

    def resumed() -> list[int]:
        again.append(True)
        convert("tiny", None, tmp_path)
        return calls

    return resumed


def test_what_has_been_read_is_not_read_again(
    interrupted: Callable, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert interrupted() == [7, 8, 9, 10]
    assert "7 of 11 files have been read before\n" in capsys.readouterr().out
    other = tiny_dataset.converted(tmp_path / "undisturbed")
    assert contents(tmp_path / "tiny") == contents(other)
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", ".tiny.lock", "undisturbed"}


def test_a_cut_chunk_is_read_again(interrupted: Callable, tmp_path: pathlib.Path) -> None:
    """As a loss of power leaves it."""
    cut, empty, *_ = (tmp_path / ".tiny.chunks").iterdir()
    cut.write_bytes(cut.read_bytes()[:-9])
    empty.write_bytes(b"")
    (tmp_path / ".tiny.chunks" / "0.npz.123").write_bytes(b"never finished")
    assert len(interrupted()) == 6


def test_other_code_discards_chunks(
    interrupted: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(reading, "_code", lambda module: "another version")
    assert interrupted() == [*range(11)]
    assert "discarded 7 chunks of other raw files or of other code\n" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["loose", "zip"])
def test_a_changed_file_discards_its_chunk(
    raw: pathlib.Path, tmp_path: pathlib.Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = raw / "S001C001P001R031A001.skeleton"

    def given() -> pathlib.Path:
        if kind == "loose":
            return raw
        with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
            for path in raw.iterdir():
                archive.write(path)
        return tmp_path / "raw.zip"

    (raw / "S001C001P001R070A001.skeleton").write_text("")
    with pytest.raises(FileError, match="R070A001"):
        convert("ntu60", given(), tmp_path / "data", strict=True)
    before = changed.read_text()
    # The same number of bytes, in another order.
    changed.write_text(before.replace("0.2059", "0.2095"))
    capsys.readouterr()
    convert("ntu60", given(), tmp_path / "data")
    out = capsys.readouterr().out
    assert "discarded 1 chunks" in out
    assert "68 of 70 files have been read before" in out


def test_a_chunk_keeps_everything(tmp_path: pathlib.Path) -> None:
    samples = tiny_dataset.samples()
    rejected = [FileError("ä, b", "is bad", 3), FileError("c", 'is "worse"')]
    for some, errors in ((samples, rejected), ([], rejected), (samples[:1], [])):
        chunks.save(tmp_path / "a.npz", chunks.Chunk(some, errors))
        found = chunks.load(tmp_path / "a.npz")
        assert chunks.summary(tmp_path / "a.npz")[0] == [sample.name for sample in some]
        assert [error.args for error in found.rejected] == [error.args for error in errors]
        for record, sample in zip(found.records, some, strict=True):
            np.testing.assert_array_equal(record.skeleton, sample.skeleton)
            assert vars(record) | {"skeleton": 0} == vars(sample) | {"skeleton": 0}
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[200] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a.npz: is damaged; remove it and run the command again"):
        chunks.load(tmp_path / "a.npz")


def test_workers_do_without_tensorflow() -> None:
    modules = workers.in_order(_imported, [0, 1], jobs=2)
    assert list(modules) == [[], []]


def _imported(_: int) -> list[str]:
    """Return the large packages that this process has imported, as it reads files."""
    from data_pipelines.datasets import ntu60, pku_mmd, synthetic

    assert all((ntu60.read, pku_mmd.read, synthetic.read, reading.perform))
    return [name for name in ("tensorflow", "tensorflow_datasets", "jax") if name in sys.modules]


def test_a_worker_that_is_killed() -> None:
    with pytest.raises(DataError, match=r"a process that reads files was ended.*smaller --jobs"):
        list(workers.in_order(_dying, [1, 2, 3, 4, 5], jobs=2))


def _dying(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_few_tasks_are_under_way(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """However long a consumer takes, no more than two tasks a process are begun."""
    begun = workers.in_order(_touch, [tmp_path / str(number) for number in range(20)], jobs=2)
    next(begun)
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) <= 5
    begun.close()
    assert len(list(tmp_path.iterdir())) <= 5


def _touch(path: pathlib.Path) -> None:
    path.touch()


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5"])
def test_a_wrong_number_of_jobs(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["tiny", "--out=x", f"--jobs={jobs}"])
    assert caught.value.code == 2
    assert re.search(rf"--jobs: {jobs} is not a number from 1", capsys.readouterr().err)


KILLED = """
import sys
sys.path.insert(0, "tests")
import pytest, tiny_dataset
from data_pipelines.convert import main
tiny_dataset.put_in_place(pytest.MonkeyPatch())
sys.exit(main(["tiny", f"--out={sys.argv[1]}", "--jobs=2"]))
"""


def start(out: pathlib.Path) -> subprocess.Popen:
    """Start the command, which takes about a second to read, in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, out],
        cwd=ROOT,
        env=os.environ | {"TINY_SECONDS": "0.15"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def nobody_left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_killed_at_any_moment_it_goes_on(tmp_path: pathlib.Path) -> None:
    """Killed while it reads (after some chunks) and while it writes, it ends as if undisturbed."""
    whole = tiny_dataset.converted(tmp_path / "undisturbed")
    out, rng = tmp_path / "data", random.Random(0)
    moments = [*sorted(rng.sample(range(11), KILLS - 1)), None]
    for moment in moments:
        process = start(out)
        if moment is None:
            until((out / ".tiny.partial" / "tiny").exists)
        else:
            until(lambda: len(list(out.glob(".tiny.chunks/*.npz"))) >= moment)  # noqa: B023
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        until(lambda: nobody_left(process.pid))  # noqa: B023
        with pytest.raises(DataError, match="no converted dataset is here"):
            Index.load(out / "tiny")
    assert len(list(out.glob(".tiny.chunks/*.npz"))) == 11
    assert start(out).wait() == 0
    assert (out / "tiny" / "index.csv").read_bytes() == (whole / "index.csv").read_bytes()
    (shard,) = set(Index.load(whole).shard)
    for (*place, record), (*same, other) in zip(
        tfrecord.read(out / "tiny" / shard), tfrecord.read(whole / shard), strict=True
    ):
        assert place == same
        np.testing.assert_array_equal(record.skeleton, other.skeleton)
        assert record.name == other.name
    assert sorted(path.name for path in out.iterdir()) == [".tiny.lock", "tiny"]
