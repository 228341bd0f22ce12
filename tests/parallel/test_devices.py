"""One device or many, copied or split: the same losses and parameters, and the same order."""

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import base, base_star, gap_demo, star_demo
from data_pipelines.errors import UserError
from gapjax.experiment.build import build
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.stages import Upstream, stages
from gapjax.training import loop
from gapjax.training.run import Run
from gapjax.training.step import TrainState
from gapjax.workdir.checkpoints import Checkpoints
from support.small_text_models import save_bert

pytestmark = pytest.mark.slow

STEPS = 3
# A state, and the losses of the steps to it.
Trained = tuple[TrainState, np.ndarray]
# A config, and what earlier stages left.
Described = tuple[ConfigDict, Upstream]


class Trainer:
    """A run, whose step is compiled once."""

    def __init__(self, run: Run, fresh: TrainState) -> None:
        """Place the state before the first step, the same for all devices, as the run does."""
        self.run = run
        self.first = run.layout.put(fresh, run.layout.shardings(fresh, fresh.params))
        self._dispatch = loop.make_dispatch(run, self.first)
        self._text = run.layout.replicate(run.method.prepare_text())

    def carry_out(self, state: TrainState, first: int, stop: int) -> Trained:
        """Return the state and the losses of some steps."""
        items, losses = self.run.order.batches(first, stop), []
        # A step gives its memory away.
        state = jax.jit(functools.partial(jax.tree.map, jnp.copy))(state)
        for request in self.run.feed.requests(items, 0, [1] * len(items)):
            state, scalars = self._dispatch(state, self.run.feed.store, request, self._text)
            losses.append(np.asarray(scalars["loss"]))
        return state, np.concatenate(losses)


def changed(described: Described, **changes: Any) -> Run:
    """Return the run of a config, of which sections are joined to keys by `__`."""
    config = copy.deepcopy(described[0])
    config.train.batch_size = config.eval.batch_size = 8
    flat = {key.replace("__", "."): value for key, value in changes.items()}
    config.update_from_flattened_dict(flat)
    return build(plan_of(config), described[1])


@pytest.fixture(scope="module")
def gap(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Described:
    """GAP with a BERT that is trained, too."""
    config = gap_demo.get_config("smoke")
    config.data.dir, config.clips.window, config.method.partition = str(data), 8, "global"
    config.text.encoder, config.text.too_long = "bert", "truncate"
    folder = tmp_path_factory.mktemp("bert")
    config.text.checkpoint = save_bert(folder, num_attention_heads=2, num_hidden_layers=1)
    return config, Upstream()


@pytest.fixture(scope="module")
def star(data: Path, star_run: Path) -> Described:
    """STAR on an encoder within the step."""
    config = star_demo.get_config("smoke,shift_gcn")
    config.data.dir, config.encoder.features = str(data), "fresh"
    return config, stages(plan_of(config), star_run)[-1].upstream


@pytest.fixture(scope="module")
def trainer(request: pytest.FixtureRequest) -> Callable[..., Trainer]:
    """Return the function that builds a method's run, each once."""

    @functools.cache
    def fresh(method: str) -> TrainState:
        return loop.initial_state(changed(request.getfixturevalue(method), mesh__devices=1))

    @functools.cache
    def get(method: str, **changes: Any) -> Trainer:
        return Trainer(changed(request.getfixturevalue(method), **changes), fresh(method))

    return get


@pytest.fixture(scope="module")
def trained(trainer: Callable) -> Callable[..., Trained]:
    """Return the function that trains a method's run, each once."""

    @functools.cache
    def get(method: str, **changes: Any) -> Trained:
        training = trainer(method, **changes)
        return training.carry_out(training.first, 0, STEPS)

    return get


def assert_alike(one: Trained, other: Trained) -> None:
    np.testing.assert_allclose(one[1], other[1], rtol=1e-4)
    near = functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4)
    for part in ("params", "batch_stats", "opt_state"):
        jax.tree.map(near, getattr(one[0], part), getattr(other[0], part))


EVERY = {"train__absent_persons": "each"}
# With one device, the resident feed and absent persons once, these are compared.
OTHERS = {
    "two": {"mesh__devices": 2},
    "eight, streamed": {"mesh__devices": 8, "data__feed": "stream"},
    "eight, each with its share of the frames, of all persons": EVERY
    | {"mesh__devices": 8, "data__resident": "sharded"},
}


