"""The zero-shot baselines: their sizes, what they learn, and what they must not see."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gapjax.methods import Method, cada_vae, get, jpose, make_fit, revise, smie, synse
from gapjax.methods._latent_network import Gaussian
from gapjax.methods._latents import fit_classifier
from gapjax.methods._on_features import pooled
from gapjax.prompts.strings import word_strings
from support import zero_shot_toy as toy

CYCLES = {"latent": 16, "cycle": 60, "cycles": 3, "samples": 20, "classifier_rate": 0.03}
# Name → small options, and a learning rate for few steps.
SMALL: dict[str, tuple[Any, float]] = {
    "revise": (revise.Options(hidden=48, text_hidden=64, shared=32), 3e-3),
    "jpose": (jpose.Options(shared=16, text_hidden=32), 3e-3),
    "smie": (smie.Options(hidden=(64, 32)), 3e-3),
    "cada_vae": (cada_vae.Options(**CYCLES), 3e-3),
    "synse": (synse.Options(**CYCLES), 3e-3),
}
STEPS = 240


def build(name: str) -> Method:
    return get(name).build(toy.CONTEXT, SMALL[name][0])


def device(text: Any) -> Any:
    return jax.tree.map(jnp.asarray, text)


class Start(NamedTuple):
    """A method before training, and a batch of seen classes."""

    method: Method
    variables: dict
    text: Any
    clips: jax.Array
    labels: jax.Array
    keys: jax.Array


@pytest.fixture(scope="module")
def start() -> Callable[[str], Start]:
    """Return the function that initializes a method by its name, once."""

    @functools.cache
    def initialize(name: str) -> Start:
        method, labels = build(name), toy.SEEN[:6]
        clips, key = jnp.asarray(toy.features(0, labels)), jax.random.key(0)
        text, keys = device(method.prepare_text()), jax.random.split(key, 6)
        return Start(method, method.init(key, clips), text, clips, jnp.asarray(labels), keys)

    return initialize


def train(begun: Start, rate: float) -> dict:
    """Return the variables after some steps of Adam."""
    optimizer, (method, variables, text, *_) = optax.adam(rate), begun

    def step(carry: Any, batch: Any) -> tuple[Any, jax.Array]:
        (params, statistics, moments), (clips, labels, key) = carry, batch

        def loss(params: Any) -> Any:
            variables = {"params": params, "batch_stats": statistics}
            out = method.loss(variables, clips, labels, text, jax.random.split(key, 32))
            return out.total, out.batch_stats

        (total, left), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        updates, moments = optimizer.update(gradient, moments)
        return (optax.apply_updates(params, updates), left, moments), total

    @jax.jit
    def run(clips: jax.Array, labels: jax.Array) -> Any:
        carry = variables["params"], variables["batch_stats"], optimizer.init(variables["params"])
        batches = clips, labels, jax.random.split(jax.random.key(0), STEPS)
        return jax.lax.scan(step, carry, batches)

    labels = np.random.default_rng(0).choice(toy.SEEN, (STEPS, 32))
    (params, statistics, _), losses = run(toy.features(1, labels), labels)
    assert np.isfinite(losses).all()
    return {"params": params, "batch_stats": statistics}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_it_recognizes_classes_it_never_saw(name: str, start: Callable) -> None:
    """New pairs of known verbs and nouns, five of them; and exported it says the same."""
    begun = start(name)
    method, variables, labels = begun.method, train(begun, SMALL[name][1]), np.repeat(toy.UNSEEN, 8)
    clips = jnp.asarray(toy.features(2, labels))
    inference = get(name).inference(toy.CONTEXT, method.options)
    kept, words = inference.strip(variables), inference.embeddings(variables)

    @jax.jit
    def scores(text: Any) -> tuple[jax.Array, jax.Array]:
        score = method.predict(variables, clips, make_fit(method)(variables, text))
        return score, inference.apply(kept, clips, words)["score"]

    score, again = map(np.asarray, scores(begun.text))
    found = np.asarray(toy.UNSEEN)[score[:, toy.UNSEEN].argmax(axis=1)]
    assert (found == labels).mean() > 0.6
    np.testing.assert_allclose(again, score, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_unseen_texts_take_no_part_in_training(name: str, start: Callable) -> None:
    """The gradients are equal to the bit, and every parameter has one."""
    method, variables, text, clips, labels, keys = start(name)
    if "steps" in variables["batch_stats"]:
        # All losses of the last step of a cycle count.
        statistics = {**variables["batch_stats"], "steps": jnp.asarray(3 * 60 - 1)}
        variables = {**variables, "batch_stats": statistics}

    @jax.jit
    def gradient(text: Any) -> Any:
        def loss(params: Any) -> jax.Array:
            return method.loss({**variables, "params": params}, clips, labels, text, keys).total

        return jax.grad(loss)(variables["params"])

    other = {word: np.array(rows) for word, rows in text.items()}
    for rows in other.values():
        rows[list(toy.UNSEEN)] = 7.0
    first, second = gradient(text), gradient(device(other))
    for left, right in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(left, right)
        assert np.isfinite(left).all()
        assert np.any(left)


@pytest.mark.parametrize("name", ["revise", "jpose"])
def test_ranking_trains_the_texts_of_other_classes(name: str, start: Callable) -> None:
    """Of all seen classes that are not in the batch; nothing else depends on their texts."""
    method, variables, text, clips, labels, keys = start(name)

    @jax.jit
    @jax.grad
    def gradient(text: Any) -> jax.Array:
        return method.loss(variables, clips, labels, text, keys).total

    for rows in gradient(text).values():
        assert np.any(rows[toy.SEEN[6:]], axis=1).all()
        assert not np.any(rows[np.array(toy.UNSEEN)])


@pytest.mark.parametrize(
    ("name", "options", "embedding", "count"),
    [
        ("revise", revise.Options(), 1024, 56_606 + 1_158_174),
        ("jpose", jpose.Options(), 1024, 1_136_700),
        ("cada_vae", cada_vae.Options(), 1024, 385_680),
        ("cada_vae", cada_vae.Options(latent=200), 1024, 770_080),
        ("synse", synse.Options(), 1024, 386_704),
        ("synse", synse.Options(latent=200), 1024, 771_104),
        ("smie", smie.Options(), 768, 1_574_913),
    ],
)
def test_the_published_number_of_parameters(
    name: str, options: Any, embedding: int, count: int
) -> None:
    context = dataclasses.replace(
        toy.CONTEXT, encode=lambda strings: np.ones((len(strings), embedding), np.float32)
    )
    method = get(name).build(context, options)
    shapes = jax.eval_shape(method.init, jax.random.key(0), jnp.zeros((1, 2, 3, 256)))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == count


def test_revise_contracts_its_code(start: Callable) -> None:
    """The norm of the code's derivative is that of the derivative that JAX takes."""
    method, variables, text, clips, *_ = start("revise")

    def codes(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        skeletons, _, norms = method.network.apply(variables, jnp.expm1(x)[None], text)
        return skeletons.code[0], norms[0]

    each = jax.vmap(jax.jacobian(codes, has_aux=True))
    derivatives, norms = jax.jit(each)(jnp.log1p(pooled(clips)))
    np.testing.assert_allclose(norms, (derivatives**2).sum(axis=(1, 2)), rtol=1e-4)


def test_jpose_tells_words_apart() -> None:
    ids = jpose.word_ids(toy.CONTEXT.descriptions)
    assert set(ids) == set(jpose.WORDS)
    strings = word_strings(toy.CONTEXT.descriptions)
    for first in range(0, 25, 3):
        for second in range(25):
            for word, column in (("verb", 0), ("noun", 1)):
                same = strings[first][column] == strings[second][column]
                assert (ids[word][first] == ids[word][second]) == same


def test_smie_keeps_calm_frames() -> None:
    """Of ten frames four, drawn anew with each key, of the seven with the least motion."""
    clips = np.random.default_rng(0).normal(size=(3, 10, 2, 4)).astype(np.float32)
    keys = jax.random.split(jax.random.key(0), (20, 3))
    rows = np.asarray(jax.jit(jax.vmap(smie.calm_frames, (None, 0)))(jnp.asarray(clips), keys))
    assert (rows.sum(axis=2) == 4).all()
    for clip, values in enumerate(clips.astype(np.float64)):
        motion = [
            sum(
                np.mean((values[other] - values[frame]) ** 2)
                for other in (frame - 1, frame + 1)
                if 0 <= other < 10
            )
            for frame in range(10)
        ]
        kept = np.flatnonzero(rows[:, clip].any(axis=0))
        assert set(kept) == set(np.argsort(motion)[:7])


def test_smie_judges_pairs(start: Callable) -> None:
    """The same for a pair as for all of them; zeros have the loss 2 ln 2 and half the margin."""
    method, variables, text, clips, labels, keys = start("smie")

    @jax.jit
    def judge(variables: Any) -> Any:
        vectors, rows = pooled(clips), text["label"][labels]
        pairs = method.network.apply(variables, vectors, vectors, rows, method="pairs")
        loss = method.loss(variables, clips, labels, text, keys)
        return pairs, method.predict(variables, clips, text)[:, labels], loss.total

    (true, calm, false), score, _ = judge(variables)
    np.testing.assert_allclose(true, np.diagonal(score), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(calm, true, rtol=1e-5)
    following = [score[(i + 1) % 6, i] for i in range(6)]
    np.testing.assert_allclose(false, following, rtol=1e-4, atol=1e-6)
    *_, loss = judge(jax.tree.map(np.zeros_like, variables))
    np.testing.assert_allclose(loss, 2 * np.log(2) + 0.05, rtol=1e-5)


PUBLISHED = {
    # Step → (weight of divergences of skeletons, of texts in CADA-VAE, in SynSE, of the rest).
    0: (0, 0, 0, 0),
    1000: (0, 0, 0, 0),
    1300: (0.01, 0, 0, 0),
    1500: (0.05 / 3, 0, 0, 0),
    1800: (0.08 / 3, 0.08 / 3, 0, 1),
    1899: (0.1 * 899 / 3000, 0.1 * 899 / 3000, 0, 1),
    1900: (0, 0, 0, 0),
    2 * 1900 + 1800: (0.08 / 3, 0.08 / 3, 0.01, 1),
    # After the last cycle.
    10 * 1900: (0.1 * 899 / 3000, 0.1 * 899 / 3000, 0.1 * 399 / 3000, 1),
    12 * 1900 + 7: (0.1 * 899 / 3000, 0.1 * 899 / 3000, 0.1 * 399 / 3000, 1),
}


def test_weights_in_the_published_cycles() -> None:
    methods = [module.build(toy.CONTEXT, module.Options()) for module in (cada_vae, synse)]
    steps = jnp.asarray(list(PUBLISHED))
    found = jax.jit(jax.vmap(lambda step: [method.weights(step) for method in methods]))(steps)
    skeleton, cada_text, synse_text, rest = np.array(list(PUBLISHED.values()), float).T
    ones = np.ones(len(steps))
    every = {"skeleton": ones, "text": ones, "skeleton_divergence": skeleton, "cross": rest}
    for weights, own in (
        (found[0], {"text_divergence": cada_text, "distance": rest}),
        (found[1], {"text_divergence": synse_text, "distance": 0 * ones}),
    ):
        for name, values in (every | own).items():
            np.testing.assert_allclose(weights[name], values, rtol=1e-4, atol=1e-6)


def test_the_losses_of_latents(start: Callable) -> None:
    """In NumPy, with the draws of the network; and half of a latent is a word's."""
    method, variables, text, clips, labels, keys = start("synse")
    words = {word: np.asarray(rows)[labels] for word, rows in text.items()}
    apply = jax.jit(functools.partial(method.network.apply, method="terms"))
    terms = apply({"params": variables["params"]}, pooled(clips), words, keys)
    params = jax.tree.map(np.asarray, variables["params"])
    skeletons = np.asarray(pooled(clips))

    def layer(part: str, name: str, x: np.ndarray) -> np.ndarray:
        return x @ params[part][name]["kernel"] + params[part][name]["bias"]

    draws = [jax.random.split(key) for key in keys]
    parts = {"skeleton": skeletons, "text_noun": words["noun"], "text_verb": words["verb"]}
    mean = {part: layer(part, "mean", x) for part, x in parts.items()}
    logs = {part: layer(part, "log_variance", x) for part, x in parts.items()}
    both = [np.concatenate([each["text_noun"], each["text_verb"]], 1) for each in (mean, logs)]
    latent, text_latent = (
        center
        + np.exp(spread / 2)
        * np.stack([jax.random.normal(pair[which], center.shape[1:]) for pair in draws])
        for which, (center, spread) in enumerate(((mean["skeleton"], logs["skeleton"]), both))
    )

    def word_errors(z: np.ndarray) -> float:
        noun = layer("text_noun", "decoder", z[:, :8]) - words["noun"]
        verb = layer("text_verb", "decoder", z[:, 8:]) - words["verb"]
        return float((noun**2).mean() + (verb**2).mean())

    def skeleton_error(z: np.ndarray) -> float:
        return float(((np.maximum(layer("skeleton", "decoder", z), 0) - skeletons) ** 2).mean())

    np.testing.assert_allclose(terms.skeleton, skeleton_error(latent), rtol=1e-4)
    np.testing.assert_allclose(terms.text, word_errors(text_latent), rtol=1e-4)
    crossed = skeleton_error(text_latent) + word_errors(latent)
    np.testing.assert_allclose(terms.cross, crossed, rtol=1e-4)


def test_the_classifier_recovers_the_classes_of_its_latents() -> None:
    """And every dimension of a latent has noise of its own."""
    centers = np.repeat(3 * np.eye(4, 6, dtype=np.float32), 25, axis=0)
    labels, options = np.repeat(np.arange(4), 25), synse.Options(classifier_rate=0.03)

    @jax.jit
    def fit(centers: jax.Array) -> tuple[jax.Array, dict]:
        keys = jax.random.split(jax.random.key(0), len(centers))
        latents = Gaussian(centers, jnp.full(centers.shape, -2.0)).draw(keys)
        return latents, fit_classifier(latents, jnp.asarray(labels), 4, options, keys[1])

    latents, found = jax.tree.map(np.asarray, fit(jnp.asarray(centers)))
    assert ((latents @ found["kernel"] + found["bias"]).argmax(axis=1) == labels).all()
    assert ((latents - centers) / np.exp(-1)).std(axis=1).min() > 0.1
