"""The stages of a run: their order, plans and inputs."""

import re
import shutil
from pathlib import Path

import pytest

from configs import gap_demo, star_demo
from data_pipelines.errors import DataError, UserError
from gapjax.experiment import build, carry_out
from gapjax.experiment.config_dict import choose, plan_of
from gapjax.experiment.data import _load_index
from gapjax.experiment.plan import Part
from gapjax.experiment.schema import read_flat
from gapjax.experiment.stages import stages
from gapjax.parallel.partition_rules import PartitionRule
from gapjax.text import embedding_cache

WORKDIR = Path("/runs/one")


def test_auto_is_the_precision_that_a_run_began_with(tmp_path: Path) -> None:
    """Also of one that a GPU trained and a CPU goes on with, or makes a table of."""
    plan = plan_of(gap_demo.get_config())
    assert plan.train.precision == "auto"
    (fresh,) = stages(plan, tmp_path)
    assert fresh.plan.train.precision == "float32"
    (tmp_path / "config.json").write_text('{"train.precision": "bfloat16"}')
    (begun,) = stages(plan, tmp_path)
    assert begun.plan.train.precision == "bfloat16"


def test_a_supervised_run_has_one_stage() -> None:
    (stage,) = stages(plan_of(gap_demo.get_config()), WORKDIR)
    assert stage.workdir == WORKDIR
    assert stage.plan.method.name == "gap"


def test_the_encoder_comes_first_then_the_folds() -> None:
    config = star_demo.get_config()
    config.zero_shot.folds = 2
    encoder, fold1, fold2, last = stages(plan_of(config), WORKDIR)
    assert [stage.workdir.name for stage in (encoder, fold1, fold2)] == [
        "encoder",
        "fold1",
        "fold2",
    ]
    assert encoder.plan.method == Part("method", "supervised", (("persons", "all"),))
    config.encoder.person_merge = "present"
    present = stages(plan_of(config), WORKDIR)[0]
    assert present.plan.method == Part("method", "supervised", (("persons", "present"),))
    assert encoder.plan.train.epochs == config.encoder.epochs
    assert encoder.plan.optimizer == last.plan.encoder.optimizer
    assert encoder.plan.data.zero_shot == last.plan.data.zero_shot == "18_6"
    assert (fold1.plan.data.fold, fold2.plan.data.fold, last.plan.data.fold) == (1, 2, 0)
    assert {stage.upstream.encoder for stage in (fold1, fold2, last)} == {WORKDIR / "encoder"}
    assert {stage.upstream.features for stage in (fold1, fold2, last)} == {WORKDIR / "features"}
    assert last.upstream.folds == (WORKDIR / "fold1", WORKDIR / "fold2")
    for stage in (encoder, fold1, fold2, last):
        assert read_flat(stage.plan.flat()).flat() == stage.plan.flat()


def test_a_fold_may_have_its_own_encoder() -> None:
    config = star_demo.get_config()
    config.zero_shot.folds, config.zero_shot.fold_encoder = 2, "own"
    run_stages = stages(plan_of(config), WORKDIR)
    folders = [str(stage.workdir.relative_to(WORKDIR)) for stage in run_stages]
    assert folders == ["encoder", "fold1/encoder", "fold1", "fold2/encoder", "fold2", "."]
    assert run_stages[1].plan.data.fold == 1
    assert run_stages[2].upstream.encoder == WORKDIR / "fold1" / "encoder"
    assert run_stages[-1].upstream.encoder == WORKDIR / "encoder"
    assert run_stages[-1].upstream.folds == (WORKDIR / "fold1", WORKDIR / "fold2")


def test_a_given_encoder_is_not_trained() -> None:
    config = star_demo.get_config()
    config.encoder.checkpoint = "/runs/encoder"
    config.zero_shot.folds = 0
    (stage,) = stages(plan_of(config), WORKDIR)
    assert stage.upstream.encoder == Path("/runs/encoder")
    assert stage.upstream.folds == ()


@pytest.mark.parametrize(("key", "value"), [("zero_shot", ""), ("fold", 1)])
def test_a_zero_shot_method_needs_a_zero_shot_problem(key: str, value: object) -> None:
    config = star_demo.get_config()
    config.data[key] = value
    with pytest.raises(UserError, match=r"method\.name='star' recognizes unseen.*data\.zero_shot"):
        stages(plan_of(config), WORKDIR)


def test_a_zero_shot_method_on_any_config() -> None:
    config = gap_demo.get_config()
    choose(config, "method", "star")
    config.data.zero_shot = "18_6"
    names = [stage.workdir.name for stage in stages(plan_of(config), WORKDIR)]
    assert names == ["encoder", "fold1", "fold2", "fold3", "one"]


def test_a_supervised_config_has_no_unseen_classes() -> None:
    config = gap_demo.get_config()
    choose(config, "method", "star")
    with pytest.raises(UserError, match=r"recognizes unseen classes: set data\.zero_shot"):
        stages(plan_of(config), WORKDIR)


def test_encoders_are_not_split() -> None:
    config = star_demo.get_config()
    config.mesh.model, config.mesh.rules = 2, (("kernel", "", "model"),)
    config.zero_shot.fold_encoder = "own"
    rules = (PartitionRule("kernel", ("", "model")),)
    run_stages = stages(plan_of(config), WORKDIR)
    split = {stage.workdir.name: stage.plan.mesh.rules for stage in run_stages}
    assert split == {"encoder": (), "fold1": rules, WORKDIR.name: rules}
    assert run_stages[0].plan.mesh.model == 1


def test_a_process_opens_the_index_and_the_text_encoder_once(data: Path, tmp_path: Path) -> None:
    config = star_demo.get_config("smoke")
    config.data.dir = str(tmp_path / "data")
    shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns("text_features"))
    for cache in (_load_index, embedding_cache._load):
        cache.cache_clear()
    run_stages = stages(plan_of(config), tmp_path / "run")
    carry_out.prepare(run_stages)
    assert all(build.steps(stage.plan) for stage in run_stages)
    assert [cache.cache_info().misses for cache in (_load_index, embedding_cache._load)] == [1, 1]


@pytest.mark.parametrize("key", ["encoder.batch_size", "train.batch_size"])
def test_a_batch_that_an_epoch_cannot_fill(data: Path, tmp_path: Path, key: str) -> None:
    """The encoder's, too; the advice works."""
    config = star_demo.get_config("smoke")
    config.data.dir = str(data)
    section, _, name = key.partition(".")
    config[section][name] = 100_000
    with pytest.raises(DataError, match=rf"batch of 100000: lower .*{re.escape(key)}"):
        carry_out.prepare(stages(plan_of(config), tmp_path / "run"))
    config[section][name] = 8
    assert all(build.steps(stage.plan) for stage in stages(plan_of(config), tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_an_unknown_encoder_of_folds_is_refused() -> None:
    config = star_demo.get_config()
    config.zero_shot.fold_encoder = "mine"
    with pytest.raises(UserError, match=r"fold_encoder='mine'.*shared, own"):
        stages(plan_of(config), WORKDIR)
