"""CTR-GCN: parity with the published model, and the savings against the plain formulas."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.specs.skeletons import KINECT20, NTU25, Skeleton
from gapjax.backbones import ctr_gcn
from gapjax.methods.gap.network import DescribedRecognizer, from_torch
from gapjax.nn.axis_order import LAYOUTS
from gapjax.nn.batch_norm import BatchNorm
from gapjax.nn.heads import Recognizer
from gapjax.nn.losses import cross_entropy
from gapjax.nn.temporal import MultiScale
from gapjax.nn.torch_weights import StateDict
from support.numerics import close
from support.published import below, check_gradient_norms, check_statistics, clips, train_step

pytestmark = pytest.mark.slow

Load = Callable[[str], tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]


def recognizer(skeleton: Skeleton, classes: int) -> Recognizer:
    return Recognizer(ctr_gcn.Backbone(skeleton), classes)


read = partial(from_torch, backbone=ctr_gcn.from_torch)


@pytest.fixture(scope="module")
def ucla(load_pack: Load) -> dict[str, Any]:
    """Return the NW-UCLA pack with our results for it."""
    state, outputs = load_pack("ctr_gcn_ucla")
    network = recognizer(KINECT20, 10)
    variables = read(StateDict(state))
    x, label = clips(outputs["input"]), jnp.asarray(outputs["label"])
    value, logits, statistics, gradients = train_step(network, variables, x, label)
    # Random weights let activations grow to 1e11 in evaluation, where the order of sums decides.
    jax.config.update("jax_disable_most_optimizations", False)
    evaluated = jax.jit(partial(network.apply, train=False))(variables, x)
    jax.config.update("jax_disable_most_optimizations", True)
    return {
        "state": state,
        "outputs": outputs,
        "eval": evaluated,
        "loss": value,
        "train": logits,
        "statistics": statistics,
        "gradients": gradients,
    }


def test_logits_of_the_published_classifier(ucla: dict) -> None:
    close(ucla["eval"], ucla["outputs"]["eval"], "eval")
    close(ucla["train"], ucla["outputs"]["train"], "train")
    close(ucla["loss"], ucla["outputs"]["train_loss"], "loss")


def test_gradient_norms_of_every_published_parameter(ucla: dict) -> None:
    norms = below(ucla["outputs"], "gradnorm/")
    assert len(norms) == 564
    check_gradient_norms(ucla["state"], read, ucla["gradients"], norms)


def test_running_statistics(ucla: dict) -> None:
    check_statistics(ucla["state"], read, ucla["statistics"], below(ucla["outputs"], "after/"))


def describe(state: dict, outputs: dict, mode: str, **how: Any) -> tuple:
    """Return logits, embeddings and statistics of the released four-part GAP in our code."""
    parts = tuple(NTU25.partitions["4"].values())
    backbone, dtype = ctr_gcn.Backbone(NTU25, **how), how.get("dtype", jnp.float32)
    network = DescribedRecognizer(backbone, 60, parts=parts, whole=True, size=512)
    variables = read(StateDict(state))
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), variables)
    mutable = ["batch_stats"] if mode == "train" else []
    apply = partial(network.apply, train=mode == "train", mutable=mutable, method="describe")
    (logits, heads), updates = jax.jit(apply)(variables, clips(outputs["input"]).astype(dtype))
    close(logits, outputs[f"{mode}.0"], "logits")
    close(heads[:, 0], outputs[f"{mode}.1.ViT-B/32"], "global")
    for part in range(4):
        close(heads[:, 1 + part], outputs[f"{mode}.3.{part}"], f"part {part}")
    return logits, updates


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gap_embeddings_in_training(load_pack: Load, layout: str) -> None:
    state, outputs = load_pack("gap_ctr_gcn_ntu60_joint")
    logits, updates = describe(state, outputs, "train", layout=layout)
    loss = cross_entropy(logits, jnp.asarray(outputs["label"])).mean()
    close(loss, outputs["train_loss"], "loss")
    check_statistics(state, read, updates["batch_stats"], below(outputs, "after/"))


def test_gap_embeddings_in_evaluation(load_pack: Load) -> None:
    """In float64: this pack's random weights let activations grow to 1e12 without normalization.

    In float32 a few arguments of tanh lie within rounding of zero, and the order of the sums alone
    moves the result between 1e-6 and 3e-4 of the pack; in float64 it is 2e-6.
    """
    state, outputs = load_pack("gap_ctr_gcn_ntu60_joint")
    with jax.enable_x64(True):
        describe(state, outputs, "eval", dtype=jnp.float64)


def plain_norm(x: np.ndarray, module: dict, statistics: dict, train: bool) -> np.ndarray:
    """Return PyTorch's batch normalization of (n, c, ...), in two passes."""
    axes = tuple(i for i in range(x.ndim) if i != 1)
    mean, var = (x.mean(axes), x.var(axes)) if train else (statistics["mean"], statistics["var"])
    rest = (1, -1) + (1,) * (x.ndim - 2)
    unit = (x - np.reshape(mean, rest)) / np.sqrt(np.reshape(var, rest) + 1e-5)
    return unit * np.reshape(module["scale"], rest) + np.reshape(module["bias"], rest)


