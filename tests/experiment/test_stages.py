"""The stages of a run: which there are, in what order, and what each is told."""

from pathlib import Path

import pytest

from configs import gap_demo, star_demo
from data_pipelines.errors import UserError
from gapjax.experiment import schema
from gapjax.experiment.stages import stages

WORKDIR = Path("/runs/one")


def test_a_supervised_run_has_one_stage() -> None:
    (only,) = stages(gap_demo.get_config(), WORKDIR)
    assert only.workdir == WORKDIR
    assert only.config.method.name == "gap"


def test_the_encoder_comes_first_then_the_folds() -> None:
    config = star_demo.get_config()
    config.zero_shot.folds = 2
    encoder, one, two, last = stages(config, WORKDIR)
    assert [stage.workdir.name for stage in (encoder, one, two)] == ["encoder", "fold1", "fold2"]
    assert encoder.config.method.to_dict() == {"name": "supervised"}
    assert encoder.config.train.epochs == config.encoder.epochs
    assert encoder.config.optimizer.to_dict() == config.encoder.optimizer.to_dict()
    assert encoder.config.data.zero_shot == last.config.data.zero_shot == "18_6"
    assert (one.config.data.fold, two.config.data.fold, last.config.data.fold) == (1, 2, 0)
    assert {stage.given.encoder for stage in (one, two, last)} == {WORKDIR / "encoder"}
    assert {stage.given.features for stage in (one, two, last)} == {WORKDIR / "features"}
    assert last.given.folds == (WORKDIR / "fold1", WORKDIR / "fold2")
    for stage in (encoder, one, two, last):
        schema.check_keys(stage.config)


def test_a_fold_may_have_its_own_encoder() -> None:
    config = star_demo.get_config()
    config.zero_shot.folds, config.zero_shot.fold_encoder = 2, "own"
    every = stages(config, WORKDIR)
    folders = [str(stage.workdir.relative_to(WORKDIR)) for stage in every]
    assert folders == ["encoder", "fold1/encoder", "fold1", "fold2/encoder", "fold2", "."]
    assert every[1].config.data.fold == 1
    assert every[2].given.encoder == WORKDIR / "fold1" / "encoder"
    assert every[-1].given.encoder == WORKDIR / "encoder"
    assert every[-1].given.folds == (WORKDIR / "fold1", WORKDIR / "fold2")


def test_a_given_encoder_is_not_trained() -> None:
    config = star_demo.get_config()
    config.encoder.checkpoint = "/runs/encoder"
    config.zero_shot.folds = 0
    (only,) = stages(config, WORKDIR)
    assert only.given.encoder == Path("/runs/encoder")
    assert only.given.folds == ()


@pytest.mark.parametrize(("key", "value"), [("zero_shot", ""), ("fold", 1)])
def test_a_zero_shot_method_needs_a_zero_shot_problem(key: str, value: object) -> None:
    config = star_demo.get_config()
    config.data[key] = value
    with pytest.raises(UserError, match=r"method\.name='star' needs data\.zero_shot"):
        stages(config, WORKDIR)


def test_a_method_of_unseen_classes_needs_its_keys() -> None:
    config = gap_demo.get_config()
    config.method.name = "star"
    with pytest.raises(UserError, match=r"keys of a configs/star"):
        stages(config, WORKDIR)


def test_encoders_are_not_split() -> None:
    config = star_demo.get_config()
    config.mesh.model, config.mesh.rules = 2, (("kernel", "", "model"),)
    config.zero_shot.fold_encoder = "own"
    split = {stage.workdir.name: stage.config.mesh.rules for stage in stages(config, WORKDIR)}
    assert split == {"encoder": (), "fold1": config.mesh.rules, WORKDIR.name: config.mesh.rules}
    assert stages(config, WORKDIR)[0].config.mesh.model == 1


def test_an_unknown_encoder_of_folds_is_refused() -> None:
    config = star_demo.get_config()
    config.zero_shot.fold_encoder = "mine"
    with pytest.raises(UserError, match=r"fold_encoder='mine'.*shared, own"):
        stages(config, WORKDIR)
