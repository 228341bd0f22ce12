"""What a block computes again for its gradient changes no result."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.specs.skeletons import KINECT20
from gapjax.backbones import ctr_gcn, shift_gcn
from gapjax.nn import rows
from gapjax.nn.ghost_batch_norm import Replicas

pytestmark = pytest.mark.slow

# Six clips of two persons in two replicas, the second person absent in four; so a replica has three
# clips, at most four persons who are present, and one row for those who are not.
SHAPE, ABSENT, PRESENT = (6, 2, 7, 20, 3), [0, 2, 3, 4], rows.Present(6, 2, 4)


def drawn(leaf: jax.ShapeDtypeStruct) -> jax.Array:
    values = np.random.default_rng(leaf.size).normal(size=leaf.shape)
    return jnp.asarray(0.3 * np.abs(values) + 0.1, jnp.float32)


def gradient(network: nn.Module, variables: Any, x: jax.Array) -> Any:
    """Return features, statistics and gradients of a training step."""

    def total(params: Any) -> tuple[jax.Array, Any]:
        given = {**variables, "params": params}
        found, updates = network.apply(given, x, train=True, mutable=["batch_stats"])
        weights = jnp.sin(jnp.arange(found.size)).reshape(found.shape)
        return (weights * found).sum(), (found, updates)

    return jax.value_and_grad(total, has_aux=True)(variables["params"])


@pytest.mark.parametrize("module", [ctr_gcn, shift_gcn])
def test_recomputing_changes_no_result(module: Any) -> None:
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    values[ABSENT, 1] = 0
    clips, found, relations = jnp.asarray(values), [], []
    for recompute in (False, True):
        backbone = module.Backbone(KINECT20, width=8, stages=(1, 1), recompute=recompute)
        network = Replicas(backbone, 2)
        init = partial(network.init, train=False)
        variables = jax.tree.map(drawn, jax.eval_shape(init, jax.random.key(0), clips))
        with rows.at_most(PRESENT):
            traced = jax.jit(partial(gradient, network)).trace(variables, clips)
            found.append(traced.lower().compile()(variables, clips))
        relations.append(str(traced.jaxpr).count("tanh"))
    assert jax.tree.structure(found[0]) == jax.tree.structure(found[1])
    for one, other in zip(*map(jax.tree.leaves, found), strict=True):
        # A sum of many that nearly cancel is off by more than each of them.
        np.testing.assert_allclose(one, other, atol=5e-4 * max(np.abs(other).max(), 1e-2))
    # Of relations, and of Shift-GCN's masks.
    assert relations[1] > relations[0]
