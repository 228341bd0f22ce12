"""Training starts from another run's network: what is taken, told and refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import gap_demo, gap_ntu60, gap_ucla, own, star_demo
from data_pipelines.convert import convert
from data_pipelines.errors import UserError
from gapjax.experiment import abstract, carry_out, encoder_weights, initial_weights
from gapjax.experiment.abstract import Size
from gapjax.experiment.build import build
from gapjax.experiment.config_dict import plan_of, recorded
from gapjax.experiment.data import open_dataset
from gapjax.experiment.stages import stages
from gapjax.parallel.sharding import ShapeLayout, make_layout
from gapjax.training import evaluation, loop
from gapjax.training.dispatch import initial_state
from gapjax.workdir import lock, weights
from gapjax.workdir.checkpoints import read_newest
from gapjax.workdir.scores import read_scores, scores_path
from gapjax.workdir.weights import UNKNOWN
from support import own_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a converted dataset: two classes, 15 joints, two dimensions."""
    folder = tmp_path_factory.mktemp("own")
    convert("own", own_folder.write(folder / "mine"), folder / "data")
    return folder / "data"


def own_config(mine: Path, source: Path, variants: str = "smoke") -> ConfigDict:
    """Return the config of own data whose network starts from a run."""
    config = own.get_config(variants)
    config.backbone = recorded(source).backbone
    config.mesh.cpu_devices = 1
    config.data.update(dataset="mine", protocol="xsub", dir=str(mine))
    config.train.init_from = str(source)
    return config


def demo_config(module: object, source: Path, variants: str, folder: Path) -> ConfigDict:
    config = module.get_config(variants)
    config.data.dir, config.train.init_from = str(folder), str(source)
    return config


