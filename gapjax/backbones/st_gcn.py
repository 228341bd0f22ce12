"""ST-GCN: convolutions over the graph of the body and over time (Yan et al., AAAI 2018).

Ten blocks of a graph convolution whose edges have learned weights, and a convolution over nine
frames.

Its own recipe: learning rate 0.1, milestones 10 and 50 of 80 epochs, batch 64, weight decay 1e-4,
and dropout, which is left out here (docs/fidelity.md).
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from data_pipelines.specs.skeletons import Skeleton
from gapjax.backbones import BackboneSpec
from gapjax.nn.axis_order import LAYOUTS, Ordered, spread
from gapjax.nn.batch_norm import BatchNorm, RowWeights
from gapjax.nn.blocks import encode, plan_blocks
from gapjax.nn.graph import SUBSETS, normalized_subsets
from gapjax.nn.initializers import around_one
from gapjax.nn.layers import convolve_graph, convolve_time
from gapjax.nn.torch_weights import Imported, StateDict, join
from gapjax.registry import chosen, number

KERNEL = 9

# How far joints are told apart, in bones from the root: in the release, up to two.
DISTANCES = {"released": 2, "paper": None}

# The published initial values of kernels and of the scales of normalizations.
_kernel_init = nn.initializers.normal(0.02)
_scale_init = around_one(0.02)


class GraphConv(nn.Module):
    """The graph convolution of a block: a 1x1 convolution for each subset of the neighbors.

    Attributes:
        topology: the weight of each joint v for a joint u, in each subset.
        order: the names of the axes.
        features: channels out.
    """

    topology: Float[np.ndarray, "g u v"]
    order: str
    features: int

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return Σ_g Σ_v importance[g, u, v] · topology[g, u, v] · (kernel[g] · x[v] + bias[g])."""
        del train, weights
        order, shape = self.order, (SUBSETS, self.features)
        importance = self.param("importance", nn.initializers.ones, self.topology.shape)
        topology = importance * self.topology
        kernel = self.param("kernel", _kernel_init, (*shape, x.shape[order.index("c")]))
        bias = self.param("bias", nn.initializers.zeros, shape)
        offset = jnp.einsum("gd,guv->du", bias, topology)
        y = convolve_graph(kernel, topology, x, order)
        return (y + spread(offset, "cv", order)).astype(x.dtype)


class TemporalConv(nn.Module):
    """The temporal module of a block: a convolution between two normalizations.

    Attributes:
        order: the names of the axes.
        stride: frames from one output to the next.
    """

    order: str
    stride: int

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return norm(conv(relu(norm(x))))."""
        order, channels = self.order, x.shape[self.order.index("c")]
        norm = partial(BatchNorm, order, scale_init=_scale_init)
        how: dict[str, Any] = {"train": train, "weights": weights}
        kernel = self.param("kernel", _kernel_init, (channels, channels, KERNEL))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        y = jax.nn.relu(norm(name="entry_norm")(x, **how))
        y = convolve_time(kernel, y, order, self.stride, 1)
        return norm(name="norm")(y, bias, **how)


class Backbone(nn.Module):
    """The skeleton encoder.

    Attributes:
        skeleton: the body model.
        dtype: of the computation after the first block; all else is float32.
        width: channels of the first stage; they double from stage to stage.
        stages: blocks of each stage; from the second on, each stage halves the frames.
        distances: by what neighbors are nearer to the body's root: `released`, by distances up to
            two bones, or `paper`, by all of them.
        layout: the order of axes inside, one of `gapjax.nn.axis_order.LAYOUTS`.
        recompute: whether the gradient computes again what is cheap (`gapjax.nn.recompute`).
    """

    skeleton: Skeleton
    dtype: Any = jnp.float32
    width: int = number(64, least=1, most=4096)
    stages: tuple[int, ...] = number((4, 3, 3), least=1, most=100)
    distances: str = "released"
    layout: str = "channels_first"
    recompute: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t2 v d"]:
        """Return the features of every person, joint and remaining frame.

        Raises:
            UserError: the rule of distances is not known.
        """
        order = LAYOUTS[self.layout]
        chosen("backbone.distances", self.distances, DISTANCES)
        subsets = normalized_subsets(self.skeleton, DISTANCES[self.distances])
        return encode(
            x,
            plan_blocks(self.width, self.stages),
            partial(GraphConv, subsets, order),
            partial(TemporalConv, order),
            order=order,
            train=train,
            dtype=self.dtype,
            recompute=self.recompute,
            norm_of="vc",
        )


def from_torch(state: StateDict) -> dict[str, dict]:
    """Return the variables of `Backbone` from the published ST-GCN's state dict.

    Args:
        state: the published arrays.

    Raises:
        UserError: an array is missing.
    """
    if "A" in state:
        # The fixed adjacency, which follows from the skeleton.
        state.array("A")
    return state.network(partial(_block, state))


def _block(state: StateDict, number: int) -> Imported:
    name = f"st_gcn_networks.{number}"
    kernel, bias = state.kernel(f"{name}.gcn.conv"), state.bias(f"{name}.gcn.conv")
    graph = {
        "importance": state.array(f"edge_importance.{number}").transpose(0, 2, 1),
        "kernel": kernel.reshape(SUBSETS, -1, kernel.shape[1]),
        "bias": bias.reshape(SUBSETS, -1),
    }
    params, statistics = state.convolution_over_time(f"{name}.tcn.2", f"{name}.tcn.3")
    entry, entry_statistics = join({"entry_norm": state.norm([f"{name}.tcn.0"])})
    temporal = (params | entry, statistics | entry_statistics)
    residual = state.residual(f"{name}.residual.0", f"{name}.residual.1")
    return join({"graph": (graph, {}), "temporal": temporal, **residual})


BACKBONE = BackboneSpec(Backbone, from_torch)
