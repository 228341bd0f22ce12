"""GAP: its loss against the formulas written out, its options, and parity with the release."""

import dataclasses
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array, Float

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import NTU25
from gapjax.methods import Context, gap, supervised
from gapjax.methods.gap.texts import draw_parts
from gapjax.nn.pooling import pool_parts
from gapjax.prompts.descriptions import ClassText, load_texts
from gapjax.text.embedding_cache import TextEmbedder
from gapjax.text.encoder import TextOptions
from gapjax.training.step import create_state

LABELS = (
    "pick up with one hand",
    "pick up with two hands",
    "drop trash",
    "walk around",
)


class Plain(nn.Module):
    """A backbone of one linear map, with a running mean as its only statistic."""

    @nn.compact
    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t v d"]:
        mean = self.variable("batch_stats", "mean", jnp.zeros, x.shape[-1])
        if train and not self.is_initializing():
            mean.value = x.mean(axis=(0, 1, 2, 3))
        return jnp.tanh(nn.Dense(5)(x))


def build(
    descriptions: Sequence[ClassText] = (), **options: Any
) -> gap.Gap | supervised.Supervised:
    context = Context(
        backbone=Plain(),
        skeleton=NTU25,
        labels=LABELS,
        descriptions=descriptions or load_texts("nw_ucla", LABELS),
    )
    return gap.build(context, gap.Options(**options))


def batch(size: int = 6, keys_seed: int = 1) -> tuple[Array, Array, Array]:
    clips = jax.random.normal(jax.random.key(0), (size, 2, 3, 25, 3))
    labels = jnp.asarray([0, 2, 2, 3, 0, 1, 1, 3])[:size]
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(keys_seed), i))(jnp.arange(size))
    return clips, labels, keys


def loss_of(method: Any, params: Any = None, init_seed: int = 2) -> Any:
    clips, labels, keys = batch()
    variables = jax.jit(method.init)(jax.random.key(init_seed), clips)
    if params is not None:
        variables = {**variables, "params": variables["params"] | params}
    text = jax.tree.map(jnp.asarray, method.prepare_text())
    return jax.jit(method.loss)(variables, clips, labels, text, keys)


def test_loss_is_the_papers_formula() -> None:
    """Eq. 1, 4-6 as released, in NumPy loops, from the embeddings that the method uses."""
    method = build(partition="4", global_text="label")
    clips, labels, keys = batch()
    variables = jax.jit(method.init)(jax.random.key(2), clips)
    text = jax.tree.map(jnp.asarray, method.prepare_text())
    out = jax.jit(method.loss)(variables, clips, labels, text, keys)
    network = {"params": variables["params"]["network"], "batch_stats": variables["batch_stats"]}
    describe = partial(method.network.apply, train=False, method="describe")
    logits, heads = jax.jit(describe)(network, clips)
    encoder = TextEmbedder(TextOptions()).load()
    encode = jax.jit(encoder.module.apply)
    words = []
    for label in labels:
        tokens = [jnp.asarray(encoder.tokenize([LABELS[label]]))]
        ids = text["parts"].ids.reshape(len(LABELS), 4)[label]
        tokens += [text["parts"].rows[i][None] for i in ids]
        words.append([encode({"params": encoder.params}, each)[0] for each in tokens])
    heads, words = np.asarray(heads, np.float64), np.asarray(words, np.float64)
    contrast = np.mean([kl_both_ways(heads[:, h], words[:, h], labels) for h in range(5)])
    log_share = jax.nn.log_softmax(logits)[jnp.arange(6), labels]
    assert float(out.scalars["contrastive"]) == pytest.approx(contrast, rel=1e-4)
    assert float(out.total) == pytest.approx(0.8 * contrast - float(log_share.mean()), rel=1e-4)


def kl_both_ways(x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> float:
    """Return the loss of one head, as facts A.6 has it."""
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (x, y)]
    same = np.asarray(labels)[:, None] == np.asarray(labels)[None]
    target = np.exp(10.0 * same) / np.exp(10.0 * same).sum(axis=1, keepdims=True)
    total = 0.0
    for one, other in (unit, unit[::-1]):
        logits = np.log(1 / 0.07) * one @ other.T
        log_share = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        total += (target * (np.log(target) - log_share)).sum(axis=1).mean() / 2
    return total


@pytest.mark.parametrize(
    ("partition", "global_text", "heads"),
    [
        ("global", "synonym", 1),
        ("2", "label", 3),
        ("4", "none", 4),
        ("6", "template+paragraph", 7),
        ("4_bone_released", "synonym", 5),
    ],
)
def test_partitions_and_texts(partition: str, global_text: str, heads: int) -> None:
    method = build(partition=partition, global_text=global_text)
    shapes = jax.eval_shape(method.init, jax.random.key(0), batch()[0])
    assert shapes["params"]["scale"].shape == (heads,)
    assert np.isfinite(float(loss_of(method).total))


