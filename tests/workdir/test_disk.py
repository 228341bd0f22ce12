"""Disks that are full or closed: one line, and what was saved is whole."""

import errno
import functools
import os
import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from configs import gap_demo
from data_pipelines.errors import DiskError, UserError
from data_pipelines.storage.disk import raise_if_transient, writing
from gapjax.experiment.data import open_dataset, open_feed
from gapjax.parallel.sharding import make_layout
from gapjax.training import loop
from gapjax.workdir.checkpoints import newest_step
from gapjax.workdir.log import Logbook, claim
from support.commands import SMOKE_FLAGS, Command, assert_one_line, results
from support.tiny_run import tiny_run

CADENCE = {"log_every": 4, "checkpoint_every": 5}


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """Return the function after which no file grows beyond a size, until the test ends."""
    _, most = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_that_finds_no_room(
    limit: Callable[[int], None], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """The threads that write it fail; the one before is whole, and the run goes on."""
    # What is captured of a test is in files, too.
    run = functools.partial(tiny_run, ballast=2**19, **CADENCE)
    with pytest.raises(DiskError, match="checkpoints cannot be written: File too large; what was"):
        loop.train(run({9: lambda: limit(2**20)}), tmp_path / "run")
    limit(resource.RLIM_INFINITY)
    assert "Traceback" not in capfd.readouterr().err
    assert newest_step(tmp_path / "run") == 5
    for name in ("run", "undisturbed"):
        loop.train(run(), tmp_path / name)
    assert results(tmp_path / "run") == results(tmp_path / "undisturbed")


def test_a_run_that_finds_no_room_and_goes_on_where_there_is(
    command: Command, gap_run: Path, tmp_path: Path
) -> None:
    """By the public command, which may write no file of more than 64 KB."""
    small = ["bash", "-c", 'ulimit -f 64; exec "$@"', "bash"]
    process = command.start(tmp_path / "run", *SMOKE_FLAGS, under=small)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    told = r"gapjax: .*/run/checkpoints cannot be written: File too large; .* same command goes on"
    assert re.fullmatch(told, err.splitlines()[-1])
    assert command.run(tmp_path / "run", *SMOKE_FLAGS)[0] == 0
    assert results(tmp_path / "run") == results(gap_run)


def test_a_workdir_below_a_file_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_one_line(command.run(tmp_path / "file" / "run"), "Not a directory; choose another --wor")


def test_a_log_that_finds_no_room(tmp_path: Path) -> None:
    log = Logbook(tmp_path, 0, 4)
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(DiskError, match=r"metrics\.jsonl cannot be written: No space left on dev"):
        log.write(1, 1, {"train/loss": 0.5})
    log.close()


def test_tensorboard_that_finds_no_room(limit: Callable[[int], None], tmp_path: Path) -> None:
    log = Logbook(tmp_path, 0, 4)
    (file,) = (tmp_path / "tensorboard").iterdir()
    limit(file.stat().st_size + 40)
    told = "tensorboard cannot be written: File too large"
    with pytest.raises(DiskError, match=told):
        log.write(1, 1, {"train/loss": 0.5})
    with pytest.raises(DiskError, match=told):
        log.close()
    limit(resource.RLIM_INFINITY)
    log.close()


def test_a_workdir_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    expected = "file/run cannot be written: Not a directory; choose another --workdir"
    with pytest.raises(UserError, match=expected):
        claim(tmp_path / "file" / "run", {"seed": 1})


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EROFS, UserError),
        (errno.EACCES, UserError),
        (errno.ENOSPC, DiskError),
        (errno.EIO, DiskError),
    ],
)
def test_whose_mistake_it_is(number: int, kind: type[Exception]) -> None:
    words = f"RESOURCE_EXHAUSTED: Error writing: {os.strerror(number)} [os_error_code='{number}']"
    for error in (OSError(number, os.strerror(number)), ValueError(words)):
        expected = f"here cannot be written: {os.strerror(number)}; "
        with pytest.raises(kind, match=expected), writing(Path("here")):
            raise error


def test_other_errors_are_what_they_are() -> None:
    with pytest.raises(ValueError, match=r"^no number$"), writing(Path("here")):
        raise ValueError("no number")


def test_what_says_nothing_of_a_checkpoint() -> None:
    """A disk that does not answer is no damage; a file that is missing is."""
    with pytest.raises(DiskError, match="5 cannot be read: Input/output error; once it can, the s"):
        raise_if_transient(Path("5"), OSError(errno.EIO, "x"))
    for error in (FileNotFoundError(errno.ENOENT, "x"), ValueError("its facts are not as they")):
        raise_if_transient(Path("5"), error)


def test_a_pack_that_finds_no_room(
    tiny_known: None, tiny_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made when a run first needs it."""

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    config = gap_demo.get_config("smoke")
    config.data.dir, config.data.dataset = str(tiny_copy.parent), "tiny"
    told = "pack cannot be written: No space left on device; once it can, the same command goes on"
    with pytest.raises(DiskError, match=told):
        open_feed(open_dataset(config), config, make_layout(1))
