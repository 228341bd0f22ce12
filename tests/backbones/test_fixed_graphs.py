"""ST-GCN and CTR-baseline: parity with the published networks, their options and initial values."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import gap_demo, star_demo
from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import COCO17, KINECT20, NTU25, Skeleton
from gapjax.backbones import ctr_baseline, st_gcn
from gapjax.experiment import abstract
from gapjax.experiment.config_dict import choose, plan_of
from gapjax.experiment.stages import stages
from gapjax.methods.supervised import from_torch
from gapjax.nn.axis_order import LAYOUTS
from gapjax.nn.heads import Recognizer
from gapjax.nn.torch_weights import StateDict
from gapjax.parallel.sharding import ShapeLayout, make_layout
from gapjax.training import loop
from support.numerics import close
from support.published import (
    Read,
    below,
    check_gradient_norms,
    check_statistics,
    clips,
    train_step,
)

pytestmark = pytest.mark.slow

Load = Callable[[str], tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]
NETWORKS = {"st_gcn": st_gcn, "ctr_baseline": ctr_baseline}


def read_with(module: ModuleType) -> Read:
    return partial(from_torch, backbone=module.from_torch)


def initial(backbone: Any, x: jax.Array) -> dict:
    return jax.jit(partial(backbone.init, train=False))(jax.random.key(0), x)


@pytest.mark.parametrize("name", NETWORKS)
def test_published_network(load_pack: Load, name: str) -> None:
    """Logits, loss, running statistics and the norms of the gradient."""
    state, outputs = load_pack(f"{name}_ntu60")
    read = read_with(NETWORKS[name])
    network = Recognizer(NETWORKS[name].Backbone(NTU25), 60)
    variables, x = read(StateDict(state)), clips(outputs["input"])
    close(jax.jit(partial(network.apply, train=False))(variables, x), outputs["eval"], "eval")
    label = jnp.asarray(outputs["label"])
    loss, logits, statistics, gradients = train_step(network, variables, x, label)
    close(loss, outputs["train_loss"], "loss")
    close(logits, outputs["train"], "train")
    check_statistics(state, read, statistics, below(outputs, "after/"))
    norms = below(outputs, "gradnorm/")
    assert len(norms) == sum("running" not in each for each in state)
    check_gradient_norms(state, read, gradients, norms)


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"channels_first"}))
@pytest.mark.parametrize("name", NETWORKS)
def test_published_network_in_other_layouts(load_pack: Load, name: str, layout: str) -> None:
    state, outputs = load_pack(f"{name}_ntu60")
    network = Recognizer(NETWORKS[name].Backbone(NTU25, layout=layout), 60)
    variables, x = read_with(NETWORKS[name])(StateDict(state)), clips(outputs["input"])
    for mode in ("train", "eval"):
        apply = partial(network.apply, train=mode == "train", mutable=["batch_stats"])
        close(jax.jit(apply)(variables, x)[0], outputs[mode], mode)


@pytest.mark.parametrize(
    ("name", "classes", "expected"),
    [("st_gcn", 60, 3_098_832), ("st_gcn", 120, 3_114_252), ("ctr_baseline", 120, 2_108_322)],
)
def test_number_of_parameters(name: str, classes: int, expected: int) -> None:
    """The counts of facts B.3 and B.4."""
    network = Recognizer(NETWORKS[name].Backbone(NTU25), classes)
    x = jax.ShapeDtypeStruct((1, 2, 8, 25, 3), jnp.float32)
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=False), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == expected


OWN = Skeleton(
    name="own",
    joints=("head", "chest", "tail"),
    bones=((0, 1), (2, 1)),
    root=1,
    center=1,
    shoulders=(0, 2),
    partitions={},
)


@pytest.mark.parametrize("skeleton", [NTU25, KINECT20, COCO17, OWN])
@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_on_any_body(name: str, skeleton: Skeleton) -> None:
    network = NETWORKS[name].Backbone(skeleton, width=8, stages=(1, 1))
    x = jax.ShapeDtypeStruct((2, 3, 7, skeleton.num_joints, 3), jnp.float32)
    init = partial(network.init_with_output, train=False)
    assert jax.eval_shape(init, jax.random.key(0), x)[0].shape == (2, 3, 4, x.shape[3], 16)


def test_initialization_of_st_gcn() -> None:
    """The published one, but for residuals, the classifier and the input's normalization."""
    network = Recognizer(st_gcn.Backbone(KINECT20, width=32, stages=(1, 1)), 5)
    params = initial(network, jnp.zeros((1, 1, 8, 20, 3)))["params"]
    residual = params["backbone"]["block1"]["residual"]
    assert np.std(residual["kernel"]) == pytest.approx((2 / 64) ** 0.5, rel=0.1)
    for norm in (residual["norm"], params["backbone"]["data_norm"]):
        np.testing.assert_array_equal(norm["scale"], np.ones_like(norm["scale"]))
    kernel = params["classifier"]["Dense_0"]["kernel"]
    assert np.std(kernel) == pytest.approx((2 / 5) ** 0.5, rel=0.15)
    graph, temporal = (params["backbone"]["block0"][name] for name in ("graph", "temporal"))
    np.testing.assert_array_equal(graph["importance"], np.ones((3, 20, 20)))
    assert not np.any(graph["bias"])
    assert not np.any(temporal["bias"])
    assert np.std(temporal["kernel"]) == pytest.approx(0.02, rel=0.05)
    assert np.std(graph["kernel"]) == pytest.approx(0.02, rel=0.15)
    for norm in ("entry_norm", "norm"):
        assert np.std(temporal[norm]["scale"]) == pytest.approx(0.02, rel=0.4)
        assert np.mean(temporal[norm]["scale"]) == pytest.approx(1.0, abs=0.02)


