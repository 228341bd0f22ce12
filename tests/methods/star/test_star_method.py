"""STAR as a method: its loss is the sum it should be, and it recognizes classes by their names."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.methods import star
from gapjax.methods.star import Options, Star
from gapjax.prompts.descriptions import load_texts
from gapjax.prompts.strings import global_strings
from support.small_context import CONTEXT, LABELS, UNSEEN, encode_text

pytestmark = pytest.mark.slow

SMALL = Options(attributes=5, heads=2)


def build(options: Options) -> Star:
    return star.build(CONTEXT, options)


@pytest.fixture(scope="module")
def features() -> jax.Array:
    return jax.random.normal(jax.random.key(0), (7, 3, 20, 6))


@pytest.fixture(scope="module")
def labels() -> jax.Array:
    return jnp.array([0, 2, 4, 4, 2, 0, 0])


@pytest.fixture(scope="module")
def keys() -> jax.Array:
    return jax.random.split(jax.random.key(1), 7)


def words(method: Star) -> dict[str, jax.Array]:
    return jax.tree.map(jnp.asarray, method.prepare_text())


def loss(method: Star, features: jax.Array, labels: jax.Array, keys: jax.Array) -> dict:
    variables = jax.jit(method.init)(jax.random.key(2), features)
    return jax.jit(method.loss)(variables, features, labels, words(method), keys).scalars


def test_the_loss_is_the_weighted_sum(
    features: jax.Array, labels: jax.Array, keys: jax.Array
) -> None:
    terms = loss(build(SMALL), features, labels, keys)
    expected = terms["part"] + 0.1 * terms["semantic"] + 0.1 * terms["global"]
    np.testing.assert_allclose(terms["loss"], expected, rtol=1e-6)
    options = dataclasses.replace(SMALL, part_weight=0.0, semantic_weight=2.0, global_weight=3.0)
    terms = loss(build(options), features, labels, keys)
    np.testing.assert_allclose(
        terms["loss"], 2 * terms["semantic"] + 3 * terms["global"], rtol=1e-6
    )


def test_the_losses_by_hand(features: jax.Array, labels: jax.Array, keys: jax.Array) -> None:
    """Softmax among the three seen classes alone, each loss in loops."""
    method = build(SMALL)
    variables = jax.jit(method.init)(jax.random.key(2), features)
    text = words(method)
    latents = jax.jit(method.network.apply)(variables, features, text["part"], text["label"])
    part, whole, part_text, names = map(np.asarray, latents)
    seen = [0, 2, 4]

    def nats(scores: list[float], own: int) -> float:
        return -np.log(np.exp(scores[own]) / np.exp(scores).sum())

    def cosine(x: np.ndarray, y: np.ndarray) -> float:
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    parts, wholes = [], []
    for i, label in enumerate(np.asarray(labels)):
        own = seen.index(label)
        wholes.append(nats([cosine(whole[i], names[k]) for k in seen], own))
        for p in range(6):
            parts.append(nats([cosine(part[i, p], part_text[k, p]) for k in seen], own))
    semantic = [
        nats([part_text[k, p] @ names[j] for j in seen], seen.index(k))
        for k in seen
        for p in range(6)
    ]
    out = jax.jit(method.loss)(variables, features, labels, text, keys).scalars
    np.testing.assert_allclose(out["part"], np.mean(parts), rtol=1e-4)
    np.testing.assert_allclose(out["global"], np.mean(wholes), rtol=1e-4)
    np.testing.assert_allclose(out["semantic"], np.mean(semantic), rtol=1e-4)


@pytest.mark.parametrize(("classes", "matters"), [("seen", False), ("all", True)])
def test_unseen_names_matter_only_where_they_are_asked_for(
    features: jax.Array, labels: jax.Array, keys: jax.Array, classes: str, matters: bool
) -> None:
    method = build(dataclasses.replace(SMALL, semantic_classes=classes))
    variables = jax.jit(method.init)(jax.random.key(2), features)
    text = words(method)
    other = jax.tree.map(lambda each: each.at[jnp.array(UNSEEN)].add(1.0), text)

    def gradient(known: dict) -> jax.Array:
        def total(params: dict) -> jax.Array:
            out = method.loss({**variables, "params": params}, features, labels, known, keys)
            return out.total

        leaves = jax.tree.leaves(jax.jit(jax.grad(total))(variables["params"]))
        return jnp.concatenate([leaf.ravel() for leaf in leaves])

    assert (gradient(text) != gradient(other)).any() == matters


def test_scores_need_no_descriptions(features: jax.Array) -> None:
    method = build(SMALL)
    variables = jax.jit(method.init)(jax.random.key(2), features)
    text = words(method)
    predict = jax.jit(method.predict)
    scores = predict(variables, features, text)
    assert scores.shape == (7, 5)
    assert jnp.abs(scores).max() <= 1 + 1e-6
    blind = {**text, "part": jnp.full_like(text["part"], jnp.nan)}
    np.testing.assert_array_equal(predict(variables, features, blind), scores)


@pytest.mark.parametrize("known", ["seen", "all"])
def test_untrained_prompts_take_no_part_in_scores(features: jax.Array, known: str) -> None:
    method = build(dataclasses.replace(SMALL, score="name_and_parts", semantic_classes=known))
    variables = jax.jit(method.init)(jax.random.key(2), features)
    predict = jax.jit(method.predict)
    scores = predict(variables, features, words(method))
    prompts = variables["params"]["semantic"]["prompts"]
    variables["params"]["semantic"]["prompts"] = prompts.at[jnp.array(UNSEEN)].add(1.0)
    changed = (predict(variables, features, words(method)) != scores).any(axis=0)
    np.testing.assert_array_equal(changed, np.isin(np.arange(5), UNSEEN) & (known == "all"))


def test_global_alignment_has_one_part(features: jax.Array) -> None:
    options = dataclasses.replace(
        SMALL, partition="global", pooling="mean", attribute_prompts="none", semantic_prompts="none"
    )
    method = build(options)
    assert method.network.parts == (tuple(range(20)),)
    assert method.prepare_text()["part"].shape == (5, 1, 12)
    variables = jax.eval_shape(method.init, jax.random.key(2), features)
    scores = jax.eval_shape(method.predict, variables, features, words(method))
    assert scores.shape == (7, 5)


def test_training_starts_from_given_variables(features: jax.Array) -> None:
    method = build(SMALL)
    fresh = jax.jit(method.init)(jax.random.key(0), features)
    other = jax.tree.map(lambda leaf: np.asarray(leaf) + 1, fresh)
    started = dataclasses.replace(method, published={"params": other["params"]})
    jax.tree.map(
        np.testing.assert_array_equal,
        started.init(jax.random.key(0), features)["params"],
        other["params"],
    )


@pytest.mark.parametrize("class_text", ["label", "paragraph", "description"])
def test_what_stands_for_a_class(class_text: str) -> None:
    method = build(dataclasses.replace(SMALL, class_text=class_text))
    strings = [row[0] for row in global_strings(load_texts("nw_ucla", LABELS), class_text)]
    np.testing.assert_array_equal(method.text["label"], encode_text(strings))


def test_text_of_any_encoder_can_be_brought_to_one_scale() -> None:
    plain, unit = (
        build(dataclasses.replace(SMALL, text_scale=scale)) for scale in ("encoder", "unit")
    )
    seen = np.delete(unit.text["part"], UNSEEN, axis=0)
    assert np.square(seen).mean() == pytest.approx(1.0, rel=1e-5)
    ratio = unit.text["part"] / plain.text["part"]
    np.testing.assert_allclose(ratio, ratio[0, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(unit.text["label"] / plain.text["label"], ratio[0, 0, 0], rtol=1e-5)


@pytest.mark.parametrize(
    "field",
    [
        "text_scale",
        "partition",
        "similarity",
        "semantic_classes",
        "part_text",
        "class_text",
        "score",
        "pooling",
        "attribute_prompts",
        "semantic_prompts",
    ],
)
def test_unknown_choices_are_refused(field: str) -> None:
    with pytest.raises(UserError, match=f"method.{field}='mine'"):
        build(dataclasses.replace(SMALL, **{field: "mine"}))
