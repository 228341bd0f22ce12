"""Every config's `:smoke` runs where there is no dataset, and the built-in dataset makes itself."""

import dataclasses
from pathlib import Path

import pytest

from data_pipelines.convert import make
from data_pipelines.errors import UserError
from data_pipelines.specs import catalog
from data_pipelines.storage.index import Index, select
from data_pipelines.synthesis import stand_in
from gapjax.experiment import batch_size, carry_out, generated
from gapjax.experiment.config_dict import load, plan_of
from gapjax.experiment.data import open_dataset, pose
from gapjax.experiment.plan import Plan
from gapjax.experiment.stages import stages
from support.commands import ROOT

EXPERIMENTS = sorted(
    path.stem for path in (ROOT / "configs").glob("*.py") if not path.stem.startswith(("_", "base"))
)
# Together with `smoke`, variants that follow a paper end, too.
VARIANTS = {"star_demo": "paper,smoke"}
RUNS = [f"{name}.py:{VARIANTS.get(name, 'smoke')}" for name in EXPERIMENTS]
RUNS.append("own.py:star,smoke")


def plan(argument: str, folder: Path) -> Plan:
    config = load(f"{ROOT}/configs/{argument}")
    config.data.dir, config.mesh.devices = str(folder), 1
    return plan_of(config)


def be_the_second_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jax.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("jax.process_index", lambda: 1)


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of datasets without any."""
    return tmp_path_factory.mktemp("nothing")


@pytest.mark.slow
@pytest.mark.parametrize("argument", RUNS)
def test_smoke_needs_no_dataset(
    argument: str, nothing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *earlier, last = stages(plan(argument, nothing), tmp_path / "run")
    said = capsys.readouterr().out
    assert "generated samples" in said
    assert last.plan.data.dataset in said
    carry_out.prepare([*earlier, last])
    for stage in earlier:
        carry_out.finish(stage, stage.workdir.name)
    carry_out.train(last)
    assert (tmp_path / "run" / "scores" / "test.npz").exists()
    # The real dataset's place stays free.
    assert not (nothing / last.plan.data.dataset).exists()


@pytest.mark.parametrize("name", catalog.modules())
def test_a_stand_in_serves_every_protocol_and_split(name: str) -> None:
    spec = catalog.module(name).SPEC
    items = stand_in.opened(spec).items
    records = [record for item in items for record in stand_in.read(item)]
    assert {record.label for record in records} == set(range(len(spec.labels)))
    assert len({record.name for record in records}) == len(records)
    for protocol in spec.protocols.values():
        train = [r for r in records if getattr(r, protocol.column) in protocol.train]
        assert {r.label for r in train} == set(range(len(spec.labels)))
        assert len(records) - len(train) == len(spec.labels)
        assert len({r.subject for r in train}) > 1
    assert {r.skeleton.shape[1] for r in records} == set(range(1, spec.persons + 1))
    assert {r.skeleton.shape[2:] for r in records} == {(spec.skeleton.num_joints, spec.coordinates)}


def test_a_dataset_that_is_here_has_no_stand_in(tmp_path: Path) -> None:
    smoke = plan("gap_ucla.py:smoke", tmp_path)
    assert generated.is_stand_in(smoke)
    (tmp_path / "nw_ucla").mkdir()
    assert not generated.is_stand_in(smoke)
    assert not generated.is_stand_in(plan("gap_ntu60.py", tmp_path))


def test_the_built_in_dataset_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = catalog.module("synthetic")
    few = module.items(None)[::42]
    monkeypatch.setattr(module, "items", lambda raw: few)
    demo = plan("gap_demo.py", tmp_path)
    dataset = open_dataset(demo)
    assert len(dataset.index) == 3 * len(few)
    assert f"{tmp_path}/synthetic: makes the built-in dataset" in capsys.readouterr().out
    open_dataset(demo)
    assert capsys.readouterr().out == ""


def test_a_second_start_finds_what_the_first_made(tmp_path: Path) -> None:
    """It waited for the lock meanwhile: `make` looks again once it has it."""
    spec = catalog.module("nw_ucla").SPEC
    target = tmp_path / "nw_ucla"
    make(stand_in, stand_in.opened(spec), target)
    before = (target / "index.csv").stat().st_mtime_ns
    make(stand_in, stand_in.opened(spec), target)
    assert (target / "index.csv").stat().st_mtime_ns == before
    train, test = select(Index.load(target), spec.protocols["xview"])
    assert (len(train), len(test)) == (40, 10)


def test_the_number_of_clips_chooses_the_batch(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load(f"{ROOT}/configs/own.py")
    config.data.update(dir=str(data), dataset="synthetic", protocol="xsub")
    (stage,) = stages(plan_of(config), Path("/run"))
    assert stage.plan.train.batch_size == 16
    assert stage.plan.flat()["train.batch_size"] == 16
    assert "train.batch_size=16, chosen for 720 training clips" in capsys.readouterr().out
    fixed = dataclasses.replace(stage.plan, train=dataclasses.replace(stage.plan.train))
    assert batch_size.settle(fixed) is fixed


def test_a_chosen_batch_is_named_by_its_key_and_has_its_own_repeat(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load(f"{ROOT}/configs/own.py:star")
    config.data.update(dir=str(data), dataset="synthetic", protocol="xsub", zero_shot="18_6")
    config.train.batch_size, config.data.repeat, config.encoder.repeat = 32, 1, 4
    settled = batch_size.settle(plan_of(config))
    clips = len(open_dataset(settled).problem.train)
    chosen = batch_size.from_count(4 * clips)
    assert chosen != batch_size.from_count(clips)
    assert (settled.train.batch_size, settled.encoder.batch_size) == (32, chosen)
    said = f"encoder.batch_size={chosen}, chosen for {4 * clips:,} training clips\n"
    assert capsys.readouterr().out == said
    be_the_second_host(monkeypatch)
    assert batch_size.settle(plan_of(config)) == settled
    assert capsys.readouterr().out == ""


def test_only_the_first_host_tells_of_generated_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be_the_second_host(monkeypatch)
    module = catalog.module("synthetic")
    few = module.items(None)[::42]
    monkeypatch.setattr(module, "items", lambda raw: few)
    open_dataset(plan("gap_demo.py", tmp_path))
    stages(plan("gap_ucla.py:smoke", tmp_path), tmp_path / "run")
    assert capsys.readouterr().out == ""


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    spec = dataclasses.replace(catalog.module("nw_ucla").SPEC, labels=("walk",))
    make(stand_in, stand_in.opened(spec), tmp_path / "nw_ucla")
    demo = plan("gap_ucla.py", tmp_path)
    with pytest.raises(UserError, match=r"one class \(walk\)"):
        pose(demo, spec, Index.load(tmp_path / "nw_ucla"), tmp_path)
