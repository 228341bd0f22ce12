"""STAR's skeleton stream against loops over clips, parts, heads and attributes."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.methods.star.attention import PROMPTS, Attention, Mean, PartAttributes
from gapjax.methods.star.part_layers import Linear, PartLinear

pytestmark = pytest.mark.slow

# Parts of different sizes that overlap, and a joint (5) of no part.
PARTS = ((0, 2), (1, 2, 3, 6), (4,))
BATCH, FRAMES, JOINTS, CHANNELS, SIZE, ATTRIBUTES = 2, 3, 7, 5, 8, 6
VARIANTS = [(pooling, prompts) for pooling in ("attention", "mean") for prompts in PROMPTS]


def features() -> jax.Array:
    return jax.random.normal(jax.random.key(0), (BATCH, FRAMES, JOINTS, CHANNELS))


def network(pooling: str = "attention", prompts: str = "learned", **fields: Any) -> PartAttributes:
    fields = {"parts": PARTS, "heads": 4} | fields
    return PartAttributes(
        size=SIZE, attributes=ATTRIBUTES, pooling=pooling, prompts=prompts, **fields
    )


def init(module: PartAttributes) -> dict[str, Any]:
    """Return parameters with biases that are not zero."""
    params = jax.jit(module.init)(jax.random.key(1), features())["params"]
    noise = np.random.default_rng(2)
    return jax.tree.map(lambda x: x + 0.3 * noise.normal(size=x.shape).astype(np.float32), params)


def affine(layer: dict[str, np.ndarray], part: int, x: np.ndarray) -> np.ndarray:
    return x @ layer["kernel"][part] + layer["bias"][part]


def attend(
    layers: dict, part: int, query: np.ndarray, tokens: np.ndarray, heads: int
) -> np.ndarray:
    """Return what one query vector attends to, head by head (Eq. 1 and the concatenation)."""
    q = affine(layers["query"], part, query)
    keys, values = (affine(layers[name], part, tokens) for name in ("key", "value"))
    found, width = [], SIZE // heads
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        scores = np.exp(keys[:, own] @ q[own] / np.sqrt(width))
        found.append((scores / scores.sum()) @ values[:, own])
    return np.concatenate(found)


def oracle(params: dict, x: np.ndarray, pooling: str, prompts: str, heads: int) -> np.ndarray:
    """Return facts D.3 in loops, without padding, and one linear layer after the other."""
    latent = np.zeros((len(x), len(PARTS), ATTRIBUTES))
    for b, p, i in np.ndindex(*latent.shape):
        tokens = x[b][:, list(PARTS[p])].reshape(-1, CHANNELS)
        asks = params["asking"]
        query = asks["prompts"][p, i] if prompts == "learned" else tokens.mean(axis=0)
        if pooling == "attention":
            found = attend(params["pool"], p, query, tokens, heads)
        else:
            found = affine(params["pool"]["value"], p, tokens).mean(axis=0)
        hidden = np.maximum(affine(params["inner"], p, affine(params["out"], p, found)), 0)
        phi = affine(params["outer"], p, hidden)
        if prompts == "learned":
            latent[b, p, i] = asks["prompts"][p, i] @ asks["weight"][p] @ phi
        else:
            latent[b, p, i] = affine(asks["linear"], p, phi)[i]
    return latent


@pytest.mark.parametrize("heads", [1, 4, 8])
@pytest.mark.parametrize(("pooling", "prompts"), VARIANTS)
def test_against_loops(pooling: str, prompts: str, heads: int) -> None:
    module = network(pooling, prompts, heads=heads)
    params = init(module)
    found = jax.jit(module.apply)({"params": params}, features())
    double = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    expected = oracle(double, np.asarray(features(), np.float64), pooling, prompts, heads)
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.torch
def test_attention_is_pytorchs() -> None:
    """One part's attention, with keys and values of another width than the queries."""
    torch = pytest.importorskip("torch")
    layer = torch.nn.MultiheadAttention(SIZE, 2, kdim=CHANNELS, vdim=CHANNELS, batch_first=True)
    with torch.no_grad():
        layer.in_proj_bias.normal_(generator=torch.Generator().manual_seed(0))
    module = Attention(SIZE, 2)
    bias = np.split(layer.in_proj_bias.detach().numpy(), 3)
    params = {
        name: {
            "kernel": getattr(layer, f"{name[0]}_proj_weight").detach().numpy().T[None],
            "bias": bias[i][None],
        }
        for i, name in enumerate(("query", "key", "value"))
    }
    rng = np.random.default_rng(1)
    query = rng.normal(size=(ATTRIBUTES, SIZE)).astype(np.float32)
    tokens = rng.normal(size=(BATCH, 9, CHANNELS)).astype(np.float32)
    given = torch.from_numpy(tokens)
    expected, _ = layer(torch.from_numpy(query).expand(BATCH, -1, -1), given, given)
    own = np.ones((1, 9), bool)
    found = module.apply(
        {"params": params}, jnp.asarray(query)[None, None], jnp.asarray(tokens)[None], own
    )
    out = layer.out_proj.weight.detach().numpy()
    np.testing.assert_allclose(found[0] @ out.T, expected.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(("pooling", "prompts"), VARIANTS)
def test_a_part_depends_on_its_own_joints_alone(pooling: str, prompts: str) -> None:
    """Padding repeats joint 0: a change of joint 0 must not reach the parts without it."""
    module = network(pooling, prompts)
    params = init(module)
    run = jax.jit(lambda x: module.apply({"params": params}, x))
    before = run(features())
    for joint in range(JOINTS):
        changed = np.abs(run(features().at[:, :, joint].add(1.0)) - before).max(axis=(0, 2)) > 0
        assert changed.tolist() == [joint in part for part in PARTS]


def test_parts_may_be_the_whole_body_or_of_one_size() -> None:
    for parts in ((tuple(range(JOINTS)),), ((0, 1), (2, 3))):
        module = network(parts=parts)
        found = jax.eval_shape(module.init_with_output, jax.random.key(0), features())[0]
        assert found.shape == (BATCH, len(parts), ATTRIBUTES)


@pytest.mark.parametrize(
    ("pooling", "prompts", "present"),
    [
        ("attention", "learned", {"key", "query", "value", "prompts", "weight"}),
        ("mean", "learned", {"value", "prompts", "weight"}),
        ("attention", "none", {"key", "query", "value", "linear"}),
        ("mean", "none", {"value", "linear"}),
    ],
)
def test_variants_have_no_idle_parameters(pooling: str, prompts: str, present: set[str]) -> None:
    module = network(pooling, prompts)
    params = init(module)
    assert {*params["pool"], *params["asking"]} == present

    def loss(params: Any) -> jax.Array:
        return jnp.square(module.apply({"params": params}, features())).sum()

    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(params)):
        # A softmax does not see what all of its scores have in common.
        if "'key'" not in jax.tree_util.keystr(path) or leaf.ndim > 2:
            assert np.isfinite(leaf).all()
            assert np.abs(leaf).max() > 0, path