def test_global_partition_needs_a_global_text() -> None:
    with pytest.raises(UserError, match="global_text"):
        build(partition="global", global_text="none")


def test_without_text_it_is_a_plain_classifier() -> None:
    method = build(partition="none")
    assert isinstance(method, supervised.Supervised)
    out = loss_of(method)
    assert float(out.total) == pytest.approx(float(out.scalars["loss"]))


def test_temperatures() -> None:
    """The exponent of CLIP at ln(10), the paper's constant and a factor of 10 are the same."""
    ten = {"scale": jnp.full((5,), 10.0)}
    log_ten = {"scale": jnp.full((5,), np.log(10.0))}
    losses = [
        float(loss_of(build(temperature="released"), ten).total),
        float(loss_of(build(temperature="clip"), log_ten).total),
        float(loss_of(build(temperature="paper"), log_ten).total),
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    assert float(loss_of(build(temperature="released")).total) != pytest.approx(losses[0])


def test_averages() -> None:
    whole = float(loss_of(build(average="parts_and_global")).scalars["contrastive"])
    parts = float(loss_of(build(average="parts")).scalars["contrastive"])
    assert parts == pytest.approx(whole * 5 / 4, rel=1e-6)


def test_learned_loss_weight() -> None:
    method = build(learn_loss_weight=True, loss_weight=0.3)
    clips, labels, keys = batch()
    variables = jax.jit(method.init)(jax.random.key(2), clips)
    text = jax.tree.map(jnp.asarray, method.prepare_text())

    def total(params: Any) -> Any:
        out = method.loss({**variables, "params": params}, clips, labels, text, keys)
        return out.total, out.scalars["contrastive"]

    gradient, contrast = jax.jit(jax.grad(total, has_aux=True))(variables["params"])
    assert float(gradient["loss_weight"]) == pytest.approx(float(contrast), rel=1e-5)
    params = {**variables["params"], "loss_weight": jnp.float32(-0.1)}
    below = jax.jit(method.loss)({**variables, "params": params}, clips, labels, text, keys)
    assert float(below.total) == pytest.approx(float(below.scalars["cross_entropy"]), rel=1e-6)


def test_targets_change_the_loss() -> None:
    losses = [float(loss_of(build(targets=each)).total) for each in ("released", "paper")]
    assert losses[0] != pytest.approx(losses[1], rel=1e-6)


def test_frozen_text() -> None:
    """Frozen text has no parameters in training, and the same loss as text about to be trained."""
    frozen, trained = (build(train_text=each, global_text="label") for each in (False, True))
    given = jax.random.key(0), batch()[0]
    assert "text_encoder" not in jax.eval_shape(frozen.init, *given)["params"]
    assert "text_encoder" in jax.eval_shape(trained.init, *given)["params"]
    assert float(loss_of(frozen).total) == pytest.approx(float(loss_of(trained).total), rel=1e-5)


def test_a_learned_prompt() -> None:
    """It precedes every string, and learns with a text encoder that is trained or that is not."""
    options = {"partition": "2", "global_text": "label", "prompt_tokens": 3}
    frozen, trained = (build(train_text=each, **options) for each in (False, True))
    clips, labels, keys = batch()
    losses, gradients = [], []
    for method in (frozen, trained):
        variables = jax.jit(method.init)(jax.random.key(2), clips)
        assert variables["params"]["prompt"].shape == (3, 256)
        assert float(variables["params"]["prompt"].std()) == pytest.approx(0.02, rel=0.1)

        def total(params: Any, method: Any = method, variables: Any = variables) -> Array:
            text = method.prepare_text()
            return method.loss({**variables, "params": params}, clips, labels, text, keys).total

        loss, gradient = jax.jit(jax.value_and_grad(total))(variables["params"])
        losses.append(float(loss))
        gradients.append(gradient)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert ["text_encoder" in gradient for gradient in gradients] == [False, True]
    for gradient in gradients:
        assert np.abs(gradient["prompt"]).max() > 0
    # The prompt is drawn apart, so that all else begins as it does without.
    fewer = build(partition="2", global_text="label")
    without = jax.jit(fewer.init)(jax.random.key(2), clips)
    others = {name: leaf for name, leaf in variables["params"].items() if name != "prompt"}
    jax.tree.map(np.testing.assert_array_equal, without["params"], others)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"width": 0}, r"method\.prompt_tokens: this text\.encoder takes no prompt"),
        ({"longest": 20}, r"prompt_tokens=16: with the \d+ tokens of the longest text, .* 0 more"),
    ],
)
def test_a_prompt_that_has_no_place_is_refused(limits: dict[str, int], message: str) -> None:
    text = dataclasses.replace(TextEmbedder(TextOptions()).load(), **limits)
    context = Context(
        backbone=Plain(),
        skeleton=NTU25,
        labels=LABELS,
        descriptions=load_texts("nw_ucla", LABELS),
        load_text=lambda: text,
    )
    with pytest.raises(UserError, match=message):
        gap.build(context, gap.Options(prompt_tokens=16))


