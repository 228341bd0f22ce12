"""Data that are exchanged under a run: what is refused, and what is warned of."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from data_pipelines.datasets import synthetic
from data_pipelines.errors import UserError
from data_pipelines.specs import catalog
from gapjax import ensemble, export, summarize
from gapjax.experiment import carry_out, data_facts, features, model
from gapjax.experiment.data import Dataset, open_dataset
from gapjax.experiment.plan import Plan
from gapjax.experiment.schema import read_flat
from gapjax.experiment.stages import stages
from gapjax.prompts.descriptions import ClassText
from gapjax.workdir import data_file
from gapjax.workdir.config_file import read_config

WAVE_IS_KICK = "class 0 is 'wave' there, 'kick' here"


def plan_of(workdir: pathlib.Path) -> Plan:
    return read_flat(read_config(workdir))


@pytest.fixture
def swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first two labels of the built-in dataset change places."""
    spec = catalog.spec_of

    def exchanged(directory: pathlib.Path) -> Any:
        found = spec(directory)
        kick, wave = found.labels.index("kick"), found.labels.index("wave")
        labels = list(found.labels)
        labels[kick], labels[wave] = labels[wave], labels[kick]
        return dataclasses.replace(found, labels=tuple(labels))

    assert synthetic.SPEC.labels[0] == "wave"
    monkeypatch.setattr(catalog, "spec_of", exchanged)


def test_a_run_records_its_data(gap_run: pathlib.Path, star_run: pathlib.Path) -> None:
    for workdir, trained_on in ((gap_run, 24), (star_run, 18), (star_run / "encoder", 18)):
        facts = json.loads((workdir / data_file.FILE).read_text())
        assert len(facts["trained_on"]) == trained_on
        assert len(facts["classes"]) == 24
        assert facts["joints"][3] == "head"
        plan = plan_of(workdir)
        assert (
            data_file.difference(facts, data_facts.facts_of(plan, open_dataset(plan)), facts) == ""
        )