def test_other_classes_and_joints_take_the_backbone(
    gap_run: Path,
    mine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    started = []
    monkeypatch.setattr(loop, "train", lambda run, *_: started.append(run) or {})
    config = own_config(mine, gap_run)
    carry_out.run(config, tmp_path / "run")
    said = capsys.readouterr().out
    (line,) = (line for line in said.splitlines() if line.startswith(f"starts from {gap_run}: "))
    assert "left there: backbone" in line
    assert "classifier 2; what differs: " in line
    assert "joint 0 is 'spine base' there, 'nose' here" in line
    (run,) = started
    assert set(run.learned_before) == set(read_newest(gap_run).trained_on)
    state = initial_state(run)
    there = read_newest(gap_run).state["params"]["network"]["backbone"]
    same = jax.tree.map(
        lambda one, other: one.shape == other.shape and bool((one == other).all()),
        jax.device_get(state.params["backbone"]),
        there,
    )
    kept = jax.tree.leaves(same)
    assert sum(kept) > 0.8 * len(kept)
    # Begun, it does not need what it started from, which may be gone.
    config.train.init_from = str(tmp_path / "gone")
    with pytest.raises(UserError, match=r"there is no workdir, bundle or state dict '.*gone'"):
        carry_out.run(config, tmp_path / "other")
    (tmp_path / "run" / "checkpoints" / "8").mkdir(parents=True)
    (stage,) = stages(plan_of(own_config(mine, gap_run)), tmp_path / "run")
    assert carry_out.remaining(stage).train.init_from == ""


def test_the_same_classes_take_their_classifier_and_all_that_text_means(
    gap_run: Path, gap_bundle: Path, data: Path
) -> None:
    def taken(source: Path, variants: str = "smoke", **changes: object) -> str:
        config = demo_config(gap_demo, source, variants, data)
        config.update_from_flattened_dict(changes)
        plan = plan_of(config)
        opened = open_dataset(plan)
        run = build(plan)
        return str(initial_weights.adoption(plan, opened, loop.state_shapes(run)))

    whole = taken(gap_run)
    assert "left" not in whole
    assert "new" not in whole
    parts = taken(gap_run, **{"method.partition": "2"})
    assert "new here: global_head 2, part_heads 2, scale 1, text_encoder" in parts
    assert "new here: global_head 2" in taken(gap_bundle)
    assert "left" not in taken(gap_bundle, "smoke,no_text")


def test_a_run_evaluates_what_it_starts_from(
    gap_run: Path, data: Path, mine: Path, tmp_path: Path
) -> None:
    config = demo_config(gap_demo, gap_run, "smoke,no_text", data)
    result = carry_out.run(config, tmp_path / "run", "evaluate")
    expected, scores = (
        read_scores(scores_path(run, "test")) for run in (gap_run, tmp_path / "run")
    )
    np.testing.assert_allclose(scores.score, expected.score, atol=1e-5)
    assert result["step"] == 0
    assert not (tmp_path / "run" / "checkpoints").exists()
    with pytest.raises(UserError, match="backbone, classifier would begin anew here, untrained"):
        carry_out.run(own_config(mine, gap_run), tmp_path / "own", "evaluate")
    assert not (tmp_path / "own").exists()


def test_what_does_not_fit_is_refused_by_name(
    gap_run: Path, star_run: Path, data: Path, tmp_path: Path
) -> None:
    def refused(message: str, source: Path = gap_run, **changes: object) -> None:
        config = demo_config(gap_demo, source, "smoke,no_text", data)
        config.update_from_flattened_dict(changes)
        with pytest.raises(UserError, match=message):
            carry_out.run(config, tmp_path / "run")
        assert not (tmp_path / "run").exists()

    other = "has backbone.name='ctr_gcn', this run has 'shift_gcn'; use --config.backbone.name=ctr"
    refused(other, **{"backbone.name": "shift_gcn"})
    refused(
        r"does not fit 'ctr_gcn' .*backbone.width is \d+ there, 24 here", **{"backbone.width": 24}
    )
    encoder = f"no skeleton encoder; is it {star_run / 'encoder'}"
    refused(encoder, star_run, **{"backbone.name": "shift_gcn"})
    refused("was trained on classes that are unseen here: ", **{"data.zero_shot": "18_6"})
    refused("has no checkpoints", tmp_path)


def test_published_weights_of_other_classes_and_joints(
    load_pack: Callable[[str], tuple[dict, dict]], tmp_path: Path
) -> None:
    """Those of NW-UCLA fit its config; NTU RGB+D, whose files need not be here, takes most."""
    path = tmp_path / "ucla.npz"
    np.savez(path, **load_pack("ctr_gcn_ucla")[0])
    told = {}
    for module in (gap_ucla, gap_ntu60):
        plan = plan_of(demo_config(module, path, "no_text", tmp_path))
        layout = make_layout(1)
        run = abstract.build(plan, ShapeLayout(layout.mesh, layout.rules), Size())
        opened = abstract.describe_dataset(plan, Size())
        told[module] = initial_weights.adoption(plan, opened, loop.state_shapes(run))
    # A run from them carries on that their classes are unknown.
    assert initial_weights.trained_on(plan) == (UNKNOWN,)
    assert not told[gap_ucla].new | told[gap_ucla].left
    assert told[gap_ntu60].new_in("classifier") == 2
    assert told[gap_ntu60].taken_in("backbone") > 10 * told[gap_ntu60].new_in("backbone") > 0


def test_weights_of_unknown_classes_start_no_run_on_unseen_ones(
    star_run: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long ago they came into it."""
    read = weights.read(star_run)._replace(trained_on=(UNKNOWN,))
    monkeypatch.setattr(weights, "read", lambda folder: read)
    plan = plan_of(demo_config(star_demo, star_run, "smoke,shift_gcn", data))
    with pytest.raises(UserError, match=r"on classes that are unseen here: .classes that are not"):
        initial_weights.start(plan, open_dataset(plan))
    with pytest.raises(UserError, match=r"should be unseen: .classes that are not recorded"):
        encoder_weights._refuse_unseen("there", (UNKNOWN,), ["wave"])


def test_unseen_classes_start_from_encoder_and_prompts(star_run: Path, data: Path) -> None:
    def told(source: Path, **changes: object) -> tuple[str, str]:
        config = demo_config(star_demo, source, "smoke,shift_gcn", data)
        config.update_from_flattened_dict(changes)
        encoder, fold, last = stages(plan_of(config), star_run)
        assert fold.plan.train.init_from == ""
        lines = []
        for stage in (encoder, last):
            opened = open_dataset(stage.plan)
            state = loop.state_shapes(build(stage.plan, stage.upstream))
            lines.append(str(initial_weights.adoption(stage.plan, opened, state)))
        return lines[0], lines[1]

    encoder, last = told(star_run)
    assert "new" not in encoder + last
    assert "semantic 1" in last
    assert "left" not in encoder + last
    encoder, last = told(star_run, **{"method.partition": "2"})
    assert "new" not in encoder
    assert last.startswith("takes 0 arrays (none); left there: label_projector 4")
    config = demo_config(star_demo, star_run, "smoke,shift_gcn", data)
    with pytest.raises(UserError, match=f"is evaluated in place: .* --workdir={star_run}"):
        carry_out.run(config, star_run.parent / "none", "evaluate")
    # Its encoder knows the unseen classes.
    with pytest.raises(UserError, match="was trained on classes that are unseen here: "):
        told(star_run, **{"data.zero_shot": "random:6:7"})


def test_an_evaluation_beside_a_training_changes_nothing(
    gap_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    workdir = Path(shutil.copytree(gap_run, tmp_path / "run"))
    scores = {"test": read_scores(scores_path(workdir, "test"))}
    monkeypatch.setattr(evaluation, "evaluate", lambda *_: scores)

    def files() -> dict[str, tuple[int, bytes]]:
        paths = (path for path in workdir.rglob("*") if path.is_file() and path.name != lock.LOCK)
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}

    before = files()
    with lock.held(workdir):
        result = carry_out.run(recorded(workdir), workdir, "evaluate")
    assert files() == before
    assert result == json.loads((workdir / "result.json").read_text())
    assert f"another run uses {workdir}" in capsys.readouterr().out
    # Nor if the training ends meanwhile.
    newer = workdir / "checkpoints" / "20"
    monkeypatch.setattr(evaluation, "evaluate", lambda *_: newer.mkdir() or scores)
    carry_out.run(recorded(workdir), workdir, "evaluate")
    assert files() == before
    newer.rmdir()
    monkeypatch.setattr(evaluation, "evaluate", lambda *_: scores)
    carry_out.run(recorded(workdir), workdir, "evaluate")
    assert files() != before