def test_one_of_several_texts_is_drawn() -> None:
    """Every text of a part and of the whole body comes as often, and only those of the class."""
    texts = []
    for count, text in enumerate(load_texts("nw_ucla", LABELS), start=1):
        more = dict.fromkeys(text.parts, f"moves {count}")
        others = [dataclasses.replace(text, paragraph=f"{count}", parts=more)] if count < 4 else []
        texts.append(dataclasses.replace(text, others=tuple(others)))
    options = {"partition": "4", "global_text": "paragraph", "train_text": False}
    method = build(tuple(texts), **options)
    table, labels = method.tables["parts"], jnp.arange(4).repeat(400)
    draw = jax.jit(partial(draw_parts, table, 4))
    drawn = np.asarray(draw(labels, jax.random.split(jax.random.key(3), 1600)))
    for label, ids in enumerate(drawn.reshape(4, 400, 4)):
        for part, column in enumerate(ids.T):
            found, counts = np.unique(column, return_counts=True)
            assert set(found) == set(table.ids[4 * label + part])
            assert len(found) == (2 if label < 3 else 1)
            assert counts.min() > 150
    # Parts are drawn one by one.
    first = drawn[:400] == table.ids[:4, 0]
    assert 150 < (first[:, 0] == first[:, 1]).sum() < 250
    embed = jax.jit(method._text_embeddings, static_argnums=0)
    few = jnp.asarray([0, 3])
    one, other = (embed(None, method.tables, few, batch(2, seed)[2]) for seed in (1, 5))
    assert not np.array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    fixed, plain = (build(some, **options, several_texts="first") for some in (tuple(texts), ()))
    jax.tree.map(np.testing.assert_array_equal, fixed.tables, plain.tables)


def test_inference_is_the_skeleton_encoder_alone() -> None:
    """Neither the text tower nor the heads are in the compiled predict function."""
    method = build()
    clips = batch()[0]
    variables = jax.eval_shape(method.init, jax.random.key(0), clips)
    text = jax.tree.map(jnp.asarray, method.prepare_text())
    program = jax.jit(method.predict).lower(variables, clips, text).as_text()
    arguments = re.search(r"@main\((.*?)\) ->", program, re.DOTALL)[1].count("%arg")
    network = variables["params"]["network"]
    needed = [network["backbone"], network["classifier"], clips]
    assert arguments == len(jax.tree.leaves(needed)) == 5
    buckets, size = jax.tree.leaves(variables["params"]["text_encoder"])[0].shape
    assert f"{buckets}x{size}" not in program
    heads = network["part_heads"]["kernel"].shape
    assert "x".join(map(str, heads)) not in program


def test_gradients_are_finite_and_reach_everything() -> None:
    method = build(temperature="clip")
    clips, labels, keys = batch()
    variables = jax.jit(method.init)(jax.random.key(2), clips)
    text = jax.tree.map(jnp.asarray, method.prepare_text())

    def total(params: Any) -> Array:
        return method.loss({**variables, "params": params}, clips, labels, text, keys).total

    gradient = jax.jit(jax.grad(total))(variables["params"])
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
        assert np.isfinite(leaf).all(), path
        assert np.abs(leaf).max() > 0, path


def test_every_step_is_the_program_of_the_first() -> None:
    """A type that only the first step meets would compile the training program again."""
    clips = batch()[0]
    state = create_state(build(temperature="clip"), optax.sgd(0.1, momentum=0.9), clips, 1)
    types = [jax.typeof(leaf) for leaf in jax.tree.leaves(state)]
    assert not any(getattr(each, "weak_type", False) for each in types)


@pytest.mark.parametrize("field", ["temperature", "targets", "average", "partition"])
def test_unknown_choices_are_refused(field: str) -> None:
    with pytest.raises(UserError, match=rf"method\.{field}='cold'"):
        build(**{field: "cold"})


def test_pool_parts_is_the_mean_of_means() -> None:
    features = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6)).astype(np.float32)
    parts = ((0, 2), (1, 2, 4))
    expected = np.stack(
        [
            features[:, :, :, list(joints)].mean(axis=3).mean(axis=2).mean(axis=1)
            for joints in parts
        ],
        axis=1,
    )
    np.testing.assert_allclose(pool_parts(jnp.asarray(features), parts), expected, atol=1e-6)


def test_options_are_documented() -> None:
    for field in dataclasses.fields(gap.Options):
        assert f"{field.name}:" in gap.Options.__doc__
