"""Frozen encoders: nothing of them changes, unless the released normalization is asked for."""

import dataclasses
import functools
import operator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float, Int, Key

from data_pipelines.specs.skeletons import NTU25
from gapjax.backbones import shift_gcn
from gapjax.methods import LossOut, Text, Variables, make_fit
from gapjax.nn.heads import Recognizer
from gapjax.training.frozen_encoder import Encoded, Encoder

pytestmark = pytest.mark.slow


@dataclasses.dataclass(frozen=True)
class Mean:
    """A method on features whose only parameter scales their mean."""

    def prepare_text(self) -> Text:
        return {}

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b t v d"]) -> Variables:
        del rng
        assert clips.ndim == 4
        return {"params": {"scale": jnp.ones(())}, "batch_stats": {}}

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b t v d"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        total = variables["params"]["scale"] * clips.mean() * labels.mean()
        return LossOut(total, {}, {"loss": total})

    def predict(
        self, variables: Variables, clips: Float[Array, "b t v d"], text: Text
    ) -> Float[Array, "b k"]:
        return variables["params"]["scale"] * clips.mean(axis=(1, 2))


@pytest.fixture(scope="module")
def backbone() -> nn.Module:
    return shift_gcn.Backbone(NTU25, width=8, stages=(1, 1))


@pytest.fixture(scope="module")
def clips() -> jax.Array:
    return jax.random.normal(jax.random.key(0), (3, 2, 8, 25, 3))


@pytest.fixture(scope="module")
def trained(backbone: nn.Module, clips: jax.Array) -> dict:
    """Variables of a recognizer of three classes, with running statistics."""
    network = Recognizer(backbone, 3)
    variables = jax.jit(lambda: network.init(jax.random.key(1), clips, train=False))()
    train = functools.partial(network.apply, train=True, mutable=["batch_stats"])
    _, updates = jax.jit(train)(variables, clips)
    return {"params": variables["params"], **updates}


@pytest.fixture(scope="module")
def encoder(backbone: nn.Module, trained: dict) -> Encoder:
    variables = {kind: trained[kind]["backbone"] for kind in ("params", "batch_stats")}
    return Encoder(backbone, variables)


def step(method: Encoded, clips: jax.Array) -> tuple[Variables, LossOut, Text]:
    text = method.prepare_text()
    variables = method.init(jax.random.key(2), clips)
    keys = jax.random.split(jax.random.key(3), 3)
    labels = jnp.array([1, 2, 1])
    return variables, jax.jit(method.loss)(variables, clips, labels, text, keys), text


def test_features_are_of_one_person(encoder: Encoder, clips: jax.Array) -> None:
    features = jax.jit(encoder.encode)(encoder.variables, clips)
    assert features.shape == (3, 4, 25, 16)
    persons = jax.jit(functools.partial(encoder.backbone.apply, train=False))(
        encoder.variables, clips
    )
    np.testing.assert_allclose(features, persons.mean(axis=1), rtol=1e-5, atol=1e-6)


def test_a_frozen_encoder_is_no_part_of_the_state(encoder: Encoder, clips: jax.Array) -> None:
    method = Encoded(Mean(), encoder)
    variables, out, text = step(method, clips)
    assert set(variables["params"]) == {"scale"}
    assert jax.tree.leaves(out.batch_stats) == []
    features = jax.jit(encoder.encode)(encoder.variables, clips)
    by_hand = Mean().predict(variables, features, {})
    scores = jax.jit(method.predict)(variables, clips, text)
    np.testing.assert_allclose(scores, by_hand, rtol=1e-6)


def test_what_a_method_fits_to_the_classes_reaches_its_predictions(
    encoder: Encoder, clips: jax.Array
) -> None:
    class Fitting(Mean):
        """Predicts what it fitted."""

        def fit(self, variables: Variables, text: Text) -> Text:
            return {"fitted": 3 * variables["params"]["scale"], **text}

        def predict(self, variables: Variables, clips: jax.Array, text: Text) -> jax.Array:
            return text["fitted"] * super().predict(variables, clips, text)

    scores = {}
    for method in (Encoded(Mean(), encoder), Encoded(Fitting(), encoder)):
        variables = method.init(jax.random.key(2), clips)
        given = method.prepare_text()
        text = make_fit(method)(variables, given)
        # No weight is copied.
        assert all(map(operator.is_, *map(jax.tree.leaves, (text["encoder"], given["encoder"]))))
        scores[len(scores)] = jax.jit(method.predict)(variables, clips, text)
    np.testing.assert_allclose(scores[1], 3 * scores[0], rtol=1e-6)


def test_the_released_normalization_drifts(encoder: Encoder, clips: jax.Array) -> None:
    method = Encoded(Mean(), encoder, "released")
    variables, out, text = step(method, clips)
    before, after = encoder.variables["batch_stats"], out.batch_stats["encoder"]
    assert jax.tree.structure(before) == jax.tree.structure(after)
    moved = jax.tree.map(lambda x, y: bool((x != y).any()), before, after)
    assert all(jax.tree.leaves(moved))
    drifted = {**variables, "batch_stats": out.batch_stats}
    predict = jax.jit(method.predict)
    fresh = predict(variables, clips, text)
    assert not np.allclose(predict(drifted, clips, text), fresh)
