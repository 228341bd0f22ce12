"""Batch statistics of each share of a batch, against slow NumPy, and on any number of devices."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from data_pipelines.specs.skeletons import KINECT20
from gapjax.backbones import ctr_gcn, shift_gcn
from gapjax.methods import Variables
from gapjax.nn.batch_norm import EPSILON, MOMENTUM, BatchNorm
from gapjax.nn.ghost_batch_norm import Replicas
from gapjax.parallel.sharding import make_layout

pytestmark = pytest.mark.slow

SHARES = 2
COUNT = 6  # samples of a batch


class Norm(nn.Module):
    """A backbone that normalizes, and nothing else."""

    @nn.compact
    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t v c"]:
        return BatchNorm("bmtvc", name="norm")(x, train=train)


def clips() -> Float[Array, "b m t v c"]:
    """Samples whose mean and spread grow from one to the next."""
    values = jax.random.normal(jax.random.key(0), (COUNT, 2, 4, 20, 3))
    return values * jnp.arange(1.0, 1.0 + COUNT)[:, None, None, None, None] + 1.0


def apply(backbone: nn.Module, variables: Variables, x: jax.Array) -> tuple[jax.Array, Variables]:
    call = functools.partial(backbone.apply, train=True, mutable=["batch_stats"])
    return jax.jit(call)(variables, x)


def test_moments_and_running_statistics() -> None:
    x, network = clips(), Replicas(Norm(), SHARES)
    variables = network.init(jax.random.key(1), x, train=False)
    found, updates = apply(network, variables, x)
    first, second = np.split(np.asarray(x, np.float64), SHARES)
    axes = (0, 1, 2, 3)
    expected = [(y - y.mean(axes)) / np.sqrt(y.var(axes) + EPSILON) for y in (first, second)]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-4, atol=1e-5)
    # PyTorch keeps those of the first device.
    running = updates["batch_stats"]["norm"]
    np.testing.assert_allclose(running["mean"], MOMENTUM * first.mean(axes), rtol=1e-5)
    var = 1 - MOMENTUM + MOMENTUM * first.var(axes, ddof=1)
    np.testing.assert_allclose(running["var"], var, rtol=1e-5)


@pytest.mark.parametrize("module", [ctr_gcn, shift_gcn])
def test_a_share_is_as_a_batch_of_its_own(module: object) -> None:
    """On one device and on two, with the variables of the backbone alone."""
    x, backbone = clips(), module.Backbone(KINECT20, width=8, stages=(1,))
    network = Replicas(backbone, SHARES)
    variables = jax.jit(functools.partial(backbone.init, train=False))(jax.random.key(1), x)
    shares = [apply(backbone, variables, share) for share in jnp.split(x, SHARES)]
    layout = make_layout(2)
    split = (layout.replicate(variables), jax.device_put(x, layout.batch))
    for given in ((variables, x), split):
        found, updates = apply(network, *given)
        near = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
        near(found, np.concatenate([features for features, _ in shares]))
        jax.tree.map(near, updates, shares[0][1])
    calls = (functools.partial(each.apply, train=False) for each in (network, backbone))
    np.testing.assert_array_equal(*(jax.jit(call)(variables, x) for call in calls))
