"""Figures of a run: what they say, that they are written, and one line where they cannot be."""

import json
import pathlib

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from gapjax import plots
from gapjax.analysis import figures, run_figures
from gapjax.workdir.scores import Scores, scores_path, write_scores

LINES = [
    {"step": 5, "epoch": 1, "train/loss": 3.0, "train/accuracy": 0.2},
    {"step": 10, "epoch": 1, "train/loss": 2.0, "train/accuracy": 0.4},
    {"step": 10, "epoch": 1, "eval/top1": 0.5},
    {"step": 15, "epoch": 2, "train/loss": 1.0, "train/accuracy": 0.6},
]


def scores(classes: int, samples: int = 300, **metadata: str) -> Scores:
    rng = np.random.default_rng(classes)
    label = rng.integers(0, classes, size=samples).astype(np.int32)
    score = rng.normal(size=(samples, classes)).astype(np.float32)
    score[np.arange(samples), label] += 3
    return Scores(score, label, np.array([f"s{i}" for i in range(samples)]), metadata)


def write_run(workdir: pathlib.Path, metrics: list[dict], of: Scores | None = None) -> None:
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / "metrics.jsonl").write_text("\n".join(map(json.dumps, metrics)) + "\n")
    if of is not None:
        write_scores(scores_path(workdir, "test"), of)


def test_class_names_are_the_datasets_or_indices(tmp_path: pathlib.Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "data.json").write_text('{"labels": ["kick", "wave"]}')
    assert run_figures.class_names(scores(2), tmp_path / "own") == ["kick", "wave"]
    assert run_figures.class_names(scores(3), tmp_path / "own") == ["0", "1", "2"]
    names = run_figures.class_names(scores(10, dataset="nw_ucla"), tmp_path)
    assert names[3] == "walk around"
    for other in (scores(9, dataset="nw_ucla"), scores(3, dataset="unknown"), scores(2)):
        assert run_figures.class_names(other, tmp_path)[:2] == ["0", "1"]


def test_the_headline_has_the_metadata() -> None:
    title, metadata = run_figures.result(
        scores(10, evaluation="test", protocol="xview", text="none", seed="1", modality="bone")
    )
    assert title.endswith("% of 300 test clips recognized")
    assert metadata[:4] == ["xview", "bone", "text none", "seed 1"]
    assert [text.split()[0] for text in metadata[4:]] == ["top-5", "mean"]


@pytest.mark.parametrize("classes", [10, 24, 60])
def test_figures_are_written_for_any_number_of_classes(
    tmp_path: pathlib.Path, classes: int
) -> None:
    write_run(tmp_path, LINES)
    labels = [f"a class of movements {k}" for k in range(classes)]
    path = tmp_path / "new" / "summary.png"
    run_figures.write_summary(tmp_path, scores(classes, seed="1"), labels, path)
    pixels = imread(path)
    assert pixels.shape[1] > 1.5 * pixels.shape[0] > 900
    assert pixels[:, :, :3].std() > 0.05


