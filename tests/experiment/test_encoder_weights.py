"""The weights of frozen encoders: none that has seen an unseen class gets in."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import NTU25
from gapjax.backbones import shift_gcn
from gapjax.experiment import encoder_weights
from gapjax.methods import supervised
from gapjax.nn.heads import Recognizer
from gapjax.nn.torch_weights import StateDict
from gapjax.parallel.sharding import make_layout
from gapjax.training.step import TrainState
from gapjax.workdir.checkpoints import Checkpoints, read_newest

pytestmark = pytest.mark.slow

CONFIG = {
    "backbone.name": "shift_gcn",
    "backbone.width": 8,
    "clips.window": 8,
    "clips.angle": 0.3,
    "data.dataset": "synthetic",
    "data.protocol": "xsub",
}


@pytest.fixture(scope="module")
def trained() -> dict:
    """Variables of a recognizer of three classes, with running statistics."""
    network = Recognizer(shift_gcn.Backbone(NTU25, width=8, stages=(1, 1)), 3)
    clips = jax.random.normal(jax.random.key(0), (3, 2, 8, 25, 3))
    variables = jax.jit(lambda: network.init(jax.random.key(1), clips, train=False))()
    train = functools.partial(network.apply, train=True, mutable=["batch_stats"])
    _, updates = jax.jit(train)(variables, clips)
    return {"params": variables["params"], **updates}


@pytest.fixture
def workdir(trained: dict, tmp_path: Path) -> Path:
    """Return the folder of a run that was trained on three classes."""
    checkpoints = Checkpoints(tmp_path, ("wave", "kick", "bow"))
    rng = jax.random.key(0)
    state = TrainState(jnp.ones((), jnp.int32), trained["params"], trained["batch_stats"], {}, rng)
    checkpoints.save(1, state)
    checkpoints.close()
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "train.epochs": 1}))
    write_metrics(tmp_path, {"train/loss": 1.0}, {"eval/top1": 0.5})
    return tmp_path


def write_metrics(workdir: Path, *lines: dict[str, float]) -> None:
    """Write lines of metrics of the first step, which ends the first epoch."""
    content = [json.dumps({"step": 1, "epoch": 1, **line}) + "\n" for line in lines]
    (workdir / "metrics.jsonl").write_text("".join(content))


def test_a_workdir_gives_its_encoder(workdir: Path, trained: dict) -> None:
    config = {**CONFIG, "clips.angle": 0.1, "encoder.views": 2}
    variables = encoder_weights.from_workdir(workdir, config, ("sit",))
    for kind in ("params", "batch_stats"):
        jax.tree.map(np.testing.assert_array_equal, variables[kind], trained[kind]["backbone"])


def test_an_encoder_crosses_devices(workdir: Path, trained: dict, tmp_path: Path) -> None:
    """What two devices saved is read as host arrays, whatever devices there are."""
    layout = make_layout(2)
    state = TrainState(
        *layout.replicate((jnp.ones((), jnp.int32), trained["params"], trained["batch_stats"])),
        {},
        layout.replicate(jax.random.key(0)),
    )
    checkpoints = Checkpoints(tmp_path / "two", ("wave",))
    checkpoints.save(1, state)
    checkpoints.close()
    restored = read_newest(tmp_path / "two").state
    assert {type(leaf) for leaf in jax.tree.leaves(restored["params"])} == {np.ndarray}


def test_the_wrong_folder_of_a_run_is_named(workdir: Path, tmp_path: Path) -> None:
    state = TrainState(jnp.ones((), jnp.int32), {"a": jnp.ones(1)}, {}, {}, jax.random.key(0))
    checkpoints = Checkpoints(tmp_path / "star", ("wave",))
    checkpoints.save(1, state)
    checkpoints.close()
    (tmp_path / "star" / "config.json").write_text(json.dumps(CONFIG))
    with pytest.raises(UserError, match=r"is no run of a skeleton encoder; is it .*star/encoder"):
        encoder_weights.from_workdir(tmp_path / "star", CONFIG, ())


def test_an_unfinished_encoder_is_refused(workdir: Path) -> None:
    write_metrics(workdir, {"train/loss": 1.0})
    # What `--mode=evaluate` writes of any checkpoint.
    (workdir / "scores").mkdir()
    with pytest.raises(UserError, match="is not finished"):
        encoder_weights.from_workdir(workdir, CONFIG, ("sit",))


@pytest.mark.parametrize("key", ["data.validation_subjects", "data.cross_validation"])
@pytest.mark.parametrize("changed", ["seed", ""])
def test_an_encoder_that_knows_held_out_subjects_is_refused(
    workdir: Path, key: str, changed: str
) -> None:
    """The seed draws the subjects that are held out."""
    config = {**CONFIG, "seed": 1, key: 2}
    (workdir / "config.json").write_text(json.dumps({**config, "train.epochs": 1}))
    encoder_weights.from_workdir(workdir, config, ("sit",))
    changed = changed or key
    with pytest.raises(UserError, match=f"the encoder was trained with {changed}="):
        encoder_weights.from_workdir(workdir, {**config, changed: 7}, ("sit",))


def test_an_encoder_that_has_seen_an_unseen_class_is_refused_by_name(workdir: Path) -> None:
    with pytest.raises(UserError, match=r"trained on classes that should be unseen: kick;"):
        encoder_weights.from_workdir(workdir, CONFIG, ("kick", "sit"))


@pytest.mark.parametrize(
    ("key", "value"), [("backbone.width", 16), ("clips.window", 9), ("data.dataset", "mine")]
)
def test_an_encoder_of_other_clips_is_refused(workdir: Path, key: str, value: object) -> None:
    with pytest.raises(UserError, match=f"{key}=.*this run has {value}"):
        encoder_weights.from_workdir(workdir, {**CONFIG, key: value}, ("sit",))


def test_a_folder_without_checkpoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no checkpoints"):
        encoder_weights.from_workdir(tmp_path, CONFIG, ())


@pytest.fixture(scope="module")
def published(load_pack: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a published Shift-GCN of 60 classes."""
    state, _ = load_pack("shift_gcn_ntu60")
    path = tmp_path_factory.mktemp("published") / "shift_gcn.npz"
    np.savez(path, **state)
    return path


