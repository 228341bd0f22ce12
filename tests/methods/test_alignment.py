"""What methods compare: `MethodSpec.alignment` against what their losses use."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import star_utd
from data_pipelines.errors import UserError
from gapjax.experiment import model
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.data import Dataset
from gapjax.methods import Context, gap, star
from gapjax.methods.gap.texts import head_strings
from support.small_context import CONTEXT, UNSEEN


class Plain(nn.Module):
    """A backbone of one linear map."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return nn.Dense(5)(x)


# Classes differ in how many strings they have.
FIRST = dataclasses.replace(CONTEXT.descriptions[0], synonyms=("lift with one hand",))
GAP = Context(
    backbone=Plain(),
    skeleton=CONTEXT.skeleton,
    labels=CONTEXT.labels,
    descriptions=[FIRST, *CONTEXT.descriptions[1:]],
)


CLIPS = np.random.default_rng(0).normal(size=(3, 2, 8, 20, 3)).astype(np.float32)


def means(strings: list[list[str]]) -> list[np.ndarray]:
    """Return the mean of the unit embeddings of each row's strings."""
    rows = np.asarray(GAP.encode([string for row in strings for string in row]))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    ends = np.cumsum([len(row) for row in strings])
    return [each.mean(axis=0) for each in np.split(rows, ends[:-1])]


@pytest.mark.parametrize("train_text", [True, False])
def test_gap_compares_its_heads_with_the_means_of_its_strings(train_text: bool) -> None:
    """A text encoder before training is the frozen one."""
    options = gap.Options(partition="4", global_text="synonym", train_text=train_text)
    clips = jnp.asarray(CLIPS)
    method, found = gap.build(GAP, options), gap.METHOD.alignment(GAP, options)
    variables = method.init(jax.random.key(1), clips)
    stripped = found.strip(variables)
    assert "text_encoder" not in stripped["params"]
    texts, outputs = found.embeddings(variables), found.apply(stripped, clips, {})
    _, heads = method.network.apply(stripped, clips, train=False, method="describe")
    np.testing.assert_array_equal(outputs["whole"], heads[:, 0])
    np.testing.assert_array_equal(outputs["part"], heads[:, 1:])
    strings = head_strings(GAP.descriptions, options, found.parts, GAP.encode)
    np.testing.assert_allclose(texts["whole"], means(strings["global"]), atol=1e-5)
    of_parts = texts["part"].reshape(20, -1)
    np.testing.assert_allclose(of_parts, means(strings["parts"]), atol=1e-5)


def test_gap_with_a_head_of_either_kind() -> None:
    clips = jnp.asarray(CLIPS)
    for changes, name in (({"global_text": "none"}, "part"), ({"partition": "global"}, "whole")):
        options = gap.Options(**{"partition": "2", "train_text": False, **changes})
        found = gap.METHOD.alignment(GAP, options)
        variables = gap.build(GAP, options).init(jax.random.key(1), clips)
        assert set(found.embeddings(variables)) == {name}
        assert set(found.apply(found.strip(variables), clips, {})) == {name}
    with pytest.raises(UserError, match="compares no clip with a text"):
        gap.METHOD.alignment(GAP, gap.Options(partition="none"))


def test_star_compares_its_latents() -> None:
    """Prompts of unseen classes are not trained: their texts have none."""
    options = star.Options(attributes=7, heads=4, partition="2")
    features = jax.random.normal(jax.random.key(0), (3, 4, 20, 6))
    method, found = star.build(CONTEXT, options), star.METHOD.alignment(CONTEXT, options)
    variables = method.init(jax.random.key(1), features)
    texts, stripped = found.embeddings(variables), found.strip(variables)
    outputs = found.apply(stripped, features, {})
    text = jax.tree.map(jnp.asarray, method.prepare_text())

    def latents(network: star.Star) -> tuple:
        params = variables if network is method.network else stripped
        return network.apply(params, features, text["part"], text["label"])

    trained, bare = latents(method.network), latents(method.network.clone(semantic_prompts="none"))
    np.testing.assert_allclose(outputs["whole"], trained.whole, rtol=1e-5)
    np.testing.assert_allclose(outputs["part"], trained.part, rtol=1e-5)
    np.testing.assert_allclose(texts["whole"], trained.label_text, rtol=1e-5, atol=1e-6)
    for k in range(5):
        expected = (bare if k in UNSEEN else trained).part_text[k]
        np.testing.assert_allclose(texts["part"][k], expected, rtol=1e-5, atol=1e-6)
    assert len(found.parts) == 2


def test_a_method_without_such_a_space_is_named() -> None:
    plan = plan_of(star_utd.get_config("smie"))
    with pytest.raises(UserError, match=r"method\.name='smie' has no space that clips and texts"):
        model.build_alignment(plan, object.__new__(Dataset))