@pytest.mark.usefixtures("swapped")
def test_other_classes_are_refused_wherever_a_run_is_used(
    gap_run: pathlib.Path,
    star_run: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert export.main([f"--workdir={gap_run}", f"--out={tmp_path / 'bundle'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert WAVE_IS_KICK in line
    assert "restore the data in " in line
    (stage,) = stages(plan_of(gap_run), gap_run)
    for go_on in (carry_out.evaluate, lambda stage: carry_out.prepare([stage])):
        with pytest.raises(UserError, match=WAVE_IS_KICK):
            go_on(stage)
    plan = plan_of(star_run)
    upstream = stages(plan, star_run)[-1].upstream
    with pytest.raises(UserError, match=f"{WAVE_IS_KICK}.*train an encoder on these data"):
        features.load_encoder(plan, open_dataset(plan), upstream)
    # A run from before there were records: the checkpoint knows its classes.
    old = shutil.copytree(gap_run, tmp_path / "old")
    (old / data_file.FILE).unlink()
    assert export.main([f"--workdir={old}", f"--out={tmp_path / 'bundle'}"]) == 2
    assert "trained class 0 is 'wave' there, 'kick' here" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def with_body(dataset: Dataset, **changes: Any) -> Dataset:
    skeleton = dataclasses.replace(dataset.spec.skeleton, **changes)
    return dataclasses.replace(dataset, spec=dataclasses.replace(dataset.spec, skeleton=skeleton))


def with_index(dataset: Dataset, rows: np.ndarray, **changes: Any) -> Dataset:
    """Return a dataset of other rows; the digest of an index is computed anew."""
    stored, arrays = dataset.stored, {}
    for field in dataclasses.fields(stored):
        arrays[field.name] = changes.get(field.name, getattr(stored, field.name))[rows]
    place = {int(row): number for number, row in enumerate(rows)}
    train = np.array([place[row] for row in dataset.problem.train.tolist() if row in place])
    problem = dataclasses.replace(dataset.problem, train=train)
    return dataclasses.replace(
        dataset, stored=type(stored)(**arrays), problem=problem, full_problem=problem
    )


def changed(kind: str, dataset: Dataset) -> Dataset:
    rows, train = np.arange(len(dataset.stored)), dataset.problem.train
    joints = dataset.spec.skeleton.joints
    label = dataset.stored.label.copy()
    ends = train[[0, -1]]
    label[ends] = label[ends][::-1]
    assert label[train[0]] != label[train[-1]]
    return {
        "joints": lambda: with_body(dataset, joints=(joints[1], joints[0], *joints[2:])),
        "center": lambda: with_body(dataset, center=0),
        "order": lambda: with_index(dataset, rows[::-1]),
        "fewer tested": lambda: with_index(dataset, np.delete(rows, np.setdiff1d(rows, train)[0])),
        "fewer trained": lambda: with_index(dataset, np.delete(rows, train[0])),
        "relabeled": lambda: with_index(dataset, rows, label=label),
        "coordinates": lambda: dataset,
    }[kind]()


# What differs → whether going on, using, and building on an encoder is refused, warned of, allowed.
VERDICTS = {
    "joints": ("refused", "refused", "refused"),
    "center": ("refused", "refused", "refused"),
    "order": ("warned", "allowed", "allowed"),
    "fewer tested": ("warned", "allowed", "allowed"),
    "fewer trained": ("refused", "warned", "refused"),
    "relabeled": ("refused", "warned", "refused"),
    "coordinates": ("refused", "warned", "warned"),
}


@pytest.mark.parametrize("kind", VERDICTS)
def test_what_is_refused_and_what_is_warned_of(
    kind: str,
    gap_run: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = plan_of(gap_run)
    other = changed(kind, open_dataset(plan))
    contents = {"coordinates": "0123456789ab"}.get(kind, data_file.read(gap_run)["contents"])
    monkeypatch.setattr(data_facts, "_contents_digest", lambda *_: contents)
    checks: tuple[Callable, ...] = (
        data_facts.check_continued,
        data_facts.check_used,
        data_facts.check_encoder,
    )
    for check, verdict in zip(checks, VERDICTS[kind], strict=True):
        refusal = pytest.raises(UserError, match=r"other data \(.* there, .* here")
        with refusal if verdict == "refused" else contextlib.nullcontext():
            check(gap_run, plan, other)
        assert len(capsys.readouterr().err.splitlines()) == (verdict == "warned")


def test_other_descriptions_are_refused_where_they_decide(
    gap_run: pathlib.Path, star_run: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GAP needs them no more once it is trained; STAR recognizes by them."""
    read = model.descriptions

    def reworded(*arguments: Any) -> tuple:
        first, *others = read(*arguments)
        return dataclasses.replace(first, paragraph="Somebody waves."), *others

    monkeypatch.setattr(model, "descriptions", reworded)
    for workdir, used in ((gap_run, contextlib.nullcontext()), (star_run, None)):
        plan = plan_of(workdir)
        refusal = pytest.raises(UserError, match="digest of the classes' descriptions is ")
        with refusal:
            data_facts.check_continued(workdir, plan, open_dataset(plan))
        with used or refusal:
            data_facts.check_used(workdir, plan, open_dataset(plan))


def test_texts_that_are_single_have_the_digest_of_before() -> None:
    """A run from before there were lists of texts goes on; a list is told from its first text."""
    text = ClassText("wave", ("greet",), "", {"hand": "swings"})
    assert data_facts._digest_of_texts([text]) == "053c31b3fcc0"
    more = dataclasses.replace(text, others=(text,))
    assert data_facts._digest_of_texts([more]) != "053c31b3fcc0"


def test_runs_on_other_data_are_neither_fused_nor_averaged(
    gap_run: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(gap_run, tmp_path / "other")
    facts = {**data_file.read(gap_run)}
    facts["classes"] = [facts["classes"][1], facts["classes"][0], *facts["classes"][2:]]
    data_file.write(other, facts)
    config = read_config(gap_run)
    (other / "config.json").write_text(json.dumps({**config, "seed": 7}))
    for command in (ensemble, summarize):
        assert command.main([str(gap_run), str(other)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"other data (class 0 is {facts['classes'][0]!r} there, 'wave' in {gap_run})" in line