def test_published_weights_of_all_classes_are_refused(published: Path) -> None:
    seen = [f"seen {i}" for i in range(55)]
    unseen = ["reading", "writing", "put on a hat/cap", "jump up", "touch pocket"]
    message = r"60 outputs where 55 classes are seen.*all of reading, writing.*trained_on=seen"
    with pytest.raises(UserError, match=message):
        encoder_weights.from_published(
            published, shift_gcn.from_torch, seen, unseen, declared=False
        )
    with pytest.raises(UserError, match=r"60 outputs .*unknown"):
        encoder_weights.from_published(
            published, shift_gcn.from_torch, seen[:10], unseen, declared=False
        )


def test_published_weights_import_where_the_user_answers_for_them(
    published: Path, load_pack: object
) -> None:
    seen = [f"seen {i}" for i in range(60)]
    with pytest.raises(UserError, match="trained_on=seen"):
        encoder_weights.from_published(
            published, shift_gcn.from_torch, seen, ["reading"], declared=False
        )
    variables = encoder_weights.from_published(
        published, shift_gcn.from_torch, seen, ["reading"], declared=True
    )
    state = StateDict(load_pack("shift_gcn_ntu60")[0])
    expected = supervised.from_torch(state, shift_gcn.from_torch)
    for kind in ("params", "batch_stats"):
        jax.tree.map(np.testing.assert_array_equal, variables[kind], expected[kind]["backbone"])


def test_a_published_star_has_its_encoder(published: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(published))
    star = {f"pretraining_model.{name}": array for name, array in arrays.items()}
    np.savez(tmp_path / "star.npz", **star, **{"body_part_prompts.0": np.ones((2, 2))})
    variables, expected = (
        encoder_weights.from_published(path, shift_gcn.from_torch, ["a"], ["b"], declared=True)
        for path in (tmp_path / "star.npz", published)
    )
    jax.tree.map(np.testing.assert_array_equal, variables, expected)
