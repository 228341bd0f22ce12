"""STAR's network: parity with the release, and what its options change."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import NTU25
from gapjax.backbones import shift_gcn
from gapjax.methods.star.losses import global_loss, part_loss, semantic_loss
from gapjax.methods.star.network import StarNetwork
from gapjax.methods.star.published import from_torch
from gapjax.nn.person_merge import merge
from gapjax.nn.torch_weights import StateDict, skeleton_encoder_arrays
from support.numerics import close

pytestmark = pytest.mark.slow

Load = Callable[[str], tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]

SIX = tuple(NTU25.partitions["6"].values())
RELEASED = StarNetwork(parts=SIX, heads=4)


@pytest.fixture(scope="module", params=["mean", "released"])
def pack(request: pytest.FixtureRequest, load_pack: Load) -> dict[str, Any]:
    """Return a parity pack with the features that the published encoder has for its clips."""
    state, outputs = load_pack(f"star_ntu60_55_5_{request.param}")
    encoder = shift_gcn.from_torch(StateDict(skeleton_encoder_arrays(state)))
    clips = jnp.asarray(outputs["input"].transpose(0, 4, 2, 3, 1))
    backbone = shift_gcn.Backbone(NTU25)
    bodies = jax.jit(partial(backbone.apply, train=False))(encoder, clips)
    seen = np.setdiff1d(np.arange(60), outputs["unseen"])
    weights = tuple(state["part_weights_factor"][0].tolist())
    return outputs | {
        "network": RELEASED.clone(part_weights=weights),
        "features": merge(bodies, jnp.ones_like(bodies), request.param),
        "variables": jax.tree.map(jnp.asarray, from_torch(StateDict(state))),
        "seen": jnp.asarray(seen),
        "places": jnp.asarray(np.searchsorted(seen, outputs["label"])),
        "part_text": jnp.asarray(outputs["part_text"]),
        "label_text": jnp.asarray(outputs["label_text"]),
    }


def total(params: Any, pack: dict[str, Any]) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Return Eq. 8 as released, with its terms and the latents."""
    texts = pack["part_text"], pack["label_text"]
    latents = pack["network"].apply({"params": params}, pack["features"], *texts)
    seen, places = pack["seen"], pack["places"]
    found = {
        "part_latent": latents.part,
        "global_latent": latents.whole,
        "loss_part": part_loss(latents.part, latents.part_text[seen], places).mean(),
        "loss_global": global_loss(latents.whole, latents.label_text[seen], places).mean(),
        "loss_semantic": semantic_loss(latents.part_text, latents.label_text).mean(),
    }
    loss = found["loss_part"] + 0.1 * (found["loss_semantic"] + found["loss_global"])
    return loss, found | {"loss_total": loss}