def test_the_command_writes_figures_and_tables(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    """Neither a comparison nor another evaluation overwrites them."""
    for run in ("a/joint", "b/joint"):
        write_run(tmp_path / run, LINES, scores(10, dataset="nw_ucla"))
    workdir, plotted = tmp_path / "a/joint", tmp_path / "a/joint/plots"
    of_validation = scores(10, samples=20, dataset="nw_ucla")
    write_scores(scores_path(workdir, "validation"), of_validation)
    assert plots.main([str(workdir)]) == 0
    assert capsys.readouterr().out.strip() == str(plotted / "summary.png")
    content = {path.name: path.read_bytes() for path in plotted.iterdir()}
    assert sorted(content) == [
        "accuracy.png", "confusion.png", "confusions.csv", "curves.png",
        "summary.png",
    ]  # fmt: skip
    assert plots.main([str(workdir), "--scores=validation"]) == 0
    assert plots.main([str(workdir), f"--compare={tmp_path / 'b/joint'}"]) == 0
    new = {"gain_over_b_joint.png", "gain_over_b_joint.csv", "curves_with_b_joint.png"}
    assert {path.name for path in plotted.iterdir()} == {*content, *new, "validation"}
    assert all((plotted / name).read_bytes() == content[name] for name in content)
    compared = [
        str(plotted / name) for name in ("gain_over_b_joint.png", "curves_with_b_joint.png")
    ]
    assert capsys.readouterr().out.splitlines()[1:] == compared


def test_the_table_of_confusions(tmp_path: pathlib.Path) -> None:
    score = np.eye(4)[[0, 0, 1, 1, 1, 2]].astype(np.float32)
    of = Scores(score, np.array([0, 1, 1, 1, 2, 2], np.int32), np.array(list("abcdef")), {})
    write_run(tmp_path, LINES)
    run_figures.write_figures(tmp_path, of, ["nod", "bow", "sit, slowly", "hug"], tmp_path / "p")
    assert (tmp_path / "p/confusions.csv").read_text().splitlines() == [
        "true,recognized,samples,share",
        '"sit, slowly",bow,1,0.5000',
        "bow,nod,1,0.3333",
    ]


def test_a_comparison_of_sets_has_the_seeds_deviation(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the first class 9 and 9 of 10 clips are right, of the other set 4 and 6."""
    drawn: list[str] = []
    save = figures.save

    def record(figure: Figure, path: pathlib.Path) -> None:
        figure.canvas.draw()
        drawn.extend(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))
        save(figure, path)

    monkeypatch.setattr(figures, "save", record)
    label = np.repeat(np.arange(3), 10).astype(np.int32)
    for run, right in {"a/1": 9, "a/2": 9, "b/1": 4, "b/2": 6}.items():
        score = np.eye(4, dtype=np.float32)[label]
        score[right:10] = [0, 0, 0, 1]
        names = np.array([f"s{i}" for i in range(30)])
        facts = {"dataset": "own", "seed": run[-1], "method": run[0]}
        write_run(tmp_path / run, LINES, Scores(score, label, names, facts))
        (tmp_path / run / "data.json").write_text('{"labels": ["nod", "bow", "hug", "sit"]}')
    ours, theirs = ([str(tmp_path / name / seed) for seed in "12"] for name in "ab")
    assert plots.main([*ours, "--compare", *theirs, "--more-than=4"]) == 0
    assert (tmp_path / "a/1/plots/gain_over_b.csv").read_text().splitlines() == [
        "class,samples,accuracy,deviation,other_accuracy,other_deviation,gain,gain_deviation",
        "nod,10,90.000,0.000,50.000,14.142,40.000,14.142",
        "bow,10,100.000,0.000,100.000,0.000,0.000,0.000",
        "hug,10,100.000,0.000,100.000,0.000,0.000,0.000",
    ]
    for expected in (
        "gain in accuracy of a over b, percentage points",
        "a: 96.7 %, b: 83.3 %",
        "40.0",
        "nod",
        *("a/1 50.0", "b/2 50.0"),
    ):
        assert expected in drawn
    assert "bow" not in drawn
    (about,) = [text.replace("\N{NO-BREAK SPACE}", " ") for text in drawn if "differ" in text]
    assert "1 of 3 classes differ by more than 4 points" in about.replace("\n", " ")
    assert "own" in about
    assert "seed" not in about


def test_a_directory_without_scores_is_one_line_and_status_2(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    assert plots.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "plots").exists()


ZERO_SHOT = {"dataset": "nw_ucla", "protocol": "xview", "split": "8_2", "unseen": "1 4"}


def test_the_command_draws_a_zero_shot_run(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    metrics = {"step": 1, "epoch": 1, "gzsl_oracle/gamma": 0.3, "gzsl_paper/gamma": 0.012}
    write_run(tmp_path, [metrics], scores(10, **ZERO_SHOT))
    assert plots.main([str(tmp_path)]) == 0
    written = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert written == ["confusion.png", "confusions.csv", "summary.png"]
    assert (tmp_path / "plots" / "summary.png").stat().st_size > 10_000
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[2:4]] == ["oracle", "paper"]


def test_zero_shot_runs_have_confusions_side_by_side(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    """Classes 1 and 4 are unseen: a seen class with a higher score does not count."""
    label = np.array([1, 1, 1, 1, 4, 4, 0], np.int32)
    best = {"a": [1, 1, 1, 4, 4, 4, 0], "b": [4, 4, 1, 1, 4, 1, 0]}
    for run, classes in best.items():
        score = np.eye(10, dtype=np.float32)[classes]
        score[:, 0] += 5
        names = np.array([f"s{i}" for i in range(7)])
        write_run(tmp_path / run, [], Scores(score, label, names, ZERO_SHOT))
    assert plots.main([str(tmp_path / "a"), f"--compare={tmp_path / 'b'}"]) == 0
    path = tmp_path / "a" / "plots" / "confusions_with_b.png"
    assert capsys.readouterr().out.strip() == str(path)
    assert path.stat().st_size > 10_000
    assert sorted(path.with_suffix(".csv").read_text().splitlines()) == sorted(
        [
            "true,recognized,a,b",
            "pick up with two hands,pick up with two hands,75.00,50.00",
            "pick up with two hands,sit down,25.00,50.00",
            "sit down,pick up with two hands,0.00,50.00",
            "sit down,sit down,100.00,50.00",
        ]
    )


def test_several_directories_are_for_comparisons(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    assert plots.main([str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert capsys.readouterr().err.startswith("gapjax: 2 directories: give one, or")
