"""Merging persons: against the definition, memory misread by PyTorch, and the published model."""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import NTU25
from gapjax.inputs.clips import ClipRecipe, eval_clips, train_clips
from gapjax.inputs.modalities import MODALITIES
from gapjax.methods.gap.network import DescribedRecognizer
from gapjax.nn import person_merge, pooling
from gapjax.nn.person_merge import MERGES

pytestmark = pytest.mark.slow


def merge(x: Float[Array, "b m t v d"], kind: str) -> Float[Array, "b t v d"]:
    """Merge persons who are all present."""
    return person_merge.merge(x, jnp.ones((*x.shape[:2], 7, 8, 3)), kind)


def features(persons: int = 2) -> Float[Array, "b m t v d"]:
    return jax.random.normal(jax.random.key(0), (3, persons, 4, 5, 6))


def test_mean() -> None:
    x = np.asarray(features(3))
    expected = (x[:, 0] + x[:, 1] + x[:, 2]) / 3
    np.testing.assert_allclose(merge(jnp.asarray(x), "mean"), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize("persons", [1, 2, 3])
def test_released_is_the_misread_memory(persons: int) -> None:
    """The view of (N M C T V) memory as (N C T V M), as the release has it, in PyTorch."""
    torch = pytest.importorskip("torch")
    x = features(persons)
    memory = torch.from_numpy(np.array(x.transpose(0, 1, 4, 2, 3), order="C"))
    expected = memory.view(3, 6, 4, 5, persons).mean(4).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(merge(x, "released"), expected, rtol=1e-6, atol=1e-6)


def test_released_swaps_what_facts_say() -> None:
    """Facts D.2: channels by persons, two joints of even, then of odd frames in a joint's place."""
    x = np.asarray(features())
    found = np.asarray(merge(jnp.asarray(x), "released"))
    np.testing.assert_allclose(found[:, 0, 0, 0], x[:, 0, 0, :2, 0].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found[:, 0, 3, 0], x[:, 0, 1, 1:3, 0].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found[:, 2, 0, 1], x[:, 0, 0, :2, 3].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found[:, 0, 0, 3], x[:, 1, 0, :2, 0].mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_released_parity(
    load_pack: Callable[[str], tuple[dict, dict]],
    mode: str,
) -> None:
    """What can be told of the published merge from every 16th channel of what is merged.

    Of two persons and 256 channels, the even kept channels of the first half of the result are
    made of the kept channels of the first person at the first half of the frames.
    """
    _, outputs = load_pack("shift_gcn_ntu60")
    before = outputs[f"{mode}/last_block"].reshape(2, 2, 16, 16, 25).transpose(0, 1, 3, 4, 2)
    every = np.full((2, 2, 16, 25, 256), np.nan, np.float32)
    every[..., ::16] = before
    found = np.asarray(merge(jnp.asarray(every), "released"))[..., ::16].transpose(0, 3, 1, 2)
    known = np.isfinite(found)
    assert known.mean() == pytest.approx(0.5)
    np.testing.assert_allclose(
        found[known], outputs[f"{mode}/merged_released"][known], rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("kind", list(MERGES))
def test_one_person_stays_as_it_is(kind: str) -> None:
    x = features(1)
    np.testing.assert_array_equal(merge(x, kind), x[:, 0])


def test_unknown_merge_is_refused() -> None:
    with pytest.raises(UserError, match=r"person_merge='meen'.*did you mean 'mean'"):
        merge(features(), "meen")


def test_present_persons_alone_count() -> None:
    """Whoever is zero in the whole clip is absent; where nobody is present, all count alike."""
    x = np.asarray(features(3))
    clips = np.zeros((3, 3, 7, 8, 2), np.float32)
    clips[0, 1, 6, 7, 1] = clips[1, :2, 0, 0, 0] = -1
    expected = np.stack([x[0, 1], (x[1, 0] + x[1, 1]) / 2, x[2].mean(axis=0)])
    found = person_merge.merge(jnp.asarray(x), jnp.asarray(clips), "present")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    weights = pooling.person_weights(jnp.asarray(clips), "present")
    parts = ((0, 3), (1,))
    np.testing.assert_allclose(
        pooling.pool(jnp.asarray(x), weights), expected.mean(axis=(1, 2)), rtol=1e-4, atol=1e-6
    )
    by_part = np.stack([expected[:, :, list(part)].mean(axis=(1, 2)) for part in parts], axis=1)
    np.testing.assert_allclose(
        pooling.pool_parts(jnp.asarray(x), parts, weights), by_part, rtol=1e-4, atol=1e-6
    )


class Steps(nn.Module):
    """A backbone whose features of absent persons are not zero."""

    @nn.compact
    def __call__(
        self, clips: Float[Array, "b m t v c"], *, train: bool
    ) -> Float[Array, "b m t v d"]:
        """Return a biased linear map of every joint."""
        return nn.Dense(4, bias_init=nn.initializers.ones)(clips)


def test_room_for_more_persons_changes_nothing() -> None:
    """The scores of a clip do not depend on how many persons others have, unless all count."""
    clips = jax.random.normal(jax.random.key(1), (2, 2, 7, 5, 3))
    roomy = jnp.pad(clips, ((0, 0), (0, 13), (0, 0), (0, 0), (0, 0)))
    for persons in pooling.PERSONS:
        network = DescribedRecognizer(Steps(), 6, persons, parts=((0, 1), (2,)), size=8)
        variables = network.init(jax.random.key(2), clips, train=False, method="describe")
        apply = partial(network.apply, variables, train=False, method="describe")
        for one, other in zip(apply(clips), apply(roomy), strict=True):
            assert np.allclose(one, other, atol=1e-5) == (persons == "present")


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("scale", ["none", "axis_range"])
def test_who_is_absent_stays_zero(modality: str, scale: str) -> None:
    """In all that a network sees, so that it can be told from the clip; a copy is present."""
    frames = jnp.pad(
        5 + jax.random.normal(jax.random.key(3), (2, 1, 9, 25, 3)), ((0, 0), (0, 2)) + 3 * ((0, 0),)
    )
    length, keys = jnp.array([9, 6]), jax.random.split(jax.random.key(4), 2)
    for absent, expected in (("zeros", [1, 0, 0]), ("copy", [1 / 3] * 3)):
        recipe = ClipRecipe(
            NTU25,
            window=8,
            origin="first_frame",
            align="shoulders",
            rotation="rigid",
            scale=scale,
            modality=modality,
            absent_person=absent,
        )
        for clips in (
            train_clips(recipe, frames, length, keys),
            eval_clips(recipe, frames, length),
        ):
            weights = pooling.person_weights(clips, "present")
            np.testing.assert_allclose(weights, [expected] * 2, rtol=1e-6)
