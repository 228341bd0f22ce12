"""Zero-shot recognition through the public command: both stages, killed and resumed."""

import re
from pathlib import Path

import numpy as np
import pytest

from configs import gap_demo, star_demo
from data_pipelines.datasets import synthetic
from data_pipelines.errors import DataError, UserError
from gapjax.experiment import carry_out
from gapjax.experiment import data as dataset
from gapjax.experiment.build import build
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.stages import stages
from gapjax.workdir.checkpoints import read_newest
from support.commands import STAR as CONFIG
from support.commands import STAR_FLAGS as FLAGS
from support.commands import Command, assert_one_line, end_after, metrics, results

UNSEEN = [synthetic.SPEC.labels[each] for each in synthetic.SPEC.zero_shot["18_6"]]


@pytest.fixture
def finished(star_run: Path) -> Path:
    """Return the workdir of a finished run."""
    return star_run


def test_each_stage_has_its_folder(finished: Path) -> None:
    for folder in (finished / "encoder", finished / "fold1", finished):
        assert (folder / "scores" / "test.npz").is_file()
        assert (folder / "config.json").is_file()
    last = metrics(finished)[-1]
    assert 0 <= last["zsl/top1"] <= 1
    assert "gzsl_validation/gamma" in last
    assert np.load(finished / "scores" / "test.npz")["score"].shape == (720, 24)
    assert np.load(finished / "encoder" / "scores" / "test.npz")["score"].shape == (540, 18)
    # The fold and the run share an encoder, and so the features of it.
    assert len(list((finished / "features").iterdir())) == 1


def test_checkpoints_name_the_classes_they_have_seen(finished: Path) -> None:
    for folder in (finished / "encoder", finished):
        trained_on = read_newest(folder).trained_on
        assert len(trained_on) == 18
        assert not set(trained_on) & set(UNSEEN)
    # A fold learns from 14 classes, on an encoder that knows all 18.
    trained_on = read_newest(finished / "fold1").trained_on
    assert len(trained_on) == 18


# The files that tell the moment: at the end of the encoder's stage, in the last stage.
KILLS = ("encoder/scores/test.npz", "checkpoints/4")


def test_a_run_killed_in_two_stages_resumes_bitwise(
    command: Command, finished: Path, tmp_path: Path
) -> None:
    """What ran before a kill is not repeated; what was under way goes on."""
    for moment in KILLS:
        end_after(command.start(tmp_path, *FLAGS, config=CONFIG), tmp_path / moment)
        assert not (tmp_path / "scores").exists(), "the run ended before it was killed"
    status, out, err = command.run(tmp_path, *FLAGS, config=CONFIG)
    assert status == 0, err
    assert "stage encoder" not in out
    assert "stage fold1" not in out
    for name in ("encoder", "fold1", ""):
        assert results(tmp_path / name) == results(finished / name)


def test_a_finished_run_repeats_nothing(command: Command, finished: Path) -> None:
    before = (finished / "encoder" / "metrics.jsonl").stat().st_mtime_ns
    status, out, err = command.run(finished, *FLAGS, config=CONFIG)
    assert status == 0, err
    assert re.findall("^stage.*", out, re.MULTILINE) == ["stage star"]
    assert (finished / "encoder" / "metrics.jsonl").stat().st_mtime_ns == before


def test_an_encoder_of_another_split_is_refused(
    command: Command, finished: Path, tmp_path: Path
) -> None:
    flags = [f"--config.encoder.checkpoint={finished / 'encoder'}", "--config.zero_shot.folds=0"]
    config = "--config=configs/star_demo.py:smoke,shift_gcn,20_4_simple"
    result = command.run(tmp_path / "run", *flags, config=config)
    assert_one_line(
        result, "was trained on classes that should be unseen: bow, clap, drink, jump up"
    )
    assert not (tmp_path / "run").exists()


# What is refused before the first stage is trained: the config's changes, and what is said.
MISTAKES = {
    "statistics of batches of cached features": (
        {"encoder.norm": "released"},
        r"encoder\.features='fresh'",
    ),
    "no data": (
        {"data.dir": "/nowhere", "data.stand_in": False, "data.dataset": "ntu60"}
        | {"data.zero_shot": "55_5"},
        "(?s)data_pipelines.convert ntu60 --raw=PATH.*gap_demo",
    ),
    "rules that match nothing": (
        {"mesh.rules": (("skeletons/out/kernel", "data"),)},
        "'skeletons/out/kernel' matches no parameter",
    ),
    "rules that a fold's classes do not fit": (
        {"mesh.rules": (("semantic/prompts$", "data"),), "mesh.devices": 4},
        r"which is \(18, 6, 256\), along dimension 0 over 4 devices of data",
    ),
    "rules that do not fit": (
        {"mesh.rules": (("label_projector/inner/kernel", "data"),)},
        r"which is \(1, 256, 256\), along dimension 0 over 8 devices of data",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_refused_before_the_first_stage(data: Path, tmp_path: Path, name: str) -> None:
    changes, expected = MISTAKES[name]
    config = star_demo.get_config("smoke,shift_gcn")
    config.data.dir = str(data)
    config.update_from_flattened_dict(changes)
    with pytest.raises((UserError, DataError), match=expected):
        carry_out.prepare(stages(plan_of(config), tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_fresh_features_and_the_released_normalization(
    command: Command, finished: Path, tmp_path: Path
) -> None:
    flags = [f"--config.encoder.checkpoint={finished / 'encoder'}", "--config.zero_shot.folds=0"]
    flags += ["--config.encoder.norm=released", "--config.encoder.features=fresh"]
    flags.append("--config.encoder.person_merge=released")
    status, out, err = command.run(tmp_path / "run", *flags, config=CONFIG)
    assert status == 0, err
    assert re.search(r"\n  zsl +top1 \d", out), out


def test_weights_of_unknown_classes_do_not_start_an_encoder(data: Path, tmp_path: Path) -> None:
    config = gap_demo.get_config("smoke")
    config.data.dir, config.data.zero_shot = str(data), "18_6"
    config.train.init_from = str(tmp_path / "weights.npz")
    np.savez(config.train.init_from, **{"fc.bias": np.zeros(3)})
    with pytest.raises(UserError, match=r"may know classes that data\.zero_shot leaves unseen"):
        build(plan_of(config))


def test_the_reference_methods_run(command: Command, finished: Path, tmp_path: Path) -> None:
    flags = [f"--config.encoder.checkpoint={finished / 'encoder'}", "--config.zero_shot.folds=0"]
    config = "--config=configs/star_demo.py:smoke,shift_gcn,regression"
    status, out, err = command.run(tmp_path / "run", *flags, config=config)
    assert status == 0, err
    assert "network: text_regression, shift_gcn" in out


def test_unseen_classes_never_enter_training(data: Path, finished: Path) -> None:
    """No step, no validation and no statistic of any stage meets a sample of an unseen class."""
    config = star_demo.get_config("smoke,shift_gcn")
    config.data.dir = str(data)
    config.train.checkpoint_every = 4
    every = stages(plan_of(config), finished)
    index = dataset.open_dataset(every[-1].plan).index
    unseen = np.flatnonzero(np.isin(index.label, synthetic.SPEC.zero_shot["18_6"]))
    for stage in every:
        run = build(stage.plan, stage.upstream)
        learned = run.order.batches(0, run.order.steps_per_epoch) % len(run.index)
        assert not np.isin(learned, unseen).any()
        tested = np.concatenate(list(run.evaluations.values()))
        assert np.isin(tested, unseen).any() == (stage is every[-1])
