"""Layers against slow NumPy: the 1x1 convolution says itself how it goes backward."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.nn.batch_norm import BatchNorm, RowWeights
from gapjax.nn.ghost_batch_norm import Replicas
from gapjax.nn.heads import Recognizer, checked
from gapjax.nn.layers import pointwise


@pytest.mark.parametrize(("dtype", "near"), [("float32", 1e-5), ("bfloat16", 2e-2)])
def test_a_pointwise_convolution_and_its_cotangents(dtype: str, near: float) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 4)).astype(np.float32)
    x, cotangent = (rng.normal(size=(c, 2, 5, 6)).astype(np.float32) for c in (4, 3))
    x, cotangent = (jnp.asarray(each, dtype) for each in (x, cotangent))
    y, backward = jax.vjp(partial(pointwise, order="cnvt"), jnp.asarray(kernel), x)
    to_kernel, to_x = backward(cotangent)
    assert (y.dtype, to_kernel.dtype, to_x.dtype) == (x.dtype, "float32", x.dtype)
    mine, theirs = np.asarray(x, np.float64), np.asarray(cotangent, np.float64)
    expected = [np.zeros(each.shape) for each in (y, to_kernel, to_x)]
    for d, c in np.ndindex(3, 4):
        expected[0][d] += kernel[d, c] * mine[c]
        expected[1][d, c] = (theirs[d] * mine[c]).sum()
        expected[2][c] += kernel[d, c] * theirs[d]
    for got, wanted in zip((y, to_kernel, to_x), expected, strict=True):
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(np.asarray(got, np.float64), wanted, atol=near * scale)


def test_one_value_has_no_variance() -> None:
    x = jnp.ones((3, 1, 1, 1))
    variables = BatchNorm().init(jax.random.key(0), x, train=True)
    with pytest.raises(UserError, match="one value per channel"):
        BatchNorm().apply(variables, x, train=True, mutable=["batch_stats"])


def test_a_row_with_a_weight_counts_as_so_many_rows() -> None:
    """Of weight zero a row counts for nothing, also going backward."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(3, 2, 4, 5)), jnp.float32)
    repeats = [2, 0, 1, 3]
    weights = RowWeights(jnp.asarray(repeats, jnp.float32)[:, None], sum(repeats))
    norm, place = BatchNorm("cvnt"), np.repeat(np.arange(4), repeats)
    variables = norm.init(jax.random.key(0), x, train=False)
    cotangent = jnp.asarray(rng.normal(size=(3, 2, sum(repeats), 5)), jnp.float32)

    def run(weights: RowWeights | None, spread: bool, x: jax.Array) -> tuple[jax.Array, dict]:
        y, updates = norm.apply(variables, x, train=True, weights=weights, mutable=["batch_stats"])
        return (y[:, :, place] if spread else y), updates

    expected, backward, statistics = jax.vjp(
        lambda x: run(None, False, x[:, :, place]), x, has_aux=True
    )
    found, backward2, statistics2 = jax.vjp(lambda x: run(weights, True, x), x, has_aux=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(backward2(cotangent)[0], backward(cotangent)[0], atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), statistics2, statistics)


class Axis(nn.Module):
    """A backbone that has lost an axis."""

    lost: int

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return x.mean(self.lost)


def test_a_backbone_with_features_of_another_shape_is_named() -> None:
    clips, rng = jnp.zeros((2, 3, 4, 5, 6)), jax.random.key(0)
    expected = r"test_layers\.Axis returns \(2, 4, 5, 6\) for clips \(2, 3, 4, 5, 6\): .* \(2, 3, "
    with pytest.raises(UserError, match=expected):
        jax.jit(partial(Recognizer(Axis(1), 7).init, train=False))(rng, clips)
    with pytest.raises(UserError, match=r"test_layers\.Axis"):
        checked(clips[:, :, :, 0], clips, Replicas(Axis(3), 1))
