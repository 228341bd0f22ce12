"""Every layout computes the same: features, gradients and statistics, from the same variables."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.specs.skeletons import KINECT20
from gapjax.backbones import ctr_baseline, ctr_gcn, shift_gcn, st_gcn
from gapjax.nn.axis_order import LAYOUTS

pytestmark = pytest.mark.slow

NETWORKS = {
    "ctr_gcn": partial(ctr_gcn.Backbone, width=8),
    "ctr_gcn, single scale": partial(ctr_gcn.Backbone, width=8, temporal="single_scale"),
    "ctr_baseline": partial(ctr_baseline.Backbone, width=7),
    "st_gcn": partial(st_gcn.Backbone, width=7),
    "shift_gcn": partial(shift_gcn.Backbone, width=7, shift_gradient="true"),
}


def results(network: nn.Module, variables: Any, x: jax.Array) -> Any:
    """Return features, statistics and gradients of a training step, and evaluated features."""

    def total(params: Any) -> tuple[jax.Array, Any]:
        given = {**variables, "params": params}
        found, updates = network.apply(given, x, train=True, mutable=["batch_stats"])
        return (jnp.sin(jnp.arange(found.size)).reshape(found.shape) * found).sum(), (
            found,
            updates,
        )

    evaluated = network.apply(variables, x, train=False)
    return *jax.value_and_grad(total, has_aux=True)(variables["params"]), evaluated


def drawn(leaf: jax.ShapeDtypeStruct) -> jax.Array:
    values = np.random.default_rng(leaf.size).normal(size=leaf.shape)
    return jnp.asarray(0.3 * np.abs(values) + 0.1, jnp.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_layouts_agree(name: str) -> None:
    """Of two blocks, the second with a stride and a residual; an odd number of frames."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2, 7, 20, 3)), jnp.float32)
    make = partial(NETWORKS[name], KINECT20, stages=(1, 1))
    init = partial(make().init, train=False)
    variables = jax.tree.map(drawn, jax.eval_shape(init, jax.random.key(0), x))
    run = {each: jax.jit(partial(results, make(layout=each))) for each in LAYOUTS}
    expected = run["channels_first"](variables, x)
    found = run["channels_last"](variables, x)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        # A sum of many that nearly cancel is off by more than each of them.
        np.testing.assert_allclose(one, other, atol=5e-4 * max(np.abs(other).max(), 1e-2))
