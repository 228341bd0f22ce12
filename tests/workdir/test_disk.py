"""Full and read-only disks: the last line says so, and what was saved can be restored."""

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
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.data import open_dataset
from gapjax.experiment.feeds import open_feed
from gapjax.parallel.sharding import make_layout
from gapjax.training import loop
from gapjax.workdir.checkpoints import newest_step
from gapjax.workdir.config_file import claim
from gapjax.workdir.log import Logbook
from support.commands import SMOKE_FLAGS, Command, assert_one_line, results
from support.tiny_run import tiny_run

# TensorStore's other reads and writes report an error, too, when one has failed.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CADENCE = {"log_every": 4, "checkpoint_every": 5}


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """Return the function that limits the size of files until the test ends."""
    _, most = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_on_a_full_disk(limit: Callable[[int], None], tmp_path: Path) -> None:
    """It is written in the background; the one before can be restored, and the run goes on."""
    # Pytest captures output in files, which are limited, too.
    run = functools.partial(tiny_run, ballast=2**19, **CADENCE)
    with pytest.raises(DiskError, match="checkpoints cannot be written: File too large; what was"):
        loop.train(run({9: lambda: limit(2**20)}), tmp_path / "run")
    limit(resource.RLIM_INFINITY)
    assert newest_step(tmp_path / "run") == 5
    for name in ("run", "undisturbed"):
        loop.train(run(), tmp_path / name)
    assert results(tmp_path / "run") == results(tmp_path / "undisturbed")


def test_a_run_on_a_full_disk_goes_on_when_there_is_room(
    command: Command, gap_run: Path, tmp_path: Path
) -> None:
    """Through the public command, with a limit of 64 KB per file."""
    small = ["bash", "-c", 'ulimit -f 64; exec "$@"', "bash"]
    process = command.start(tmp_path / "run", *SMOKE_FLAGS, under=small)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1, err
    reason = "checkpoints cannot be written: File too large"
    message = rf"gapjax: .*/run/{reason}; .* run the same command to continue"
    # Orbax's threads may print what they raise, before it or after.
    assert any(re.fullmatch(message, line) for line in err.splitlines()), err
    assert command.run(tmp_path / "run", *SMOKE_FLAGS)[0] == 0
    assert results(tmp_path / "run") == results(gap_run)


def test_a_workdir_below_a_file_is_refused_in_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_one_line(command.run(tmp_path / "file" / "run"), "Not a directory; choose another --wor")


def test_a_log_on_a_full_disk(tmp_path: Path) -> None:
    log = Logbook(tmp_path, 0, 4)
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(DiskError, match=r"metrics\.jsonl cannot be written: No space left on dev"):
        log.write(1, 1, {"train/loss": 0.5})
    log.close()


def test_tensorboard_on_a_full_disk(limit: Callable[[int], None], tmp_path: Path) -> None:
    log = Logbook(tmp_path, 0, 4)
    (file,) = (tmp_path / "tensorboard").iterdir()
    limit(file.stat().st_size + 40)
    message = "tensorboard cannot be written: File too large"
    with pytest.raises(DiskError, match=message):
        log.write(1, 1, {"train/loss": 0.5})
    with pytest.raises(DiskError, match=message):
        log.close()
    limit(resource.RLIM_INFINITY)
    log.close()


def test_claiming_a_workdir_below_a_file_is_refused(tmp_path: Path) -> None:
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
def test_errors_of_writing_by_kind(number: int, kind: type[Exception]) -> None:
    words = f"RESOURCE_EXHAUSTED: Error writing: {os.strerror(number)} [os_error_code='{number}']"
    for error in (OSError(number, os.strerror(number)), ValueError(words)):
        expected = f"here cannot be written: {os.strerror(number)}; "
        with pytest.raises(kind, match=expected), writing(Path("here")):
            raise error


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(ValueError, match=r"^no number$"), writing(Path("here")):
        raise ValueError("no number")


def test_errors_of_reading_by_kind() -> None:
    """A disk that does not answer is not damage; a missing file is."""
    with pytest.raises(DiskError, match="5 cannot be read: Input/output error; once it can, run"):
        raise_if_transient(Path("5"), OSError(errno.EIO, "x"))
    for error in (FileNotFoundError(errno.ENOENT, "x"), ValueError("its facts are not as they")):
        raise_if_transient(Path("5"), error)


def test_a_pack_on_a_full_disk(
    tiny_known: None, tiny_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written when a run first needs it."""

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    config = gap_demo.get_config("smoke")
    config.data.dir, config.data.dataset = str(tiny_copy.parent), "tiny"
    plan = plan_of(config)
    message = "pack cannot be written: No space left on device; once it can, run the same command"
    with pytest.raises(DiskError, match=message):
        open_feed(plan, open_dataset(plan), make_layout(1))
