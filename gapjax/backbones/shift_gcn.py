"""Shift-GCN: shifts instead of neighborhoods (Cheng et al., CVPR 2020), as STAR uses it.

Ten blocks of a spatial part (non-local shifts around a 1x1 convolution) and a temporal part
(adaptive shifts around another).

The published weight decay is 1e-4, but 1e-3 for the spatial convolutions and none for the masks
(facts E.3): `optimizer.weight_decay = 1e-4`, and `optimizer.rules` = `RULES`.
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
from gapjax.nn import rows
from gapjax.nn.axis_order import LAYOUTS, Ordered, bodies_in_order, features_of_clips, spread
from gapjax.nn.batch_norm import BatchNorm, RowWeights
from gapjax.nn.initializers import fan_in_uniform, fan_out_normal
from gapjax.nn.layers import Projection, plan_blocks, pointwise
from gapjax.nn.shift import GRADIENTS, ROWS, shift_joints, shift_time
from gapjax.nn.torch_weights import StateDict, join
from gapjax.registry import chosen, number


class GraphConv(nn.Module):
    """The spatial part of a block: shift in, mask, 1x1 convolution, shift out.

    Attributes:
        order: the names of the axes.
        features: channels out.
    """

    order: str
    features: int

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return relu(norm(shift_out(linear · ((tanh(mask) + 1) · shift_in(x)))) + residual)."""
        order = self.order
        channels, joints = (x.shape[order.index(name)] for name in "cv")
        zeros = nn.initializers.zeros
        mask = self.param("mask", zeros, (channels, joints))
        deviation = nn.initializers.normal(self.features**-0.5)
        linear = self.param("linear", deviation, (self.features, channels))
        bias = self.param("linear_bias", zeros, (self.features,))
        y = shift_joints(x, 1, order)
        y = (y * spread(jnp.tanh(mask) + 1.0, "cv", order)).astype(x.dtype)
        y = shift_joints(pointwise(linear, y, order), -1, order)
        # The bias is the same for all joints, so that shifting it changes nothing.
        norm = BatchNorm(order, "cv", name="norm")
        y = norm(y, jnp.repeat(bias, joints), train=train, weights=weights)
        if channels != self.features:
            change = Projection(order, self.features, name="residual")
            x = change(x, train=train, weights=weights)
        return jax.nn.relu(y + x)


class TemporalShift(nn.Module):
    """The temporal part of a block: shift in, 1x1 convolution, shift out to the stride.

    Attributes:
        order: the names of the axes.
        stride: frames from one output to the next.
        gradient: how the positions are trained (`gapjax.nn.shift.GRADIENTS`).
    """

    order: str
    stride: int
    gradient: str

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return norm(shift_out(relu(conv(shift_in(norm(x))))))."""
        order, channels = self.order, x.shape[self.order.index("c")]
        within_a_frame = partial(jax.random.uniform, minval=-1.0, maxval=1.0)
        before = self.param("shift_in", within_a_frame, (channels,))
        after = self.param("shift_out", within_a_frame, (channels,))
        kernel = self.param("kernel", fan_out_normal(channels), (channels, channels))
        bias = self.param("bias", fan_in_uniform(channels), (channels,))
        how: dict[str, Any] = {"train": train, "weights": weights}
        y = BatchNorm(order, name="entry_norm")(x, **how)
        y = pointwise(kernel, shift_time(y, before, 1, self.gradient, order), order)
        y = jax.nn.relu(y + spread(bias, "c", order)).astype(x.dtype)
        y = shift_time(y, after, self.stride, self.gradient, order)
        return BatchNorm(order, name="norm")(y, **how)


class Block(nn.Module):
    """A spatial and a temporal part, with a residual around both.

    Attributes:
        order: the names of the axes.
        features: channels out.
        stride: frames from one output to the next.
        gradient: how the positions of the temporal shifts are trained.
        residual: whether the input is added; the first block's is not.
    """

    order: str
    features: int
    stride: int
    gradient: str
    residual: bool

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return the block's output."""
        order, how = self.order, {"train": train, "weights": weights}
        y = GraphConv(order, self.features, name="graph")(x, **how)
        y = TemporalShift(order, self.stride, self.gradient, name="temporal")(y, **how)
        if self.residual:
            same = x.shape[order.index("c")] == self.features and self.stride == 1
            change = Projection(order, self.features, self.stride, name="residual")
            y = y + (x if same else change(x, **how))
        return jax.nn.relu(y)