def test_initial_values_are_those_of_the_release() -> None:
    """Facts D.3, by bounds and moments; each part has its own draw."""
    shape = {"size": 96, "attributes": 40, "heads": 4}
    module = PartAttributes(parts=PARTS, **shape)
    params = jax.jit(module.init)(jax.random.key(3), jnp.ones((1, 2, JOINTS, 32)))["params"]
    bounds = {
        ("pool", "query"): np.sqrt(6 / (96 + 96)),
        ("pool", "key"): np.sqrt(6 / (32 + 96)),
        ("pool", "value"): np.sqrt(6 / (32 + 96)),
        ("out",): 1 / np.sqrt(96),
        ("inner",): 1 / np.sqrt(96),
    }
    for path, bound in bounds.items():
        layer = params[path[0]] if len(path) == 1 else params[path[0]][path[1]]
        largest = np.abs(layer["kernel"]).max(axis=(1, 2))
        assert ((largest <= bound) & (largest > 0.98 * bound)).all(), path
        assert len(np.unique(largest)) == len(PARTS)
        assert (np.abs(layer["bias"]).max() > 0) == (path == ("inner",))
    for name in ("prompts", "weight"):
        assert float(params["asking"][name].std()) == pytest.approx(1.0, abs=0.02)


def test_heads_must_divide_the_channels() -> None:
    with pytest.raises(UserError, match="heads=3 must divide the text's 8 dimensions"):
        init(network(heads=3))


def test_maps_in_a_row_are_one_map() -> None:
    rng = np.random.default_rng(4)
    shapes = ((2, 3, 4), (2, 4), (2, 4, 5), (2, 5))
    a, b, c, d = (jnp.asarray(rng.normal(size=shape).astype(np.float32)) for shape in shapes)
    first, second = Linear(a, b), Linear(c, d)
    x = jnp.asarray(rng.normal(size=(2, 7, 6, 3)).astype(np.float32))
    np.testing.assert_allclose(first.then(second)(x), second(first(x)), atol=1e-5)


def test_half_precision_features_are_computed_in_single() -> None:
    module = network()
    params = init(module)
    half = features().astype(jnp.bfloat16)
    found = module.apply({"params": params}, half)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, module.apply({"params": params}, half.astype(jnp.float32)))


def test_fields_are_documented() -> None:
    for module in (PartAttributes, PartLinear, Attention, Mean, *PROMPTS.values()):
        for field in dataclasses.fields(module):
            assert field.name in ("parent", "name") or f"{field.name}:" in module.__doc__