def published_norms(gradient: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Return the norm of each gradient by the name that the release has for the parameter."""
    skeleton, attention = gradient["skeleton"], "body_part_st_attention_networks"

    def layer(name: str, of: dict[str, Any], part: int) -> dict[str, Any]:
        return {f"{name}.weight": of["kernel"][part], f"{name}.bias": of["bias"][part]}

    named = layer("crossmodal_align1", gradient["label_projector"]["inner"], 0)
    named |= layer("crossmodal_align2", gradient["label_projector"]["outer"], 0)
    for p in range(6):
        for kind in ("query", "key", "value"):
            kernel = skeleton["pool"][kind]["kernel"][p]
            named[f"{attention}.{p}.{kind[0]}_proj_weight"] = kernel
        biases = [skeleton["pool"][kind]["bias"][p] for kind in ("query", "key", "value")]
        named[f"{attention}.{p}.in_proj_bias"] = np.concatenate(biases)
        named[f"body_part_prompts.{p}"] = skeleton["asking"]["prompts"][p]
        named[f"body_part_w.{p}"] = skeleton["asking"]["weight"][p]
        named[f"pd_prompt.{p}"] = gradient["semantic"]["prompts"][:, p]
        named |= layer(f"{attention}.{p}.out_proj", skeleton["out"], p)
        named |= layer(f"body_part_mapping_matrix1.{p}", skeleton["inner"], p)
        named |= layer(f"body_part_mapping_matrix2.{p}", skeleton["outer"], p)
        named |= layer(f"pd_mapping_matrix1.{p}", gradient["part_projector"]["inner"], p)
        named |= layer(f"pd_mapping_matrix2.{p}", gradient["part_projector"]["outer"], p)
    return ((name, float(np.linalg.norm(value))) for name, value in named.items())


def test_parity_in_training(pack: dict[str, Any]) -> None:
    step = jax.jit(jax.grad(lambda params: total(params, pack), has_aux=True))
    gradient, found = step(pack["variables"]["params"])
    for name, value in found.items():
        close(value, pack[name], name)
    norms = {f"gradnorm/{name}": norm for name, norm in published_norms(gradient)}
    assert norms.keys() == {name for name in pack if name.startswith("gradnorm/")}
    for name, norm in norms.items():
        close(norm, pack[name], name)


def test_parity_of_scores(pack: dict[str, Any]) -> None:
    score = jax.jit(partial(pack["network"].apply, method="score"))
    given = pack["variables"], pack["features"]
    close(score(*given, pack["label_text"]), pack["scores"], "scores")
    unseen = pack["unseen"]
    close(score(*given, pack["label_text"][unseen]), pack["scores"][:, unseen], "unseen")


def test_what_is_imported_is_what_is_trained(load_pack: Load) -> None:
    """The published parameters have the names and the shapes of fresh ones."""
    state, _ = load_pack("star_ntu60_55_5_mean")
    shapes = (3, 16, 25, 256), (60, 6, 768), (60, 768)
    given = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    fresh = jax.eval_shape(RELEASED.init, jax.random.key(0), *given)
    variables = from_torch(StateDict(state))
    assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, fresh)


def test_import_is_strict(load_pack: Load) -> None:
    state, _ = load_pack("star_ntu60_55_5_mean")
    with pytest.raises(UserError, match=r"lacks 'body_part_prompts\.0'"):
        from_torch(StateDict({"fc.weight": np.ones((2, 3))}))
    with pytest.raises(UserError, match=r"lacks 'body_part_w\.5'"):
        from_torch(StateDict({name: x for name, x in state.items() if name != "body_part_w.5"}))
    with pytest.raises(UserError, match=r"1 unexpected arrays, such as novel\.weight"):
        from_torch(StateDict(state | {"novel.weight": np.ones(1)}))


def small(**fields: Any) -> StarNetwork:
    return StarNetwork(**{"parts": ((0, 1), (2,)), "size": 8, "attributes": 6, "heads": 2} | fields)


def inputs() -> tuple[jax.Array, jax.Array, jax.Array]:
    keys = jax.random.split(jax.random.key(5), 3)
    shapes = (3, 2, 4, 5), (7, 2, 8), (7, 8)
    return tuple(jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True))


@pytest.mark.parametrize("semantic", ["learned", "none"])
@pytest.mark.parametrize("prompts", ["learned", "none"])
@pytest.mark.parametrize("pooling", ["attention", "mean"])
def test_every_ablation_keeps_the_shapes(pooling: str, prompts: str, semantic: str) -> None:
    network = small(pooling=pooling, attribute_prompts=prompts, semantic_prompts=semantic)
    latents, variables = jax.eval_shape(network.init_with_output, jax.random.key(0), *inputs())
    assert [each.shape for each in latents] == [(3, 2, 6), (3, 6), (7, 2, 6), (7, 6)]
    assert ("semantic" in variables["params"]) == (semantic == "learned")


def test_semantic_prompts_are_added_to_the_part_texts() -> None:
    features, part_text, label_text = inputs()
    network, plain = small(), small(semantic_prompts="none")
    params = jax.jit(network.init)(jax.random.key(0), *inputs())["params"]
    prompts = params["semantic"]["prompts"]
    rest = {name: each for name, each in params.items() if name != "semantic"}
    found = jax.jit(network.apply)({"params": params}, features, part_text, label_text)
    expected = jax.jit(plain.apply)({"params": rest}, features, part_text + prompts, label_text)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5), found, expected)
    np.testing.assert_allclose(found.whole, found.part.sum(axis=1), rtol=1e-4, atol=1e-4)


def test_scores_are_of_any_classes_and_need_no_descriptions() -> None:
    features, part_text, label_text = inputs()
    variables = jax.jit(small().init)(jax.random.key(0), *inputs())
    latents = jax.jit(small().apply)(variables, features, part_text, label_text)
    whole, names = np.asarray(latents.whole), np.asarray(latents.label_text[2:5])
    needed = {name: variables["params"][name] for name in ("skeleton", "label_projector")}
    for kind, lengths in (("dot", 1.0), ("cosine", np.linalg.norm(whole, axis=1)[:, None])):
        network = small(similarity=kind)
        score = jax.jit(partial(network.apply, method="score"))
        found = score({"params": needed}, features, label_text[2:5])
        norms = np.linalg.norm(names, axis=1)[None] if kind == "cosine" else 1.0
        np.testing.assert_allclose(found, whole @ names.T / lengths / norms, rtol=1e-4, atol=1e-5)


def test_scores_by_names_and_parts() -> None:
    """The mean of both similarities; a class without trained prompts has its text alone."""
    features, part_text, label_text = inputs()
    variables = jax.jit(small().init)(jax.random.key(0), *inputs())
    prompted = np.arange(7) < 4
    score = partial(small().apply, prompted=prompted, method="score_with_parts")
    found = jax.jit(score)(variables, features, part_text, label_text)
    own = variables["params"]["semantic"]["prompts"] * prompted[:, None, None]
    given = {"params": {**variables["params"], "semantic": {"prompts": own}}}
    latents = jax.jit(small().apply)(given, features, part_text, label_text)
    unit = [each / np.linalg.norm(each, axis=-1, keepdims=True) for each in latents]
    by_part = np.einsum("bpa,kpa->bk", unit[0], unit[2]) / 2
    np.testing.assert_allclose(found, (by_part + unit[1] @ unit[3].T) / 2, rtol=1e-4, atol=1e-5)


def test_semantic_prompts_start_with_their_scale() -> None:
    large, small_ones = (
        jax.jit(small(semantic_prompt_scale=scale).init)(jax.random.key(0), *inputs())
        for scale in (1.0, 0.1)
    )
    assert np.std(large["params"]["semantic"]["prompts"]) == pytest.approx(1.0, rel=0.2)
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-5),
        small_ones["params"]["semantic"]["prompts"],
        0.1 * large["params"]["semantic"]["prompts"],
    )
