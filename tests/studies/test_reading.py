"""From a study's file and its command line to the plans of its runs."""

import re
from pathlib import Path

import pytest

from configs import gap_demo, gap_ucla, star_demo
from data_pipelines.errors import UserError
from gapjax import study as command
from gapjax.studies import reading
from gapjax.studies.study import Row, Study
from support.source_tree import ROOT

DEMO = f"{ROOT}/configs/gap_demo.py"


@pytest.fixture(autouse=True)
def unsettled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let plans be made without their data."""
    monkeypatch.setattr(reading.batch_size, "settle", lambda plan: plan)


def units(*rows: Row, seeds: int = 1, **others: object) -> list[reading.Unit]:
    return reading.units(
        Study("title", others.pop("config", gap_demo), rows, **others), Path("w"), seeds
    )


def test_a_sweep_has_a_row_for_each_value() -> None:
    over = ["method.loss_weight=1.0,0.5", "optimizer.milestones=(6, 8),(7,)", "train.epochs=9"]
    swept = reading.units(reading.load(DEMO, over), Path("w"), seeds=2)
    assert [unit.seed for unit in swept] == [1] * 4 + [2] * 4
    values = [(unit.plan.method["loss_weight"], unit.plan.optimizer.milestones) for unit in swept]
    assert values == [(1.0, (6, 8)), (1.0, (7,)), (0.5, (6, 8)), (0.5, (7,))] * 2
    assert {unit.plan.train.epochs for unit in swept} == {9}
    assert [unit.plan.seed for unit in swept] == [unit.seed for unit in swept]
    first = swept[0]
    assert first.row.name == "method.loss_weight=1.0, optimizer.milestones=(6, 8)"
    folder = "method.loss_weight_1.0_optimizer.milestones_6_8"
    assert first.workdir == Path("w", folder, "seed1")


def test_a_config_alone_is_one_row() -> None:
    (unit,) = reading.units(reading.load(f"{DEMO}:smoke", ["train.epochs=2"]), Path("w"), seeds=1)
    assert unit.workdir == Path("w/gap_demo/seed1")


def test_one_value_keeps_names_and_the_papers_numbers() -> None:
    argument = f"{ROOT}/configs/studies/gap_table2.py"
    one = reading.load(argument, ["train.epochs=3", "data.dir=there"])
    assert one.note == "train.epochs=3"
    assert [row.name for row in one.rows] == ["Joint", "Joint-M", "Bone", "Bone-M", "4 ensemble"]
    assert one.rows[-1].paper == {"top-1": 97.2}
    several = reading.load(argument, ["train.epochs=3,4"])
    assert several.rows[-1].paper == {}
    assert several.rows[-1].ensemble[0] == several.rows[1].name == "Joint, train.epochs=4"
    assert len(reading.units(several, Path("w"), seeds=1)) == 8


def test_what_cannot_be_swept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--over=seed=5: the number of seeds is --seeds"):
        reading.load(f"{ROOT}/configs/gap_demo.py", ["seed=5"])
    (tmp_path / "mine.py").write_text("def get_config(variants=''):\n    return undefined\n")
    study = reading.load(f"{tmp_path}/mine.py")
    with pytest.raises(UserError, match=r"mine\.py: NameError: name 'undefined' is not"):
        reading.units(study, Path("w"), 1)


def test_a_variant_takes_the_place_of_one_of_its_subject() -> None:
    (unit,) = units(Row("a", variants="bone"), variants="clip,quick,joint_motion", config=gap_ucla)
    plan = unit.plan
    assert plan.text.checkpoint == "openai/clip-vit-base-patch32"
    assert (plan.clips["k"], plan.clips["modality"]) == (1, "joint")
    given = reading.load(f"{ROOT}/configs/studies/gap_table2.py:minilm")
    assert (given.variants, given.note) == ("minilm", "minilm")
    assert given.rows[0].paper
    plumbing = reading.load(f"{ROOT}/configs/studies/gap_table2.py:smoke")
    assert [row.paper for row in plumbing.rows] == [{}] * 5
    overrides = {"text.encoder": "bert", "data.cross_validation": 5}
    (smoke,) = units(Row("a", overrides), variants="clip,smoke", config=gap_ucla)
    assert smoke.plan.data.cross_validation == 2
    assert (smoke.plan.text.encoder, smoke.plan.text.checkpoint) == ("hashed", "")


def test_a_row_may_name_another_method() -> None:
    overrides = {"method.persons": "present", "method.name": "supervised"}
    (unit,) = units(Row("a", overrides))
    assert (unit.plan.method.name, unit.plan.method["persons"]) == ("supervised", "present")


def test_a_row_averages_variants() -> None:
    row = Row("a", average=("18_6", "20_4"), group="One group")
    found = units(row, seeds=2, config=star_demo)
    assert [str(unit.workdir) for unit in found[:2]] == [
        "w/one_group/a/18_6/seed1",
        "w/one_group/a/20_4/seed1",
    ]
    assert [unit.plan.data.zero_shot for unit in found] == ["18_6", "20_4"] * 2
    assert found[0].title == "One group: a (18_6), seed 1"


def test_rows_are_selected_with_what_they_are_made_of() -> None:
    table = reading.load(f"{ROOT}/configs/studies/gap_table3.py")
    assert len(reading.select(table, "x-view").rows) == 5
    assert len(reading.select(table, "X-View: 4 ens").rows) == 5
    assert [row.title for row in reading.select(table, "X-Sub: Bone").rows] == [
        "X-Sub: Bone",
        "X-Sub: Bone-M",
    ]
    with pytest.raises(UserError, match=r"--rows=nothing: no row.*X-Sub: Joint; X-Sub: Joint-M"):
        reading.select(table, "nothing")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            Row("a", {"method.loss_wait": 1}),
            r"row 'a': unknown config key 'method\.loss_wait'; did you",
        ),
        (Row("a", {"train.epochs": "many"}), r"row 'a': train\.epochs='many' is no int as Python"),
        (Row("a", {"train.epochs": "0"}), r"row 'a': train\.epochs=0 should be at least 1"),
        (Row("a", {"method.partition": 4}), r"row 'a': method\.partition.*str"),
        (Row("a", {"method.name": "gapp"}), r"row 'a': no module 'gapp'.*did you mean 'gap'"),
        (Row("a", variants="clipp"), r"row 'a': no variant 'clipp'"),
        (
            Row("a", group="g", ensemble=("b",)),
            r"row 'g: a': its ensemble has 'b', which is no row",
        ),
    ],
)
def test_a_wrong_row_is_named(row: Row, message: str) -> None:
    with pytest.raises(UserError, match=message):
        units(row)


def test_tables_keep_rows_that_were_begun(tmp_path: Path) -> None:
    """Whatever `--rows` chooses the next time."""
    table = reading.load(f"{ROOT}/configs/studies/gap_table3.py")
    chosen = reading.select(table, "X-Sub: Bone")
    assert reading.shown(table, chosen, tmp_path) == chosen
    (tmp_path / "x-sub" / "joint" / "seed1").mkdir(parents=True)
    titles = [row.title for row in reading.shown(table, chosen, tmp_path).rows]
    assert titles == ["X-Sub: Joint", "X-Sub: Bone", "X-Sub: Bone-M"]


def test_rows_have_names_of_their_own() -> None:
    with pytest.raises(UserError, match="row 'a b': another row has this name, or one too much"):
        units(Row("a b"), Row("A_b"))
    assert len(units(Row("a", group="one"), Row("a", group="two"))) == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, r"there is no file .*study\.py \(configs/studies has the studies\)"),
        ("x = 1", "has neither a STUDY nor a get_config"),
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
    ],
)
def test_what_is_no_study_is_one_line(
    tmp_path: Path, source: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.py"
    if source:
        path.write_text(source)
    assert command.main([str(path), f"--workdir={tmp_path}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)


def test_the_study_of_the_documentation_can_be_read(tmp_path: Path) -> None:
    (source,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/studies.md").read_text(), re.DOTALL
    )
    (tmp_path / "mine.py").write_text(source)
    found = reading.units(reading.load(str(tmp_path / "mine.py")), tmp_path, seeds=1)
    assert [unit.plan.method["partition"] for unit in found] == ["none", "global", "4"]
    with pytest.raises(UserError, match=r"--over=epochs is not KEY=VALUE"):
        reading.load(DEMO, ["epochs"])
