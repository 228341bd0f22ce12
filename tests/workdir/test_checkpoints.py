"""Damaged checkpoints are detected, reported and skipped; a run goes on from the one before."""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.parallel import agreement
from gapjax.parallel.sharding import make_layout
from gapjax.training import evaluation, loop
from gapjax.workdir import checkpoints, integrity, restoring
from gapjax.workdir.checkpoints import newest_step, read_newest
from gapjax.workdir.integrity import checksums
from stress.damage_checkpoints import damaged
from support.commands import results
from support.tiny_run import tiny_run

# TensorStore's other reads and writes report an error, too, when one has failed.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# Most bytes of a checkpoint are parameters.
RUN = functools.partial(tiny_run, ballast=2**13, log_every=4, checkpoint_every=5)
# The checkpoints that are kept, and the steps of the run.
KEPT, STEPS = (15, 18), 18


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("finished")
    loop.train(RUN(), workdir)
    return workdir


@pytest.fixture
def workdir(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the working directory of a finished run."""
    return shutil.copytree(finished, tmp_path / "run")


def data_of(path: Path) -> Path:
    """Return the file with the parameters of a checkpoint."""
    return max((path / "state").rglob("d/*"), key=lambda file: file.stat().st_size)


def flip(path: Path) -> None:
    content = bytearray(data_of(path).read_bytes())
    content[len(content) // 2] ^= 4
    data_of(path).write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(data_of(path), data_of(path).stat().st_size // 2)


def delete_manifest(path: Path) -> None:
    (path / "state" / "manifest.ocdbt").unlink()


def delete_metadata(path: Path) -> None:
    shutil.rmtree(path / "metadata")


def change_classes(path: Path) -> None:
    file = path / "metadata" / "metadata"
    assert "kick" in file.read_text()
    file.write_text(file.read_text().replace("kick", "pick"))


def empty(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


DAMAGES = (flip, cut, delete_manifest, delete_metadata, change_classes, empty)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_checkpoint_before_is_used_and_the_run_goes_on(
    workdir: Path, finished: Path, damage: Callable, capfd: pytest.CaptureFixture
) -> None:
    damage(workdir / "checkpoints" / "18")
    assert newest_step(workdir) == 15
    capfd.readouterr()
    checkpoint = read_newest(workdir)
    assert checkpoint.step == int(checkpoint.state["step"]) == 15
    assert checkpoint.trained_on == list(RUN().trained_on)
    warning = capfd.readouterr().err.strip().splitlines()[-1]
    assert f"{workdir}/checkpoints/18 is damaged, 15 is used instead" in warning
    # How a run goes on depends on whether files are there, not on what is in them.
    if damage in (flip, empty):
        loop.train(RUN(), workdir)
        assert results(workdir) == results(finished)
        names = {path.name for path in (workdir / "checkpoints").iterdir()}
        assert names == {"15", "18", "18.damaged"}


def test_an_evaluation_renames_no_checkpoint(
    workdir: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(workdir / "checkpoints" / "18")
    before = sorted(path for path in (workdir / "checkpoints").rglob("*"))
    evaluated = []
    monkeypatch.setattr(
        evaluation, "evaluate", lambda run, predict, state, *_: evaluated.append(state) or {}
    )
    loop.evaluate_only(RUN(), workdir)
    assert [int(state.step) for state in evaluated] == [15]
    assert "18 is damaged, 15 is used instead (1 arrays are not as they" in capfd.readouterr().err
    assert sorted(path for path in (workdir / "checkpoints").rglob("*")) == before


def test_random_damage_restores_nothing_that_was_not_saved(finished: Path) -> None:
    """The short form of `damage_checkpoints.py`."""
    counts = damaged(finished, count=6, seed=0)
    assert set(counts) <= {"recognized", "unchanged"}
    assert counts["recognized"]


def test_a_checkpoint_that_another_host_cannot_read_is_skipped(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(agreement, "on_all_hosts", lambda mine: mine and next(answers))
    assert newest_step(workdir) == KEPT[0]


def test_a_stage_with_a_damaged_last_checkpoint_is_not_finished(workdir: Path) -> None:
    epochs = RUN().epochs
    assert loop.is_finished(workdir, STEPS, epochs)
    flip(workdir / "checkpoints" / "18")
    assert not loop.is_finished(workdir, STEPS, epochs)


def test_a_stage_without_metrics_of_its_last_step_is_not_finished(workdir: Path) -> None:
    """As after a kill between the last checkpoint and the last line of metrics."""
    log = workdir / "metrics.jsonl"
    *kept, _ = log.read_text().splitlines(keepends=True)
    log.write_text("".join(kept))
    assert not loop.is_finished(workdir, STEPS, RUN().epochs)


def test_if_all_are_damaged_the_run_is_refused_and_none_is_renamed(workdir: Path) -> None:
    for step in KEPT:
        cut(workdir / "checkpoints" / str(step))
    for use in (newest_step, lambda folder: loop.train(RUN(), folder)):
        with pytest.raises(UserError, match="18 is damaged, and so is every older checkpoint"):
            use(workdir)
    assert {path.name for path in (workdir / "checkpoints").iterdir()} == {"15", "18"}


def test_checkpoints_of_another_network_are_not_called_damaged(workdir: Path) -> None:
    other = functools.partial(tiny_run, ballast=5)
    message = r"18 is of another network \(\d of \d+ arrays differ: params/ballast is \(8192,\)"
    for use in (loop.train, loop.evaluate_only):
        with pytest.raises(UserError, match=message) as raised:
            use(other(), workdir)
        assert "damaged" not in str(raised.value)
        assert "another --workdir" in str(raised.value)
    assert {path.name for path in (workdir / "checkpoints").iterdir()} == {"15", "18"}
    # The advice works.
    assert loop.train(other(), workdir.parent / "other")
    # One that is also damaged tells nothing of itself, the one before does.
    empty(workdir / "checkpoints" / "18")
    with pytest.raises(UserError, match=r"15 is of another network"):
        loop.train(other(), workdir)


def test_checkpoints_that_a_run_removes_while_they_are_read_are_not_damaged(
    workdir: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training keeps two: a reader that comes late takes those that there are now."""
    folder, tried, read = workdir / "checkpoints", [], restoring._read

    def late(manager: object, args: object, step: int) -> restoring.Checkpoint:
        if not tried:
            (folder / "18").rename(folder / "20")
            shutil.rmtree(folder / "15")
        tried.append(step)
        return read(manager, args, step)

    monkeypatch.setattr(restoring, "_read", late)
    assert newest_step(workdir) == 20
    assert tried == [18, 20]
    assert "damaged" not in capfd.readouterr().err


def test_what_the_initial_weights_know_stays_known(workdir: Path) -> None:
    """Zero-shot runs ask which classes a network has been trained on, also before a resumption."""
    resumed = checkpoints.Checkpoints(workdir, ("wave", "jump"))
    state = resumed.restore(functools.partial(loop.state_shapes, RUN())).state
    resumed.save(20, state)
    resumed.close()
    assert read_newest(workdir).trained_on == ["wave", "jump", "kick", "bow"]


def test_partial_checkpoints_are_removed(workdir: Path) -> None:
    partial = shutil.copytree(
        workdir / "checkpoints" / "18", workdir / "checkpoints" / "20.orbax-checkpoint-tmp"
    )
    assert newest_step(workdir) == STEPS
    loop.train(RUN(), workdir)
    assert not partial.exists()


def test_checksums_depend_on_every_bit_and_not_on_the_sharding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    tree = {
        "a": rng.normal(size=(16, 3, 5)).astype(np.float32),
        "b": [np.arange(24, dtype=np.int32), np.zeros((), np.float16), np.array([True, False])],
        "c": jnp.linspace(0, 1, 7, dtype=jnp.bfloat16),
        "key": jax.random.key(3),
    }
    plain = checksums(tree)
    assert sorted(plain) == ["a", "b/0", "b/1", "b/2", "c", "key"]
    with monkeypatch.context() as elsewhere:
        # As on a GPU, where the numbers stay.
        elsewhere.setattr(integrity, "_is_on_host", lambda array: False)
        assert checksums(tree) == plain
    layout = make_layout(8)
    assert checksums(layout.replicate(tree)) == plain
    split = layout.put_batches({"a": tree["a"][None]})["a"][0]
    assert checksums({"a": split})["a"] == plain["a"]
    for _ in range(50):
        bits = tree["a"].copy().view(np.uint32).reshape(-1)
        bits[rng.integers(bits.size)] ^= np.uint32(1 << rng.integers(32))
        assert checksums({"a": bits.view(np.float32).reshape(16, 3, 5)})["a"] != plain["a"]
    assert checksums({"a": tree["a"][::-1]})["a"] != plain["a"]


def test_damaged_checkpoints_are_renamed_to_unused_names(tmp_path: Path) -> None:
    (tmp_path / "7.damaged").mkdir()
    assert checkpoints._unused_name(tmp_path, 7).name == "7.damaged1"