class Backbone(nn.Module):
    """The skeleton encoder.

    Attributes:
        skeleton: the body model, which is unused: the number of joints is that of the input.
        dtype: of the computation after the first block; all else is float32.
        width: channels of the first stage; they double from stage to stage.
        stages: blocks of each stage; from the second on, each stage halves the frames.
        shift_gradient: how temporal shifts learn, `released` (by sign) or `true`.
        layout: the order of axes inside, one of `gapjax.nn.axis_order.LAYOUTS`.
    """

    skeleton: Skeleton
    dtype: Any = jnp.float32
    width: int = number(64, least=1, most=4096)
    stages: tuple[int, ...] = number((4, 3, 3), least=1, most=100)
    shift_gradient: str = "released"
    layout: str = "channels_first"

    @nn.compact
    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t2 v d"]:
        """Return the features of every person, joint and remaining frame.

        Raises:
            UserError: the rule of the shifts' gradient is not known.
        """
        chosen("backbone.shift_gradient", self.shift_gradient, GRADIENTS)
        # Channels first, joints come next: the rows that a spatial shift moves.
        order = ROWS if self.layout == "channels_first" else LAYOUTS[self.layout]
        b, m, t, v, c = x.shape
        kept = rows.rows_of(x)
        weights = kept.weights if kept else None
        x = x.transpose(1, 3, 4, 0, 2).reshape(m * v * c, b, t)
        x = BatchNorm("cbt", name="data_norm")(x, train=train)
        x = bodies_in_order(x.reshape(m, v, c, b, t), order)
        x = rows.take(x, kept, order.index("n"))
        for each in plan_blocks(self.width, self.stages):
            sizes = order, each.features, each.stride, self.shift_gradient, each.residual
            # A first block in bfloat16 costs accuracy (docs/results.md); the others do not.
            block = Block(*sizes, name=each.name)
            x = block(x, train=train, weights=weights).astype(self.dtype)
        return features_of_clips(rows.spread(x, kept, order.index("n")), order, m)


def from_torch(state: StateDict, blocks: int = 10) -> dict[str, dict]:
    """Return the variables of `Backbone` from the published Shift-GCN's state dict.

    Args:
        state: the published arrays; blocks are called `l1`, `l2`, ...
        blocks: how many blocks there are.

    Raises:
        UserError: an array is missing.
    """
    return state.backbone(_block, blocks)


def _block(state: StateDict, name: str) -> tuple[dict, dict]:
    graph, temporal = _graph(state, f"{name}.gcn1"), _temporal(state, f"{name}.tcn1")
    residual = state.residual(f"{name}.residual.conv", f"{name}.residual.bn")
    return join({"graph": graph, "temporal": temporal, **residual})


def _graph(state: StateDict, name: str) -> tuple[dict, dict]:
    mask = state.array(f"{name}.Feature_Mask")[0]

    def channels_first(
        flat: dict[str, Float[np.ndarray, " n"]],
    ) -> dict[str, Float[np.ndarray, " n"]]:
        """Return arrays of joints x channels, flat as they were, as channels x joints."""
        return {key: each.reshape(len(mask), -1).T.ravel() for key, each in flat.items()}

    scale, mean = state.norm([f"{name}.bn"])
    modules = {"norm": (channels_first(scale), channels_first(mean))}
    params, statistics = join(modules | state.residual(f"{name}.down.0", f"{name}.down.1"))
    linear = state.array(f"{name}.Linear_weight").T
    bias = state.array(f"{name}.Linear_bias").reshape(-1)
    return {**params, "mask": mask.T, "linear": linear, "linear_bias": bias}, statistics


def _temporal(state: StateDict, name: str) -> tuple[dict, dict]:
    modules = {"entry_norm": state.norm([f"{name}.bn"]), "norm": state.norm([f"{name}.bn2"])}
    params, statistics = join(modules)
    for shift in ("shift_in", "shift_out"):
        params[shift] = state.array(f"{name}.{shift}.ypos")
        # The release also has positions along the joints, which have no effect (facts E.2).
        state.array(f"{name}.{shift}.xpos")
    linear = f"{name}.temporal_linear"
    return {**params, "kernel": state.kernel(linear), "bias": state.bias(linear)}, statistics


# More weight decay for the spatial convolutions, none for the masks (facts E.3).
RULES = (("graph/linear$", 1.0, 1e-3), ("graph/mask$", 1.0, 0.0))

BACKBONE = BackboneSpec(Backbone, from_torch, RULES)
