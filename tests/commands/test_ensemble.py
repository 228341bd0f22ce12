"""The command that fuses working directories: its table, its file, and its refusals."""

import pathlib
import re
from collections.abc import Sequence

import numpy as np
import pytest

from gapjax import ensemble
from gapjax.analysis.metrics import top_k_accuracy
from gapjax.workdir.scores import Scores, read_scores, scores_path, write_scores
from gapjax.zero_shot.calibration import seen_unseen_curve
from gapjax.zero_shot.metrics import unseen_indices

MODALITIES = ("joint", "bone", "joint_motion", "bone_motion")


@pytest.fixture
def workdirs(tmp_path: pathlib.Path) -> list[str]:
    """Return four working directories whose streams are right on different samples."""
    rng = np.random.default_rng(0)
    for evaluation, samples in (("test", 50), ("validation", 40)):
        label = rng.integers(0, 6, size=samples).astype(np.int32)
        for modality, skill in zip(MODALITIES, (2.0, 1.0, 1.5, 0.5), strict=True):
            score = rng.normal(size=(samples, 6)).astype(np.float32)
            score[np.arange(samples), label] += skill
            names = np.array([f"{evaluation}_{i}" for i in range(samples)])
            facts = {"dataset": "synthetic", "protocol": "xsub", "evaluation": evaluation}
            scores = Scores(score, label, names, facts | {"modality": modality})
            path = scores_path(tmp_path / f"run_{modality}", evaluation)
            write_scores(path, scores.take(rng.permutation(samples)))
    return [str(tmp_path / f"run_{modality}") for modality in MODALITIES]


