"""CTR-baseline: CTR-GCN without refinement, on learned graphs that all channels and samples share.

Ten blocks of a graph convolution and a convolution over five frames: the baseline of Chen et al.
(ICCV 2021, Table 1), and a skeleton encoder of GAP (ICCV 2023, Table 1d).
"""

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
from gapjax.nn.layers import convolve_graph, relu_with_residual
from gapjax.nn.temporal import SingleScale
from gapjax.nn.torch_weights import Imported, StateDict, join
from gapjax.registry import number

# What is added to the length of a row of a topology before it is divided by that.
LEAST_LENGTH = 1e-4


class GraphConv(nn.Module):
    """The graph convolution of a block: a 1x1 convolution for each of three learned topologies.

    Attributes:
        order: the names of the axes.
        features: channels out.
    """

    order: str
    features: int

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return relu(norm(Σ_g Σ_v topology[g, u, v] · kernel[g] · x[v] + bias[g]) + residual).

        A topology is `adjacency`, which starts as the identity, with rows of length 1.
        """
        order, (channels, joints) = self.order, (x.shape[self.order.index(name)] for name in "cv")
        same = jnp.broadcast_to(jnp.eye(joints), (SUBSETS, joints, joints))
        adjacency = self.param("adjacency", lambda _: same)
        shape = (SUBSETS, self.features, channels)
        deviation = (2.0 / (self.features * channels * SUBSETS)) ** 0.5
        kernel = self.param("kernel", nn.initializers.normal(deviation), shape)
        bias = self.param("bias", nn.initializers.zeros, shape[:2])
        length = jnp.linalg.norm(adjacency, axis=2, keepdims=True)
        y = convolve_graph(kernel, adjacency / (length + LEAST_LENGTH), x, order)
        how: dict[str, Any] = {"train": train, "weights": weights}
        norm = BatchNorm(order, scale_init=nn.initializers.constant(1e-6), name="norm")
        return relu_with_residual(norm(y, bias.sum(axis=0), **how), x, order, **how)


class Backbone(nn.Module):
    """The skeleton encoder.

    Attributes:
        skeleton: the body model, which is unused: the number of joints is that of the input.
        dtype: of the computation after the first block; all else is float32.
        width: channels of the first stage; they double from stage to stage.
        stages: blocks of each stage; from the second on, each stage halves the frames.
        layout: the order of axes inside, one of `gapjax.nn.axis_order.LAYOUTS`.
        recompute: whether the gradient computes again what is cheap (`gapjax.nn.recompute`).
    """

    skeleton: Skeleton
    dtype: Any = jnp.float32
    width: int = number(64, least=1, most=4096)
    stages: tuple[int, ...] = number((4, 3, 3), least=1, most=100)
    layout: str = "channels_first"
    recompute: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t2 v d"]:
        """Return the features of every person, joint and remaining frame."""
        order = LAYOUTS[self.layout]
        return encode(
            x,
            plan_blocks(self.width, self.stages),
            partial(GraphConv, order),
            partial(SingleScale, order),
            order=order,
            train=train,
            dtype=self.dtype,
            recompute=self.recompute,
        )


def _graph(state: StateDict, name: str) -> Imported:
    modules = {"norm": state.norm([f"{name}.bn"])}
    params, statistics = join(modules | state.residual(f"{name}.down.0", f"{name}.down.1"))
    layers = [f"{name}.conv_d.{subset}" for subset in range(SUBSETS)]
    params["adjacency"] = state.array(f"{name}.PA").transpose(0, 2, 1)
    params["kernel"] = np.stack([state.kernel(layer) for layer in layers])
    params["bias"] = np.stack([state.bias(layer) for layer in layers])
    return params, statistics


def _temporal(state: StateDict, name: str) -> Imported:
    return state.convolution_over_time(f"{name}.conv", f"{name}.bn")


# The published state dict → the variables of `Backbone`.
from_torch = partial(StateDict.backbone, graph=_graph, temporal=_temporal)
BACKBONE = BackboneSpec(Backbone, from_torch)
