"""CTR-GCN's topologies: a graph for each channel and sample, and the sum over neighbors in it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from data_pipelines.specs.skeletons import Skeleton
from gapjax.nn.axis_order import CHANNELS_FIRST, Ordered, spread, vector_sum
from gapjax.nn.graph import SUBSETS, spatial_subsets
from gapjax.nn.initializers import fan_out_normal
from gapjax.nn.layers import pointwise
from gapjax.nn.recompute import keep


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
        return keep((entry + bias).astype(mean.dtype))


def relation_axes(order: str) -> str:
    """Return the axes of the relation: those of an order, with pairs of joints for the frames.

    >>> relation_axes("cnvt"), relation_axes("vtnc")
    ('grnuv', 'guvnr')
    """
    return "g" + order.replace("vt", "uv").replace("c", "r")


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