def test_the_table_has_every_stream_and_the_ensemble(
    workdirs: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "ensemble.npz"
    assert ensemble.main([*workdirs, f"--out={out}"]) == 0
    heading, _, *rows = capsys.readouterr().out.splitlines()
    assert heading == "synthetic, xsub, test, 50 samples, weights of the paper, by stream"
    assert [row.split()[0] for row in rows] == [*(f"run_{m}" for m in MODALITIES), "ensemble"]
    assert [row.split()[2] for row in rows[:4]] == ["0.8", "0.8", "0.2", "0.2"]
    fused = read_scores(out)
    assert fused.facts["weights"] == [0.8, 0.8, 0.2, 0.2]
    assert fused.facts["weights_source"] == "of the paper, by stream"
    by_name = {}
    for workdir, weight in zip(workdirs, fused.facts["weights"], strict=True):
        single = read_scores(scores_path(pathlib.Path(workdir), "test"))
        for name, score in zip(single.name, single.score, strict=True):
            by_name[name] = by_name.get(name, 0) + weight * score
    expected = np.stack([by_name[name] for name in fused.name])
    np.testing.assert_allclose(fused.score, expected, rtol=1e-5, atol=1e-6)
    top1 = top_k_accuracy(fused.score, fused.label, 1)
    assert rows[-1].split()[1] == f"{100 * top1:.2f}"


def test_weights_can_be_given(workdirs: list[str], capsys: pytest.CaptureFixture) -> None:
    assert ensemble.main([*workdirs[:2], "--weights=1,0"]) == 0
    _, _, first, _, fused = capsys.readouterr().out.splitlines()
    assert first.split()[3:] == fused.split()[1:]


def test_weights_are_chosen_on_validation_scores(
    workdirs: list[str], capsys: pytest.CaptureFixture
) -> None:
    outputs = []
    for _ in range(2):
        assert ensemble.main([*workdirs, "--select-on=validation"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert "weights chosen on validation, n=40" in outputs[0].splitlines()[0]


def test_one_directory_is_its_own_ensemble(
    workdirs: list[str], capsys: pytest.CaptureFixture
) -> None:
    assert ensemble.main([workdirs[0]]) == 0
    assert "weights equal" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select-on=test"], "would choose the weights on test samples"),
        (["--scores=validation", "--select-on=validation"], "on evaluated samples (validation_"),
        (["--select-on=other"], "other.npz is missing"),
        (["--scores=other"], "other.npz is missing"),
        (["--weights=1"], "--weights=1 must be 4 numbers"),
        (["--weights=1,1,1,1", "--select-on=validation"], "--weights or --select-on, not both"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    workdirs: list[str], arguments: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    assert ensemble.main([*workdirs, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_validation_scores_that_are_test_scores_in_disguise_are_refused(
    workdirs: list[str], capsys: pytest.CaptureFixture
) -> None:
    for workdir in workdirs:
        folder = pathlib.Path(workdir) / "scores"
        (folder / "validation.npz").write_bytes((folder / "test.npz").read_bytes())
    assert ensemble.main([*workdirs, "--select-on=validation"]) == 2
    assert "on evaluated samples (test_" in capsys.readouterr().err


def write_zero_shot(workdir: pathlib.Path, seed: int, unseen: str, split: str = "5_2") -> str:
    """Write scores of 70 samples and 7 classes, and validation scores of seen classes alone."""
    rng = np.random.default_rng(seed)
    label = np.random.default_rng(9).integers(0, 7, size=70, dtype=np.int32)
    score = rng.normal(size=(70, 7)).astype(np.float32) + 1.5 * np.eye(7, dtype=np.float32)[label]
    facts = {"dataset": "synthetic", "split": split, "split_digest": split, "unseen": unseen}
    scores = Scores(score, label, np.array([f"s{i}" for i in range(70)]), facts)
    write_scores(scores_path(workdir, "test"), scores)
    seen = np.flatnonzero(~np.isin(label, unseen_indices(scores)))
    write_scores(scores_path(workdir, "validation"), scores.take(seen))
    return str(workdir)


def by_hand(scores: Scores, unseen: Sequence[int]) -> list[float]:
    """Return accuracy and mean accuracy of a class among the unseen ones, sample by sample."""
    right: dict[int, list[bool]] = {k: [] for k in unseen}
    for row, true in zip(scores.score, scores.label.tolist(), strict=True):
        if true in right:
            right[true].append(max(unseen, key=lambda c, row=row: row[c]) == true)
    classes = [np.mean(hits) for hits in right.values()]
    return [float(np.mean(np.concatenate([*right.values()]))), float(np.mean(classes))]


def test_an_ensemble_of_zero_shot_runs_remembers_its_problem(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    runs = [write_zero_shot(tmp_path / name, seed, "4 5") for seed, name in enumerate("ab")]
    assert ensemble.main([*runs, f"--out={tmp_path / 'fused.npz'}"]) == 0
    heading, columns, *rows = capsys.readouterr().out.splitlines()
    assert heading == "synthetic, split 5_2, 70 samples, weights equal"
    expected = ["weight", "unseen top-1", "unseen mean class", "seen-unseen area"]
    assert re.split(r"\s\s+", columns.strip()) == expected
    fused = read_scores(tmp_path / "fused.npz")
    assert unseen_indices(fused) == [4, 5]
    assert (fused.facts["split"], fused.facts["split_digest"]) == ("5_2", "5_2")
    streams = [read_scores(scores_path(pathlib.Path(run), "test")) for run in runs]
    for row, scores in zip(rows, [*streams, fused], strict=True):
        area = seen_unseen_curve(scores.score, scores.label, (4, 5)).area
        expected = [f"{100 * value:.2f}" for value in (*by_hand(scores, (4, 5)), area)]
        assert row.split()[-3:] == expected


def test_zero_shot_runs_of_different_problems_are_not_fused(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    first = write_zero_shot(tmp_path / "a", 0, "4 5")
    second = write_zero_shot(tmp_path / "b", 1, "0 1", split="random:2:1")
    assert ensemble.main([first, second, f"--out={tmp_path / 'fused.npz'}"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "split is 5_2 in" in err
    assert not (tmp_path / "fused.npz").exists()


def test_zero_shot_scores_need_samples_of_unseen_classes(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    run = write_zero_shot(tmp_path / "a", 0, "4 5")
    assert ensemble.main([run, "--scores=validation", f"--out={tmp_path / 'fused.npz'}"]) == 2
    assert capsys.readouterr().err.startswith("gapjax: no sample is of an unseen class; choose ")
    assert not (tmp_path / "fused.npz").exists()


def test_an_out_that_cannot_be_written_is_one_line_and_status_2(
    workdirs: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for out, message in (
        (tmp_path / "file" / "fused.npz", "cannot be written: File exists; choose another --out"),
        (tmp_path / "file" / "a" / "b.npz", "cannot be written: Not a directory; choose another"),
        (tmp_path / "folder", "is a folder; choose a file as --out"),
        (pathlib.Path("/"), "is a folder; choose a file as --out"),
    ):
        assert ensemble.main([*workdirs, f"--out={out}"]) == 2
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert message in captured.err
    assert not list(tmp_path.glob(".*.partial"))


def test_an_out_that_finds_no_room_is_one_line_and_status_1(
    workdirs: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / ".fused.npz.partial").symlink_to("/dev/full")
    assert ensemble.main([*workdirs, f"--out={tmp_path / 'fused.npz'}"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    advice = "no scores were written: once they can be, fuse again"
    expected = f"gapjax: {tmp_path / 'fused.npz'} cannot be written: No space left on device; "
    assert captured.err == f"{expected}{advice}\n"
