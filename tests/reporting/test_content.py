"""What a report shows equals what the run measured, and what a slider looks up is exact."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gapjax.reporting import classes, differences, gammas, mistakes, runs
from gapjax.reporting.content import content
from gapjax.reporting.runs import ReportedRun
from gapjax.workdir.scores import Scores
from gapjax.zero_shot.calibration import harmonic_mean
from support import written_runs
from support.zero_shot_oracle import CLASSES, accuracies, random_scores
from support.zero_shot_oracle import UNSEEN as ORACLE_UNSEEN


def read(*workdirs: pathlib.Path) -> list[ReportedRun]:
    return runs.read(workdirs, "test")


def result(workdir: pathlib.Path) -> dict[str, float]:
    evaluations = json.loads((workdir / "result.json").read_text())["evaluations"]
    return evaluations["test"]["metrics"]


def test_a_supervised_run_is_shown_as_it_was_measured(tmp_path: pathlib.Path) -> None:
    workdir = written_runs.write(tmp_path / "a", written_runs.scores(1, 200, 6, 1.5))
    shown = content(read(workdir), "test", 4, "")
    assert shown["gamma"] is shown["comparison"] is None
    (run,) = shown["runs"]
    measured = result(workdir)
    assert run["metrics"] == measured
    assert run["title"].startswith(f"{100 * measured['eval/top1']:.1f} % of 200 ")
    assert run["progress"] == "2 of 2 epochs"
    rows = run["classes"]
    assert sum(row["correct"] for row in rows) / 200 == pytest.approx(measured["eval/top1"])
    mean_class = np.mean([row["accuracy"] for row in rows])
    assert mean_class == pytest.approx(measured["eval/mean_class"])
    matrix = run["confusion"]
    assert matrix["counts"].sum() == 200
    by_name = {row["name"]: row for row in rows}
    for i, name in enumerate(matrix["names"]):
        assert matrix["counts"][i, i] == by_name[name]["correct"]
        assert matrix["totals"][i] == by_name[name]["samples"]
        assert matrix["shares"][i, i] == pytest.approx(by_name[name]["accuracy"], abs=1e-4)
    loss = shown["curves"]["series"]["train/loss"]
    assert [list(curve["values"]) for curve in loss] == [[3.0, 2.0]]
    assert shown["curves"]["first"] == ["train/accuracy", "train/loss"]


def test_a_zero_shot_run_is_shown_at_its_gamma(tmp_path: pathlib.Path) -> None:
    workdir = written_runs.write(tmp_path / "a", written_runs.zero_shot(1))
    shown = content(read(workdir), "test", 4, "")
    (run,), measured = shown["runs"], result(workdir)
    assert run["gamma"] == {"source": "validation", "value": 0.31}
    assert run["title"].startswith(f"{100 * measured['zsl/top1']:.1f} % of ")
    for kind in ("seen", "unseen"):
        rows = [row for row in run["classes"] if row["kind"] == kind]
        accuracy = sum(row["correct"] for row in rows) / sum(row["samples"] for row in rows)
        assert accuracy == pytest.approx(measured[f"gzsl_validation/{kind}"])
    slider = shown["gamma"]
    assert slider["gamma"][slider["start"]] == 0.31
    (row,) = slider["runs"]
    assert row["area"] == pytest.approx(measured["gzsl/area"])
    assert {mark["name"] for mark in slider["marks"]} == {"validation", "paper", "oracle"}
    for mark in slider["marks"]:
        for key in ("seen", "unseen", "harmonic"):
            expected = measured[f"gzsl_{mark['name']}/{key}"]
            assert row[key][mark["index"]] == pytest.approx(expected, abs=1e-6)


def test_every_position_of_the_slider_is_exact() -> None:
    """Against a loop over samples, on scores with many ties."""
    score, label = random_scores(0)
    facts = {"unseen": " ".join(map(str, ORACLE_UNSEEN)), "seed": "1"}
    of = Scores(score, label, np.array([f"s{i}" for i in range(len(label))]), facts)
    names, path = [str(k) for k in range(CLASSES)], pathlib.Path("x")
    run = ReportedRun(path, "x", of, names, {}, {}, {"gzsl_paper/gamma": 0.25}, (1, 1))
    found: dict[str, Any] = gammas.slider([run])
    assert 0.25 in found["gamma"]
    (row,) = found["runs"]
    assert len(found["gamma"]) == len(row["seen"]) > gammas.POSITIONS
    for index in (0, *range(3, len(found["gamma"]), 29), len(found["gamma"]) - 1):
        expected = accuracies(score, label, float(found["gamma"][index]), "sample")
        shown = (row["seen"][index], row["unseen"][index])
        assert shown == pytest.approx(expected, abs=1e-6)
        assert row["harmonic"][index] == pytest.approx(harmonic_mean(*expected), abs=1e-6)


def test_intervals_are_wilsons() -> None:
    for correct, samples in ((0, 4), (3, 7), (50, 50)):
        z, share = stats.norm.ppf(0.975), correct / samples
        middle = (share + z**2 / (2 * samples)) / (1 + z**2 / samples)
        half = z * np.sqrt(share * (1 - share) / samples + z**2 / (4 * samples**2))
        half /= 1 + z**2 / samples
        expected = (max(middle - half, 0), min(middle + half, 1))
        assert classes.interval(correct, samples) == pytest.approx(expected)


def test_the_most_confident_mistakes_come_first(tmp_path: pathlib.Path) -> None:
    supervised = written_runs.write(tmp_path / "a", written_runs.scores(1, 60, 5, 1.0))
    zero_shot = written_runs.write(tmp_path / "b", written_runs.zero_shot(2, samples=60))
    for workdir in (supervised, zero_shot):
        (run,) = read(workdir)
        gamma = 0.31 if run.unseen else 0.0
        expected = []
        for name, row, label in zip(
            run.scores.name, run.scores.score, run.scores.label, strict=True
        ):
            shifted = [
                float(s) - gamma * (k not in written_runs.UNSEEN) if run.unseen else float(s)
                for k, s in enumerate(row)
            ]
            best = int(np.argmax(shifted))
            share = np.exp(shifted[best]) / np.exp(shifted).sum()
            how = shifted[best] - shifted[label] if run.unseen else share
            expected += [(how, name)] if best != label else []
        expected.sort(reverse=True)
        found = mistakes.most_confident(run, 7)
        assert [each.sample for each in found] == [name for _, name in expected[:7]]
        confidence = [each.confidence for each in found]
        np.testing.assert_allclose(confidence, [how for how, _ in expected[:7]], rtol=1e-5)


def test_runs_are_paired_by_samples(tmp_path: pathlib.Path) -> None:
    first = written_runs.scores(1, 100, 5, 1.0)
    second = written_runs.scores(2, 100, 5, 3.0)
    turned = second.take(np.arange(100)[::-1])
    paths = [written_runs.write(tmp_path / n, of) for n, of in (("a", first), ("b", turned))]
    found = differences.compare(read(*paths))
    right = [of.score.argmax(axis=1) == of.label for of in (first, second)]
    (row,) = found["rows"]
    assert (found["reason"], found["samples"]) == ("", 100)
    assert row["accuracies"] == (right[0].mean(), right[1].mean())
    assert row["paired"]["only_first"] == (right[0] & ~right[1]).sum()
    assert row["paired"]["difference"] == pytest.approx(right[1].mean() - right[0].mean())
    assert row["paired"]["low"] < row["paired"]["difference"] < row["paired"]["high"]
    by_class = [np.mean(np.subtract(*right[::-1], dtype=int)[first.label == k]) for k in range(5)]
    np.testing.assert_allclose(row["gains"], by_class)


def test_zero_shot_runs_are_paired_among_unseen_classes(tmp_path: pathlib.Path) -> None:
    of = {name: written_runs.zero_shot(seed) for name, seed in (("a", 1), ("b", 2))}
    paths = [written_runs.write(tmp_path / name, scores) for name, scores in of.items()]
    found = differences.compare(read(*paths))
    top1 = tuple(result(path)["zsl/top1"] for path in paths)
    assert found["rows"][0]["accuracies"] == pytest.approx(top1)
    assert found["classes"] == ["class 1", "class 4"]


def test_runs_are_paired_by_seeds(tmp_path: pathlib.Path) -> None:
    paths, top1 = [], {}
    for method, strength in (("supervised", 1.0), ("gap", 1.6)):
        for seed in (1, 2, 3):
            of = written_runs.scores(10 * seed + len(method), 80, 5, strength, seed=str(seed))
            config = {"method.name": method}
            paths.append(written_runs.write(tmp_path / method / str(seed), of, config=config))
            top1[method, seed] = 100 * result(paths[-1])["eval/top1"]
    found = differences.by_seeds(read(*paths))
    assert found["metrics"] == ["eval/top1", "eval/mean_class"]
    first, second = found["rows"]
    assert (first["title"], second["title"]) == ("method.name=supervised", "method.name=gap")
    assert second["runs"] == ["gap/1", "gap/2", "gap/3"]
    assert first["cells"][0]["difference"] is None
    each = [top1["gap", seed] - top1["supervised", seed] for seed in (1, 2, 3)]
    error = np.std(each, ddof=1) / 3**0.5
    expected = np.mean(each) + error * stats.t.ppf([0.5, 0.025, 0.975], 2)
    shown = [second["cells"][0][key] for key in ("difference", "low", "high")]
    assert shown == pytest.approx(expected)


def test_runs_that_cannot_be_paired_say_why(tmp_path: pathlib.Path) -> None:
    one = written_runs.write(tmp_path / "a", written_runs.scores(1, 50, 5, 1.0))
    other = written_runs.write(tmp_path / "b", written_runs.scores(1, 60, 5, 1.0))
    (other / "metrics.jsonl").write_text(json.dumps(written_runs.CURVE[0]) + "\n")
    found = differences.compare(read(one, other))
    assert found["reason"] == "a lacks 10 samples of b, s00050 first"
    assert found["rows"] == []
    assert "is not finished" in found["seeds"]["reason"]
    assert read(other)[0].progress == (1, 2)


def test_without_samples_of_unseen_classes_only_seen_ones_are_recognized() -> None:
    of = written_runs.zero_shot(3)
    of = of.take(np.flatnonzero(~np.isin(of.label, written_runs.UNSEEN)))
    run = ReportedRun(pathlib.Path("x"), "x", of, [str(k) for k in range(7)], {}, {}, {}, (1, 1))
    assert run.unseen == []
    assert not np.isin(run.recognized, written_runs.UNSEEN).any()
    share = (run.recognized == of.label).mean()
    assert run.headline()[0].startswith(f"{100 * share:.1f} % of {len(of.label)} ")
