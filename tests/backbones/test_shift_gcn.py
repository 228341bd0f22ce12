"""Shift-GCN: parity with the published model, the plain formula, and its options."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.base_star import SHIFT_GCN_RULES
from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import KINECT20, NTU25, Skeleton
from gapjax.backbones import shift_gcn
from gapjax.methods.supervised import from_torch
from gapjax.nn.axis_order import LAYOUTS
from gapjax.nn.blocks import Block, BlockPlan
from gapjax.nn.heads import Recognizer
from gapjax.nn.pooling import pool
from gapjax.nn.torch_weights import StateDict
from gapjax.parallel.tree_paths import first_matches
from support.numerics import close
from support.published import clips

pytestmark = pytest.mark.slow

Load = Callable[[str], tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]


def small(skeleton: Skeleton = KINECT20, **options: Any) -> shift_gcn.Backbone:
    return shift_gcn.Backbone(skeleton, width=8, stages=(1, 1), **options)


def initial(network: Any, x: jax.Array) -> dict:
    return jax.jit(lambda x: network.init(jax.random.key(0), x, train=False))(x)


def random_clips(skeleton: Skeleton, frames: int = 8) -> jax.Array:
    return jax.random.normal(jax.random.key(1), (2, 2, frames, skeleton.num_joints, 3))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_published_network(load_pack: Load, mode: str, layout: str) -> None:
    """The pack has every 16th channel of the last block."""
    state, outputs = load_pack("shift_gcn_ntu60")
    variables = from_torch(StateDict(state), shift_gcn.from_torch)
    x = clips(outputs["input"])

    def features(network: Recognizer, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        encoded = network.backbone(x, train=mode == "train")
        return encoded, network.classifier(pool(encoded))

    network = Recognizer(shift_gcn.Backbone(NTU25, layout=layout), 60)
    apply = jax.jit(lambda v: network.apply(v, x, method=features, mutable=["batch_stats"])[0])
    encoded, logits = apply(variables)
    close(logits, outputs[f"{mode}/logits"], "logits")
    close(pool(encoded), outputs[f"{mode}/pooled"], "pooled")
    last = np.asarray(encoded).transpose(0, 1, 4, 2, 3).reshape(4, 256, 16, 25)
    close(last[:, ::16], outputs[f"{mode}/last_block"], "last block")


def plain_norm(x: np.ndarray, module: dict, statistics: dict, train: bool) -> np.ndarray:
    """Return batch normalization of (rows, channels)."""
    mean, var = (x.mean(0), x.var(0)) if train else (statistics["mean"], statistics["var"])
    return (x - mean) / np.sqrt(var + 1e-5) * module["scale"] + module["bias"]


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("features", [5, 23])
def test_graph_convolution_is_the_plain_formula(train: bool, features: int) -> None:
    """Facts E.1 on x of (bodies · frames, joints, channels), joint by joint."""
    n, t, v, c = 3, 4, 6, 23
    module = shift_gcn.GraphConv("cvnt", features)
    x = np.random.default_rng(1).normal(size=(n, t, v, c))
    ours = jnp.asarray(x.transpose(3, 2, 0, 1), jnp.float32)
    variables = jax.eval_shape(partial(module.init, train=False), jax.random.key(0), ours)
    rng = np.random.default_rng(2)
    variables = jax.tree.map(lambda leaf: np.abs(rng.normal(size=leaf.shape)) + 0.1, variables)
    p, s = variables["params"], variables["batch_stats"]
    x = x.reshape(n * t, v, c)
    shifted = np.zeros_like(x)
    for i in range(v):
        for j in range(c):
            shifted[:, i, j] = x[:, (i + j) % v, j] * (np.tanh(p["mask"][j, i]) + 1)
    y = shifted @ p["linear"].T + p["linear_bias"]
    out = np.zeros_like(y)
    for i in range(v):
        for j in range(features):
            out[:, i, j] = y[:, (i - j) % v, j]
    flat = out.transpose(0, 2, 1).reshape(n * t, -1)
    out = plain_norm(flat, p["norm"], s["norm"], train).reshape(n * t, features, v)
    residual = x
    if features != c:
        r = p["residual"]
        residual = (x @ r["kernel"].T + r["bias"]).reshape(-1, features)
        residual = plain_norm(residual, r["norm"], s["residual"]["norm"], train)
        residual = residual.reshape(n * t, v, features)
    expected = np.maximum(out.transpose(0, 2, 1) + residual, 0).reshape(n, t, v, features)
    single = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), variables)
    apply = jax.jit(partial(module.apply, train=train, mutable=["batch_stats"]))
    found, _ = apply(single, ours)
    close(np.asarray(found).transpose(2, 3, 1, 0), expected)


@pytest.mark.parametrize(("skeleton", "frames"), [(NTU25, 8), (KINECT20, 7)])
def test_shapes_for_any_number_of_joints_and_frames(skeleton: Skeleton, frames: int) -> None:
    x = random_clips(skeleton, frames)
    network = small(skeleton)
    found = jax.eval_shape(
        lambda x: network.init_with_output(jax.random.key(0), x, train=False)[0], x
    )
    assert found.shape == (2, 2, 4, skeleton.num_joints, 16)


def test_persons_do_not_mix() -> None:
    x = random_clips(KINECT20)
    variables = initial(small(), x)
    apply = jax.jit(lambda x: small().apply(variables, x, train=False))
    found, other = apply(x), apply(x.at[1, 0].set(0.0))
    assert not np.allclose(found[1, 0], other[1, 0])
    np.testing.assert_array_equal(found[0], other[0])
    np.testing.assert_array_equal(found[1, 1], other[1, 1])


def test_number_of_parameters() -> None:
    """The count of facts E.2, without the 2816 positions along the joints that do nothing."""
    network = Recognizer(shift_gcn.Backbone(NTU25), 60)
    x = jax.ShapeDtypeStruct((1, 2, 8, 25, 3), jnp.float32)
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=False), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == 693_107 - 2816


def test_initialization_is_the_published_one() -> None:
    backbone = shift_gcn.Backbone(KINECT20, width=64, stages=(1, 1))
    variables = initial(backbone, random_clips(KINECT20))
    graph, temporal = (variables["params"]["block1"][name] for name in ("graph", "temporal"))
    assert np.std(graph["linear"]) == pytest.approx((1 / 128) ** 0.5, rel=0.05)
    assert not np.any(graph["mask"])
    assert not np.any(graph["linear_bias"])
    assert np.std(graph["residual"]["kernel"]) == pytest.approx((2 / 128) ** 0.5, rel=0.05)
    assert np.std(temporal["kernel"]) == pytest.approx((2 / 128) ** 0.5, rel=0.05)
    assert 0.9 * 128**-0.5 < np.abs(temporal["bias"]).max() <= 128**-0.5
    for shift in (temporal["shift_in"], temporal["shift_out"]):
        assert -1 <= shift.min() < -0.9
        assert 0.9 < shift.max() <= 1
    assert not np.array_equal(temporal["shift_in"], temporal["shift_out"])


def test_released_gradient_differs_in_the_positions_only() -> None:
    """All gradients of a block that halves the frames."""
    x = jax.random.normal(jax.random.key(1), (4, 5, 3, 8))
    weights = jax.random.normal(jax.random.key(2), (6, 5, 3, 4))

    def block_of(gradient: str) -> Block:
        temporal = partial(shift_gcn.TemporalShift, "cvnt", gradient=gradient)
        plan = BlockPlan("block1", features=6, stride=2, residual=True)
        return Block("cvnt", plan, partial(shift_gcn.GraphConv, "cvnt"), temporal)

    variables = initial(block_of("true"), x)

    def gradients(gradient: str) -> list:
        block = block_of(gradient)

        def total(params: Any) -> jax.Array:
            given = {**variables, "params": params}
            return (block.apply(given, x, train=True, mutable=["batch_stats"])[0] * weights).sum()

        return jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(total))(variables["params"]))

    for (path, slope), (_, found) in zip(gradients("true"), gradients("released"), strict=True):
        name, slope = jax.tree_util.keystr(path), np.asarray(slope)
        if "shift_" in name:
            assert np.count_nonzero(slope) > len(slope) // 2, name
            slope = np.where(slope == 0.0, 1e-4, 0.01 * np.sign(slope))
        np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-5, err_msg=name)


def test_an_unknown_gradient_is_refused() -> None:
    x = random_clips(KINECT20)
    with pytest.raises(UserError, match=r"backbone.shift_gradient='sign' is not known"):
        initial(small(shift_gradient="sign"), x)


def test_the_documented_rules_find_the_published_decays() -> None:
    params = initial(small(), random_clips(KINECT20))["params"]
    patterns = [pattern for pattern, *_ in SHIFT_GCN_RULES] + [""]
    numbers = first_matches({"network": {"backbone": params}}, patterns, "optimizer rule")
    leaves = jax.tree_util.tree_leaves_with_path(numbers)
    found = {jax.tree_util.keystr(path, simple=True, separator="/"): n for path, n in leaves}
    expected = {"linear": 0, "mask": 1}
    assert found == {name: expected.get(name.split("/")[-1], 2) for name in found}
    assert sorted(found.values()).count(0) == sorted(found.values()).count(1) == 2


def test_bfloat16_keeps_parameters_and_statistics_in_float32() -> None:
    x = random_clips(KINECT20)
    exact, rough = (small(dtype=dtype) for dtype in (jnp.float32, jnp.bfloat16))
    variables = initial(rough, x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    (found, updates), (expected, _) = (
        jax.jit(lambda x, n=network: n.apply(variables, x, train=True, mutable=["batch_stats"]))(x)
        for network in (rough, exact)
    )
    assert found.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(updates)} == {jnp.dtype("float32")}
    error = jnp.abs(found.astype(jnp.float32) - expected).mean() / jnp.abs(expected).mean()
    assert float(error) < 0.03