def test_initialization_of_ctr_baseline() -> None:
    """At first a graph is the identity, and a block passes its residual on."""
    backbone = ctr_baseline.Backbone(KINECT20, width=32, stages=(2,))
    params = initial(backbone, jnp.zeros((1, 1, 8, 20, 3)))["params"]["block1"]
    graph = params["graph"]
    np.testing.assert_array_equal(graph["adjacency"], np.stack([np.eye(20)] * 3))
    np.testing.assert_array_equal(graph["norm"]["scale"], np.full(32, 1e-6, np.float32))
    assert np.std(graph["kernel"]) == pytest.approx((2 / (32 * 32 * 3)) ** 0.5, rel=0.1)
    assert not np.any(graph["bias"])
    assert np.std(params["temporal"]["kernel"]) == pytest.approx((2 / 160) ** 0.5, rel=0.1)


def test_distances_of_st_gcn() -> None:
    """A hand tells forearm from fingers by true distances alone, a neck head from chest by both."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 1, 8, 25, 3)), jnp.float32)
    backbone = st_gcn.Backbone(NTU25, width=8, stages=(1,))
    variables = initial(backbone, x)
    paper = dataclasses.replace(backbone, distances="paper")
    found, other = (each.apply(variables, x, train=False) for each in (backbone, paper))
    assert found.shape == other.shape
    assert np.abs(found - other).max(axis=(0, 1, 2, 4))[7] > 0
    np.testing.assert_allclose(found[..., 2, :], other[..., 2, :], atol=1e-6)
    with pytest.raises(UserError, match=r"backbone\.distances='true' is not known"):
        initial(dataclasses.replace(backbone, distances="true"), x)


def test_the_fixed_adjacency_of_a_published_st_gcn_is_no_weight(load_pack: Load) -> None:
    state, _ = load_pack("st_gcn_ntu60")
    read = read_with(st_gcn)
    expected = read(StateDict(state))
    found = read(StateDict(state | {"A": np.zeros((3, 25, 25))}))
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    with pytest.raises(UserError, match=r"lacks 'edge_importance.3'"):
        read(StateDict({name: x for name, x in state.items() if name != "edge_importance.3"}))
    with pytest.raises(UserError, match=r"1 unexpected arrays, such as st_gcn_networks.10.x"):
        read(StateDict(state | {"st_gcn_networks.10.x": np.ones(1)}))


@pytest.mark.parametrize("name", NETWORKS)
def test_bfloat16_keeps_parameters_and_statistics_in_float32(name: str) -> None:
    x = jax.random.normal(jax.random.key(1), (2, 1, 8, 20, 3))
    make = partial(NETWORKS[name].Backbone, KINECT20, width=16, stages=(1, 1))
    exact, rough = (make(dtype=dtype) for dtype in (jnp.float32, jnp.bfloat16))
    variables = initial(rough, x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    (found, updates), (expected, _) = (
        jax.jit(partial(each.apply, train=True, mutable=["batch_stats"]))(variables, x)
        for each in (rough, exact)
    )
    assert found.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(updates)} == {jnp.dtype("float32")}
    error = jnp.abs(found.astype(jnp.float32) - expected).mean() / jnp.abs(expected).mean()
    assert float(error) < 0.03


@pytest.mark.parametrize(("demo", "stage_count"), [(gap_demo, 1), (star_demo, 2)])
@pytest.mark.parametrize("name", NETWORKS)
def test_methods_of_both_papers_take_it(
    tmp_path: Path, name: str, demo: ModuleType, stage_count: int
) -> None:
    """GAP; STAR, and the supervised run that trains its encoder."""
    config = demo.get_config("smoke")
    choose(config, "backbone", name)
    config.data.dir, config.zero_shot.folds = str(tmp_path), 0
    layout = make_layout(1)
    shapes = ShapeLayout(layout.mesh, layout.rules)
    plans = [stage.plan for stage in stages(plan_of(config), tmp_path)]
    assert len(plans) == stage_count
    states = [loop.state_shapes(abstract.build(plan, shapes, abstract.Size())) for plan in plans]
    graph = states[0].params["network"] if demo is gap_demo else states[0].params
    graph = graph["backbone"]["block0"]["graph"]
    assert {"st_gcn": "importance", "ctr_baseline": "adjacency"}[name] in graph
