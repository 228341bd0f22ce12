"""CTR-GCN: channel-wise topology refinement (Chen et al., ICCV 2021), as GAP uses it.

Ten blocks of a graph convolution whose topology is refined for every channel and sample, and a
temporal module.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from data_pipelines.specs.skeletons import Skeleton
from gapjax.backbones import BackboneSpec
from gapjax.backbones._ctr_gcn_weights import from_torch
from gapjax.nn import rows
from gapjax.nn.axis_order import (
    CHANNELS_FIRST,
    LAYOUTS,
    Ordered,
    bodies_in_order,
    features_of_clips,
    spread,
    vector_sum,
)
from gapjax.nn.batch_norm import BatchNorm, RowWeights
from gapjax.nn.graph import SUBSETS, spatial_subsets
from gapjax.nn.initializers import fan_out_normal
from gapjax.nn.layers import Projection, plan_blocks, pointwise
from gapjax.nn.temporal import TEMPORAL
from gapjax.registry import chosen, number


class Topology(nn.Module):
    """The refined topologies of the three subsets (CTR-GCN, Eq. 3-5; docs/facts.md B.1).

    For subset g, channel d and body n, the weight of joint v for joint u is

        A[g, u, v] + α · (Σ_r kernel[g, d, r] · tanh(ψ[g, r, n, u] - φ[g, r, n, v]) + bias[g, d])

    where ψ and φ are 1x1 convolutions of x's mean over time (conv1 and conv2 of the release; the
    kernel and the bias are conv4's). As bias and A are two more relation channels, all of it is
    one product of mixing and relation: Σ_r mixing[g, d, r] · relation[g, r, n, u, v].

    Attributes:
        skeleton: the body model.
        order: the names of the axes.
        features: channels of the topology.
    """

    skeleton: Skeleton
    order: str
    features: int

    @nn.compact
    def __call__(self, x: Ordered) -> tuple[Float[Array, "g d r"], Float[Array, "g _ _ _ _"]]:
        """Return mixing and relation; their product weighs the neighbors v of each joint u.

        The relation's axes are `g` and those of `topology_axes`, with r for the channels.
        """
        channels, zeros = x.shape[self.order.index("c")], nn.initializers.zeros
        relation_channels = 8 if channels <= 9 else channels // 8
        adjacency = self.param("adjacency", lambda _: jnp.asarray(spatial_subsets(self.skeleton)))
        alpha = self.param("alpha", zeros, ())
        psi, phi = self._entry(x.mean(axis=self.order.index("t")), relation_channels)
        kernel_init = fan_out_normal(self.features)
        kernel = self.param("kernel", kernel_init, (SUBSETS, self.features, relation_channels))
        bias = self.param("bias", zeros, (SUBSETS, self.features))
        axes = relation_axes(self.order)
        one = axes.replace("u", "")
        difference = spread(psi, one.replace("v", "u"), axes) - spread(phi, one, axes)
        difference = jnp.tanh(difference)
        place = axes.index("r")
        ones = jnp.ones_like(jax.lax.slice_in_dim(difference, 0, 1, axis=place))
        static = jnp.broadcast_to(spread(adjacency, "guv", axes), ones.shape).astype(x.dtype)
        relation = jnp.concatenate([difference, ones, static], axis=place)
        of_static = jnp.ones_like(bias)[..., None]
        mixing = jnp.concatenate([alpha * kernel, alpha * bias[..., None], of_static], axis=2)
        return mixing.astype(x.dtype), relation

    def _entry(
        self, mean: Float[Array, "_ _ _"], relation_channels: int
    ) -> Float[Array, "2 g _ _ _"]:
        """Return ψ and φ, the 1x1 convolutions of the mean over time, as one product."""
        axes = self.order.replace("t", "")
        shape = (2, SUBSETS, relation_channels)
        init, channels = fan_out_normal(relation_channels), mean.shape[axes.index("c")]
        kernel = self.param("entry", init, (*shape, channels))
        bias = self.param("entry_bias", nn.initializers.zeros, shape)
        entry = pointwise(kernel, mean, axes, "sgdc")
        bias = spread(bias, "sgc", f"sg{axes}")
        return (entry + bias).astype(mean.dtype)


def relation_axes(order: str) -> str:
    """Return the axes of the relation: those of an order, with pairs of joints for the frames.

    >>> relation_axes("cnvt"), relation_axes("vtnc")
    ('grnuv', 'guvnr')
    """
    return "g" + order.replace("vt", "uv").replace("c", "r")


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
        if channels != self.features:
            x = Projection(order, self.features, name="residual")(x, **how)
        return jax.nn.relu(y + x)


def topologies(
    mixing: Float[Array, "g d r"], relation: Float[Array, "g _ _ _ _"], order: str
) -> Float[Array, "g _ _ _ _"]:
    """Return Σ_r mixing[g, d, r] · relation[g, r]."""
    if order == CHANNELS_FIRST:
        flat = mixing @ relation.reshape(*relation.shape[:2], -1)
        return flat.reshape(*mixing.shape[:2], *relation.shape[2:])
    axes = relation_axes(order)
    return jnp.einsum(f"gdr,{axes}->{axes.replace('r', 'd')}", mixing, relation)


def sum_over_neighbors(
    topology: Float[Array, "g _ _ _ _"], value: Float[Array, "g _ _ _ _"], order: str
) -> Ordered:
    """Return Σ_g Σ_v topology[g, u, v] · value[g, v], for every channel and body.

    Where joints and frames come last, these are matrix products; elsewhere they are vector work on
    what comes last.
    """
    if order == CHANNELS_FIRST:
        return (topology @ value).sum(axis=0)
    pairs = relation_axes(order).replace("r", "c")
    return vector_sum(topology, value, (pairs, f"g{order}", order.replace("v", "u")))


class Block(nn.Module):
    """A graph convolution and a temporal module, with a residual around both.

    Attributes:
        skeleton: the body model.
        order: the names of the axes.
        features: channels out.
        stride: frames from one output to the next.
        temporal: the temporal module's name.
        residual: whether the input is added; the first block's is not.
    """

    skeleton: Skeleton
    order: str
    features: int
    stride: int
    temporal: str
    residual: bool

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return the block's output."""
        order, how = self.order, {"train": train, "weights": weights}
        y = GraphConv(self.skeleton, order, self.features, name="graph")(x, **how)
        y = TEMPORAL[self.temporal](order, self.stride, name="temporal")(y, **how)
        if self.residual:
            same = x.shape[order.index("c")] == self.features and self.stride == 1
            change = Projection(order, self.features, self.stride, name="residual")
            y = y + (x if same else change(x, **how))
        return jax.nn.relu(y)


