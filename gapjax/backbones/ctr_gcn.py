"""CTR-GCN: channel-wise topology refinement (Chen et al., ICCV 2021), as GAP uses it.

Ten blocks of a graph convolution whose topology is refined for every channel and sample, and a
temporal module.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from data_pipelines.specs.skeletons import Skeleton
from gapjax.backbones import BackboneSpec
from gapjax.nn.axis_order import LAYOUTS, Ordered
from gapjax.nn.batch_norm import BatchNorm, RowWeights
from gapjax.nn.blocks import encode, plan_blocks
from gapjax.nn.graph import SUBSETS
from gapjax.nn.initializers import fan_out_normal
from gapjax.nn.layers import pointwise, relu_with_residual
from gapjax.nn.temporal import TEMPORAL
from gapjax.nn.topology import Topology, relation_axes, sum_over_neighbors, topologies
from gapjax.nn.torch_weights import Imported, StateDict, join
from gapjax.registry import chosen, number


class GraphConv(nn.Module):
    """The graph convolution of a block (CTR-GCN's unit_gcn).

    Attributes:
        skeleton: the body model.
        order: the names of the axes.
        features: channels out.
    """

    skeleton: Skeleton
    order: str
    features: int

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return relu(norm(Σ_g topology_g · value_g(x)) + residual)."""
        order, channels = self.order, x.shape[self.order.index("c")]
        mixing, relation = Topology(self.skeleton, order, self.features, name="topology")(x)
        axes = relation_axes(order)
        topology = topologies(mixing, relation, order)
        shape = (SUBSETS, self.features)
        kernel = self.param("value", fan_out_normal(self.features), (*shape, channels))
        bias = self.param("value_bias", nn.initializers.zeros, shape)
        value = pointwise(kernel, x, order, "gdc")
        # A bias passes through the contraction over neighbors as one number per joint: the sum
        # of its row of the topology, computed from the smaller relation.
        biased = mixing * bias[..., None]
        sums = relation.sum(axis=axes.index("v"), dtype=jnp.float32)
        joint = order.replace("t", "").replace("c", "d").replace("v", "u")
        offset = jnp.einsum(f"gdr,{axes.replace('v', '')}->{joint}", biased, sums)
        offset = jnp.expand_dims(offset, order.index("t"))
        y = (sum_over_neighbors(topology, value, order) + offset).astype(x.dtype)
        how: dict[str, Any] = {"train": train, "weights": weights}
        y = BatchNorm(order, scale_init=nn.initializers.constant(1e-6), name="norm")(y, **how)
        return relu_with_residual(y, x, order, **how)


class Backbone(nn.Module):
    """The skeleton encoder.

    Attributes:
        skeleton: the body model.
        dtype: of the computation after the first block; all else is float32.
        width: channels of the first stage; they double from stage to stage.
        stages: blocks of each stage; from the second on, each stage halves the frames.
        temporal: `multi_scale` or `single_scale`.
        layout: the order of axes inside, one of `gapjax.nn.axis_order.LAYOUTS`.
        recompute: whether the gradient computes again what is cheap (`gapjax.nn.recompute`).
    """

    skeleton: Skeleton
    dtype: Any = jnp.float32
    width: int = number(64, least=8, most=4096, multiple=8)
    stages: tuple[int, ...] = number((4, 3, 3), least=1, most=100)
    temporal: str = "multi_scale"
    layout: str = "channels_first"
    recompute: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t2 v d"]:
        """Return the features of every person, joint and remaining frame."""
        chosen("backbone.temporal", self.temporal, TEMPORAL)
        order = LAYOUTS[self.layout]
        return encode(
            x,
            plan_blocks(self.width, self.stages),
            partial(GraphConv, self.skeleton, order),
            partial(TEMPORAL[self.temporal], order),
            order=order,
            train=train,
            dtype=self.dtype,
            recompute=self.recompute,
        )


def _graph(state: StateDict, name: str) -> Imported:
    def stack(
        get: Callable[[str], Float[np.ndarray, "..."]], layer: str
    ) -> Float[np.ndarray, "g ..."]:
        """Return one array of a layer for every subset, the subsets first."""
        return np.stack([get(f"{name}.convs.{subset}.{layer}") for subset in range(SUBSETS)])

    topology = {
        "adjacency": state.array(f"{name}.PA"),
        "alpha": state.array(f"{name}.alpha").reshape(()),
        "entry": np.stack([stack(state.kernel, layer) for layer in ("conv1", "conv2")]),
        "entry_bias": np.stack([stack(state.bias, layer) for layer in ("conv1", "conv2")]),
        "kernel": stack(state.kernel, "conv4"),
        "bias": stack(state.bias, "conv4"),
    }
    modules = {"topology": (topology, {}), "norm": state.norm([f"{name}.bn"])}
    params, statistics = join(modules | state.residual(f"{name}.down.0", f"{name}.down.1"))
    value = {"value": stack(state.kernel, "conv3"), "value_bias": stack(state.bias, "conv3")}
    return params | value, statistics


def _temporal(state: StateDict, name: str) -> Imported:
    if f"{name}.conv.weight" in state:
        return state.convolution_over_time(f"{name}.conv", f"{name}.bn")
    return _multi_scale(state, name)


def _multi_scale(state: StateDict, name: str) -> Imported:
    branch = [f"{name}.branches.{number}" for number in range(4)]
    convolutions = [f"{branch[number]}.3" for number in range(2)]
    last = [*(f"{conv}.bn" for conv in convolutions), f"{branch[2]}.4", f"{branch[3]}.1"]
    modules = {
        "entry_norm": state.norm([f"{each}.1" for each in branch[:3]]),
        "norm": state.norm(last),
    }
    params, statistics = join(modules)
    params |= {
        "entry": np.concatenate([state.kernel(f"{each}.0") for each in branch]),
        "entry_bias": np.concatenate([state.bias(f"{each}.0") for each in branch]),
        "kernels": np.stack([state.time_kernel(f"{each}.conv") for each in convolutions]),
        "bias": np.concatenate([state.bias(f"{each}.conv") for each in convolutions]),
    }
    return params, statistics


# The published state dict → the variables of `Backbone`.
from_torch = partial(StateDict.backbone, graph=_graph, temporal=_temporal)
BACKBONE = BackboneSpec(Backbone, from_torch)
