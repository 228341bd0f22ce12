"""Checkpoints that are damaged are recognised, named and passed over; nothing of them is lost."""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.parallel import agreement
from gapjax.parallel.sharding import make_layout
from gapjax.training import evaluation, loop
from gapjax.workdir import checkpoints
from gapjax.workdir.checkpoints import newest_step, read_newest
from gapjax.workdir.checksums import checksums
from stress.damage_checkpoints import damaged
from support.commands import results
from support.tiny_run import tiny_run

# With parameters enough for a changed byte to be one of theirs.
RUN = functools.partial(tiny_run, ballast=2**13, log_every=4, checkpoint_every=5)
# The checkpoints that are left in the end, and the steps of the run.
LEFT, STEPS = (15, 18), 18


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
    """Return the file of a checkpoint that has its parameters."""
    return max((path / "state").rglob("d/*"), key=lambda file: file.stat().st_size)


def flip(path: Path) -> None:
    content = bytearray(data_of(path).read_bytes())
    content[len(content) // 2] ^= 4
    data_of(path).write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(data_of(path), data_of(path).stat().st_size // 2)


def forget_arrays(path: Path) -> None:
    (path / "state" / "manifest.ocdbt").unlink()


def forget_facts(path: Path) -> None:
    shutil.rmtree(path / "facts")


def change_classes(path: Path) -> None:
    file = path / "trained_on" / "metadata"
    file.write_text(file.read_text().replace("kick", "pick"))


def empty(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


DAMAGES = (flip, cut, forget_arrays, forget_facts, change_classes, empty)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_one_before_is_used_and_the_run_goes_on(
    workdir: Path, finished: Path, damage: Callable, capfd: pytest.CaptureFixture
) -> None:
    damage(workdir / "checkpoints" / "18")
    capfd.readouterr()
    assert newest_step(workdir) == 15
    state, _ = read_newest(workdir)
    assert int(state["step"]) == 15
    (warning,) = capfd.readouterr().err.strip().splitlines()
    assert f"{workdir}/checkpoints/18 is damaged, 15 is used instead" in warning
    loop.train(RUN(), workdir)
    assert results(workdir) == results(finished)
    names = {path.name for path in (workdir / "checkpoints").iterdir()}
    assert names == {"15", "18", "18.damaged"}


def test_an_evaluation_leaves_it_where_it_is(
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


def test_what_is_restored_after_damage_at_random_was_saved(finished: Path) -> None:
    """The short form of `damage_checkpoints.py`."""
    found = damaged(finished, count=12, seed=0)
    assert set(found) <= {"recognised", "unchanged"}
    assert found["recognised"]


def test_one_that_another_process_cannot_read_is_used_by_none(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(agreement, "all_agree", lambda mine: mine and next(answers))
    assert newest_step(workdir) == LEFT[0]


def test_a_finished_stage_whose_end_is_damaged_is_not_finished(workdir: Path) -> None:
    epochs = RUN().epochs
    assert loop.is_finished(workdir, STEPS, epochs)
    flip(workdir / "checkpoints" / "18")
    assert not loop.is_finished(workdir, STEPS, epochs)


def test_a_stage_that_only_an_evaluation_scored_is_not_finished(workdir: Path) -> None:
    """It was killed between its last checkpoint and its last line of metrics."""
    log = workdir / "metrics.jsonl"
    *kept, _ = log.read_text().splitlines(keepends=True)
    log.write_text("".join(kept))
    assert not loop.is_finished(workdir, STEPS, RUN().epochs)


def test_without_a_whole_one_nothing_is_touched(workdir: Path) -> None:
    for step in LEFT:
        cut(workdir / "checkpoints" / str(step))
    for use in (newest_step, lambda folder: loop.train(RUN(), folder)):
        with pytest.raises(UserError, match="18 is damaged, and no older checkpoint is whole"):
            use(workdir)
    assert {path.name for path in (workdir / "checkpoints").iterdir()} == {"15", "18"}


def test_an_older_form_is_named(workdir: Path) -> None:
    newest = workdir / "checkpoints" / "18"
    (newest / "state").rename(newest / "default")
    for use in (read_newest, lambda folder: loop.train(RUN(), folder)):
        with pytest.raises(UserError, match="18 is of an older gapjax; use a new --workdir"):
            use(workdir)


def test_what_a_killed_run_half_wrote_is_removed(workdir: Path) -> None:
    half = shutil.copytree(
        workdir / "checkpoints" / "18", workdir / "checkpoints" / "20.orbax-checkpoint-tmp"
    )
    assert newest_step(workdir) == STEPS
    loop.train(RUN(), workdir)
    assert not half.exists()


def test_checksums_see_every_change_and_no_placement() -> None:
    rng = np.random.default_rng(0)
    tree = {
        "a": rng.normal(size=(16, 3, 5)).astype(np.float32),
        "b": [np.arange(24, dtype=np.int32), np.zeros((), np.float16)],
    }
    plain = checksums(tree)
    assert sorted(plain) == ["a", "b/0", "b/1"]
    layout = make_layout(8)
    assert checksums(layout.replicate(tree)) == plain
    split = layout.put_batches({"a": tree["a"][None]})["a"][0]
    assert checksums({"a": split})["a"] == plain["a"]
    for _ in range(50):
        bits = tree["a"].copy().view(np.uint32).reshape(-1)
        bits[rng.integers(bits.size)] ^= np.uint32(1 << rng.integers(32))
        assert checksums({"a": bits.view(np.float32).reshape(16, 3, 5)})["a"] != plain["a"]
    assert checksums({"a": tree["a"][::-1]})["a"] != plain["a"]


def test_damaged_ones_get_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "7.damaged").mkdir()
    assert checkpoints._aside(tmp_path, 7).name == "7.damaged1"