class Backbone(nn.Module):
    """The skeleton encoder.

    Attributes:
        skeleton: the body model.
        dtype: of the computation after the first block; all else is float32.
        width: channels of the first stage; they double from stage to stage.
        stages: blocks of each stage; from the second on, each stage halves the frames.
        temporal: `multi_scale` or `single_scale`.
        layout: the order of axes inside, one of `gapjax.nn.axis_order.LAYOUTS`.
    """

    skeleton: Skeleton
    dtype: Any = jnp.float32
    width: int = number(64, least=8, most=4096, multiple=8)
    stages: tuple[int, ...] = number((4, 3, 3), least=1, most=100)
    temporal: str = "multi_scale"
    layout: str = "channels_first"

    @nn.compact
    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t2 v d"]:
        """Return the features of every person, joint and remaining frame."""
        chosen("backbone.temporal", self.temporal, TEMPORAL)
        order = LAYOUTS[self.layout]
        b, m, t, v, c = x.shape
        kept = rows.rows_of(x)
        weights = kept.weights if kept else None
        x = x.transpose(1, 3, 4, 0, 2).reshape(m * v * c, b, t)
        x = BatchNorm("cbt", name="data_norm")(x, train=train)
        x = bodies_in_order(x.reshape(m, v, c, b, t), order)
        x = rows.take(x, kept, order.index("n"))
        for each in plan_blocks(self.width, self.stages):
            block = Block(
                self.skeleton,
                order,
                each.features,
                each.stride,
                self.temporal,
                each.residual,
                name=each.name,
            )
            # A first block in bfloat16 costs accuracy (docs/results.md); the others do not.
            x = block(x, train=train, weights=weights).astype(self.dtype)
        return features_of_clips(rows.spread(x, kept, order.index("n")), order, m)


BACKBONE = BackboneSpec(Backbone, from_torch)
