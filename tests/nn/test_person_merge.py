"""Merging persons: against the definition, memory misread by PyTorch, and the published model."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from data_pipelines.errors import UserError
from gapjax.nn.person_merge import MERGES, merge


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


@pytest.mark.parametrize("how", list(MERGES))
def test_one_person_stays_as_it_is(how: str) -> None:
    x = features(1)
    np.testing.assert_array_equal(merge(x, how), x[:, 0])


def test_unknown_merge_is_refused() -> None:
    with pytest.raises(UserError, match=r"person_merge='meen'.*did you mean 'mean'"):
        merge(features(), "meen")
