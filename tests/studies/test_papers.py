"""The studies of the papers: every row can be built, and its data, splits and numbers are right."""

import dataclasses
import importlib
from pathlib import Path

import pytest

from data_pipelines.specs import catalog
from gapjax.experiment import abstract
from gapjax.experiment.options import DataOptions
from gapjax.experiment.plan import Part, Plan
from gapjax.inputs.clips import ClipRecipe
from gapjax.parallel.sharding import ShapeLayout, make_layout
from gapjax.studies import reading
from gapjax.studies.study import SUPERVISED, ZERO_SHOT
from gapjax.training import loop
from gapjax.training.optimizer import OptimizerOptions
from gapjax.zero_shot.splits import unseen_classes
from support.source_tree import ROOT

FILES = {
    path.stem: path
    for path in sorted((ROOT / "configs" / "studies").glob("*.py"))
    if "STUDY = " in path.read_text()
}


@pytest.fixture
def unsettled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let plans be made without their data."""
    monkeypatch.setattr(reading.batch_size, "settle", lambda plan: plan)


def units_of(name: str, variants: str = "") -> list[reading.Unit]:
    return reading.units(reading.load(f"{FILES[name]}:{variants}"), Path("runs"), seeds=1)


@pytest.mark.parametrize("name", FILES)
def test_every_row_has_its_data(name: str, unsettled: None) -> None:
    units = units_of(name)
    study = reading.load(str(FILES[name]))
    columns = ZERO_SHOT if units[0].plan.on_features else SUPERVISED
    for row in study.rows:
        assert {*row.paper, *row.change} <= set(columns)
    for unit in units:
        data = unit.plan.data
        spec = catalog.module(data.dataset).SPEC
        assert data.protocol in spec.protocols
        if data.zero_shot:
            assert unseen_classes(spec, data.zero_shot)
        if name.startswith(("gap", "star")):
            assert unit.plan.text.encoder in ("clip", "bert", "mpnet")
            assert unit.plan.train.epochs > 20
        unit.plan.clips.build(ClipRecipe, skeleton=spec.skeleton, space=spec.space)
    assert len({unit.workdir for unit in units}) == len(units)


@pytest.mark.parametrize("name", FILES)
def test_the_docstring_has_the_command(name: str) -> None:
    text = FILES[name].read_text()
    command = f"python -m gapjax.study configs/studies/{name}.py --workdir=runs/{name}"
    assert command in text
    paper = "GAP (ICCV 2023)" if "gap" in name else "STAR (ACM MM 2024)"
    assert paper in text
    assert "Data:     python -m data_pipelines.convert" in text
    assert f"`{name}`" in (ROOT / "docs" / "studies.md").read_text()


@pytest.mark.parametrize(
    ("name", "config", "group"),
    [
        ("gap_table2", "gap_ucla", ""),
        ("gap_table3", "gap_ntu60", "X-Sub"),
        ("gap_table4", "gap_ntu120", "X-Sub"),
    ],
)
def test_numbers_of_streams_are_those_of_the_config(name: str, config: str, group: str) -> None:
    study = reading.load(str(FILES[name]))
    paper = {row.name: row.paper["top-1"] for row in study.rows if row.group == group}
    numbers = (
        f"paper {paper['Joint']} joint, {paper['Bone']} bone, {paper['Joint-M']} joint motion, "
        f"{paper['Bone-M']} bone motion, {paper['4 ensemble']} ensemble"
    )
    documented = importlib.import_module(f"configs.{config}").__doc__
    assert numbers in " ".join(documented.split())


def on_built_in_data(plan: Plan, folder: Path) -> Plan:
    """Return a plan on the same small data as all others."""
    zero_shot = "18_6" if plan.on_features else ""
    data = DataOptions("synthetic", str(folder), "xsub", zero_shot=zero_shot)
    train = dataclasses.replace(plan.train, batch_size=8)
    encoder = dataclasses.replace(plan.encoder, batch_size=8)
    gamma = dataclasses.replace(plan.zero_shot, gamma=None)
    plan = dataclasses.replace(plan, data=data, train=train, encoder=encoder, zero_shot=gamma)
    recipe = {"window": 16, "modality": "joint", "k": None, "absent_person": "zeros"}
    clips = Part("clips", "", tuple(recipe.items()))
    return dataclasses.replace(plan, clips=clips, optimizer=OptimizerOptions(warmup_epochs=0))


@pytest.mark.slow
def test_every_row_builds(tmp_path: Path, unsettled: None) -> None:
    """Its network, text and state, as shapes: nothing is compiled. Equal rows are built once."""
    layout = make_layout(1)
    shapes = ShapeLayout(layout.mesh, layout.rules)
    plans = {
        on_built_in_data(unit.plan, tmp_path): f"{name}, {unit.title}"
        for name in FILES
        for unit in units_of(name, "smoke")
    }
    assert len(plans) > 20
    for plan, title in plans.items():
        state = loop.state_shapes(abstract.build(plan, shapes, abstract.Size()))
        assert state.params, title