def randomized(variables: dict, seed: int = 0) -> dict:
    """Return variables of these shapes with random numbers above zero, in float64."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: np.abs(rng.normal(size=leaf.shape)) + 0.1, variables)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("features", [5, 16])
def test_graph_convolution_is_the_plain_formula(train: bool, features: int) -> None:
    """y[u] = Σ_g Σ_v (α conv4(tanh(mean_t conv1(x)[u] - mean_t conv2(x)[v])) + A) conv3(x)[v]."""
    n, c, t, v = 3, 16, 4, 20
    x = np.random.default_rng(1).normal(size=(n, c, t, v))
    module = ctr_gcn.GraphConv(KINECT20, "cnvt", features)
    ours = jnp.asarray(x.transpose(1, 0, 3, 2), jnp.float32)
    variables = randomized(
        jax.eval_shape(partial(module.init, train=False), jax.random.key(0), ours)
    )
    p, s = variables["params"], variables["batch_stats"]
    top, total = p["topology"], 0.0
    for g in range(3):
        both = [
            np.einsum("rc,nctv->nrtv", top["entry"][i, g], x)
            + top["entry_bias"][i, g][:, None, None]
            for i in range(2)
        ]
        first, second = (each.mean(axis=2) for each in both)
        relation = np.tanh(first[..., :, None] - second[..., None, :])
        refined = np.einsum("dr,nruv->nduv", top["kernel"][g], relation)
        refined += top["bias"][g][:, None, None]
        weights = top["alpha"] * refined + top["adjacency"][g]
        value = np.einsum("dc,nctv->ndtv", p["value"][g], x) + p["value_bias"][g][:, None, None]
        total = total + np.einsum("nduv,ndtv->ndtu", weights, value)
    y = plain_norm(total, p["norm"], s["norm"], train)
    residual = x
    if features != c:
        r = p["residual"]
        residual = np.einsum("dc,nctv->ndtv", r["kernel"], x) + r["bias"][:, None, None]
        residual = plain_norm(residual, r["norm"], s["residual"]["norm"], train)
    expected = np.maximum(y + residual, 0)
    single = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), variables)
    apply = jax.jit(partial(module.apply, train=train, mutable=["batch_stats"]))
    found, _ = apply(single, ours)
    close(np.asarray(found).transpose(1, 0, 3, 2), expected)


def plain_time_convolution(
    x: np.ndarray, kernel: np.ndarray, stride: int, dilation: int
) -> np.ndarray:
    """Return a convolution over time (n c t v), tap by tap."""
    frames, reach = x.shape[2], 2 * dilation
    padded = np.pad(x, [(0, 0), (0, 0), (reach, reach), (0, 0)])
    taps = [padded[:, :, i * dilation : i * dilation + frames : stride] for i in range(5)]
    return sum(np.einsum("dc,nctv->ndtv", kernel[..., i], tap) for i, tap in enumerate(taps))


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_temporal_module_is_four_plain_branches(train: bool, stride: int) -> None:
    n, c, t, v, q = 2, 8, 6, 3, 2
    x = np.random.default_rng(1).normal(size=(n, c, t, v))
    module = MultiScale("cnvt", stride)
    ours = jnp.asarray(x.transpose(1, 0, 3, 2), jnp.float32)
    variables = randomized(
        jax.eval_shape(partial(module.init, train=False), jax.random.key(0), ours)
    )
    p, s = variables["params"], variables["batch_stats"]

    def cut(tree: dict, i: int) -> dict:
        return {name: leaf[i * q : (i + 1) * q] for name, leaf in tree.items()}

    branches = []
    for i in range(4):
        rows = slice(i * q, (i + 1) * q)
        y = np.einsum("dc,nctv->ndtv", p["entry"][rows], x) + p["entry_bias"][rows][:, None, None]
        if i < 3:
            y = np.maximum(
                plain_norm(y, cut(p["entry_norm"], i), cut(s["entry_norm"], i), train), 0
            )
        if i < 2:
            y = plain_time_convolution(y, p["kernels"][i], stride, dilation=i + 1)
            y = y + p["bias"][rows][:, None, None]
        elif i == 2:
            padded = np.pad(y, [(0, 0), (0, 0), (1, 1), (0, 0)], constant_values=-np.inf)
            y = np.max([padded[:, :, j : j + t : stride] for j in range(3)], axis=0)
        else:
            y = y[:, :, ::stride]
        branches.append(plain_norm(y, cut(p["norm"], i), cut(s["norm"], i), train))
    single = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), variables)
    apply = jax.jit(partial(module.apply, train=train, mutable=["batch_stats"]))
    found, _ = apply(single, ours)
    close(np.asarray(found).transpose(1, 0, 3, 2), np.concatenate(branches, axis=1))


def test_batch_norm_is_pytorchs() -> None:
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(4, 5, 6)).astype(np.float32)
    shift = jnp.asarray([1.0, -2.0, 0.5, 0.0])
    module = BatchNorm("cbt")
    variables = module.init(jax.random.key(0), jnp.asarray(x), train=False)
    found, updates = module.apply(
        variables, jnp.asarray(x), shift, train=True, mutable=["batch_stats"]
    )
    shifted = x + np.asarray(shift)[:, None, None]
    expected = shifted - shifted.mean(axis=(1, 2), keepdims=True)
    expected /= np.sqrt(shifted.var(axis=(1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    statistics = updates["batch_stats"]
    np.testing.assert_allclose(statistics["mean"], 0.1 * shifted.mean(axis=(1, 2)), rtol=1e-5)
    unbiased = shifted.reshape(4, -1).var(axis=1, ddof=1)
    np.testing.assert_allclose(statistics["var"], 0.9 + 0.1 * unbiased, rtol=1e-5)
    given = {**variables, "batch_stats": statistics}
    evaluated = module.apply(given, jnp.asarray(x), shift, train=False)
    rest = [np.asarray(statistics[name])[:, None, None] for name in ("mean", "var")]
    np.testing.assert_allclose(evaluated, (shifted - rest[0]) / np.sqrt(rest[1] + 1e-5), atol=1e-5)


@pytest.mark.parametrize(
    ("skeleton", "classes", "persons", "expected"),
    [(NTU25, 60, 2, 1_446_672), (NTU25, 120, 2, 1_462_092), (KINECT20, 10, 1, 1_426_892)],
)
def test_number_of_parameters(
    skeleton: Skeleton, classes: int, persons: int, expected: int
) -> None:
    """The counts of facts B.1."""
    network = recognizer(skeleton, classes)
    x = jax.ShapeDtypeStruct((1, persons, 8, skeleton.num_joints, 3), jnp.float32)
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=False), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == expected


def test_single_scale_has_the_published_number_of_parameters() -> None:
    network = Recognizer(ctr_gcn.Backbone(NTU25, temporal="single_scale"), 120)
    x = jax.ShapeDtypeStruct((1, 2, 8, 25, 3), jnp.float32)
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=False), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == 2_344_012


def test_initialization_is_the_published_one() -> None:
    """At first α is 0 and the graph's normalization nearly so: a block passes its residual on."""
    backbone = ctr_gcn.Backbone(KINECT20, width=32, stages=(2, 1))
    init = jax.jit(partial(backbone.init, train=False))
    variables = init(jax.random.key(0), jnp.zeros((1, 1, 8, 20, 3)))
    block = variables["params"]["block1"]
    assert float(block["graph"]["topology"]["alpha"]) == 0.0
    np.testing.assert_array_equal(block["graph"]["norm"]["scale"], np.full(32, 1e-6, np.float32))
    assert np.std(block["temporal"]["norm"]["scale"]) == pytest.approx(0.02, rel=0.5)
    assert np.std(block["graph"]["value"]) == pytest.approx((2 / 32) ** 0.5, rel=0.1)
    assert np.std(block["temporal"]["kernels"]) == pytest.approx((2 / 40) ** 0.5, rel=0.2)
    assert not np.any(block["graph"]["value_bias"])


def test_bfloat16_keeps_parameters_and_statistics_in_float32() -> None:
    x = jax.random.normal(jax.random.key(1), (2, 1, 8, 20, 3))
    exact, rough = (
        ctr_gcn.Backbone(KINECT20, width=16, stages=(1, 1), dtype=dtype)
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    variables = jax.jit(partial(rough.init, train=False))(jax.random.key(0), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    training = {"train": True, "mutable": ["batch_stats"]}
    found, updates = jax.jit(partial(rough.apply, **training))(variables, x)
    assert found.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(updates)} == {jnp.dtype("float32")}
    expected, _ = jax.jit(partial(exact.apply, **training))(variables, x)
    error = jnp.abs(found.astype(jnp.float32) - expected).mean() / jnp.abs(expected).mean()
    assert float(error) < 0.03