@pytest.mark.parametrize("others", OTHERS)
@pytest.mark.parametrize("method", ["gap", "star"])
def test_devices_do_not_matter(trained: Callable, method: str, others: str) -> None:
    alone = trained(method, mesh__devices=1)
    assert_alike(trained(method, **OTHERS[others]), alone)
    assert len(set(alone[1].tolist())) == STEPS


def test_resuming_on_other_devices_continues_the_order(
    trainer: Callable, trained: Callable, tmp_path: Path
) -> None:
    """A step on eight devices, two more on two of them, of another feed: as three on one."""
    before, after = (trainer("gap", **OTHERS[name]) for name in ("eight, streamed", "two"))
    state, first = before.carry_out(before.first, 0, 1)
    resumed = saved_and_restored(state, after.run, tmp_path)
    state, last = after.carry_out(resumed, 1, STEPS)
    assert_alike((state, np.concatenate([first, last])), trained("gap", mesh__devices=1))


def saved_and_restored(state: TrainState, run: Run, workdir: Path) -> TrainState:
    """Return a state as a run finds it in a checkpoint."""
    checkpoints = Checkpoints(workdir)
    checkpoints.save(int(state.step), state)
    checkpoints.close()
    checkpoints = Checkpoints(workdir)
    restored = loop.resume(run, checkpoints)[0]
    checkpoints.close()
    return restored


# A mesh of four devices that share the batch by two that share the text encoder.
SPLIT = {"mesh__devices": 8, "mesh__model": 2, "mesh__rules": base.TEXT_RULES}


def test_a_split_text_encoder(trainer: Callable, trained: Callable, tmp_path: Path) -> None:
    state, losses = trained("gap", **SPLIT)
    assert_alike((state, losses), trained("gap", mesh__devices=1))
    momentum = state.opt_state.inner_states[0].inner_state[1][0].trace
    for tree in (state.params["text_encoder"], momentum["text_encoder"]):
        block = tree["block_0"]
        assert shares(block["attention"]["query"]["kernel"]) == {(12, 1, 6)}
        assert shares(block["attention"]["out"]["kernel"]) == {(1, 6, 12)}
        assert shares(block["perceptron"]["in"]["kernel"]) == {(12, 10)}
        assert shares(block["perceptron"]["out"]["kernel"]) == {(10, 12)}
        assert shares(block["perceptron"]["out"]["bias"]) == {(12,)}
        assert shares(tree["tokens"]["embedding"]) == {(23, 6)}
    copied = trainer("gap", mesh__devices=1).run
    restored = saved_and_restored(state, copied, tmp_path)
    jax.tree.map(np.testing.assert_array_equal, restored.params, state.params)
    assert {len(leaf.sharding.device_set) for leaf in jax.tree.leaves(restored)} == {1}


def test_split_weights_of_star(trained: Callable) -> None:
    """Each device has and computes its shard of what does not depend on samples."""
    rules = base_star.WEIGHT_RULES
    state, losses = trained("star", mesh__devices=8, mesh__rules=rules)
    assert_alike((state, losses), trained("star", mesh__devices=1))
    assert shares(state.params["skeleton"]["out"]["kernel"]) == {(6, 256 // 8, 256)}
    assert shares(state.params["part_projector"]["inner"]["kernel"]) == {(6, 256, 256 // 8)}


def shares(leaf: jax.Array) -> set[tuple[int, ...]]:
    """Return the shapes of what the devices have of an array."""
    return {part.data.shape for part in leaf.addressable_shards}


WRONG = {
    "nothing": ((("txt_encoder", "model"),), "'txt_encoder' matches no parameter"),
    "odd": ((("tokens/embedding", "model"),), r"\(23, 12\), along dimension 0 over 2 devices"),
    "too many": ((("tokens/embedding", None, None, "model"),), "along 3 dimensions; it has 2"),
    "no axis": ((("tokens/embedding", "modle"),), "did you mean 'model'"),
    "no rule": (("tokens/embedding", "model"), "'tokens/embedding' is no"),
    "no pattern": ((("(tokens", "model"),), r"'\(tokens' is not a regular expression"),
}


@pytest.mark.parametrize("name", WRONG)
def test_rules_that_cannot_be_followed_are_refused(gap: Described, name: str) -> None:
    rules, expected = WRONG[name]
    with pytest.raises(UserError, match=expected):
        loop.state_shapes(changed(gap, **SPLIT | {"mesh__rules": rules}))


def test_devices_that_cannot_be_arranged_are_refused(gap: Described) -> None:
    with pytest.raises(UserError, match=r"mesh\.model=3 does not divide the hosts' devices: 8"):
        changed(gap, mesh__model=3)
