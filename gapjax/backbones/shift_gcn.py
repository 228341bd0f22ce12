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
from gapjax.nn.axis_order import LAYOUTS, Ordered, spread
from gapjax.nn.batch_norm import BatchNorm, RowWeights
from gapjax.nn.blocks import encode, plan_blocks
from gapjax.nn.initializers import fan_in_uniform, fan_out_normal
from gapjax.nn.layers import pointwise, relu_with_residual
from gapjax.nn.recompute import keep
from gapjax.nn.shift import GRADIENTS, ROWS, shift_joints, shift_time
from gapjax.nn.torch_weights import Imported, StateDict, join
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
        y = keep(shift_joints(x, 1, order))
        y = (y * spread(jnp.tanh(mask) + 1.0, "cv", order)).astype(x.dtype)
        y = shift_joints(pointwise(linear, y, order), -1, order)
        # The bias is the same for all joints, so that shifting it changes nothing.
        norm = BatchNorm(order, "cv", name="norm")
        y = norm(y, jnp.repeat(bias, joints), train=train, weights=weights)
        return relu_with_residual(y, x, order, train=train, weights=weights)


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
        y = keep(shift_time(y, before, 1, self.gradient, order))
        y = keep(pointwise(kernel, y, order))
        y = jax.nn.relu(y + spread(bias, "c", order)).astype(x.dtype)
        y = shift_time(y, after, self.stride, self.gradient, order)
        return BatchNorm(order, name="norm")(y, **how)


class Backbone(nn.Module):
    """The skeleton encoder.

    Attributes:
        skeleton: the body model, which is unused: the number of joints is that of the input.
        dtype: of the computation after the first block; all else is float32.
        width: channels of the first stage; they double from stage to stage.
        stages: blocks of each stage; from the second on, each stage halves the frames.
        shift_gradient: how temporal shifts learn, `released` (by sign) or `true`.
        layout: the order of axes inside, one of `gapjax.nn.axis_order.LAYOUTS`.
        recompute: whether the gradient computes again what is cheap (`gapjax.nn.recompute`).
    """

    skeleton: Skeleton
    dtype: Any = jnp.float32
    width: int = number(64, least=1, most=4096)
    stages: tuple[int, ...] = number((4, 3, 3), least=1, most=100)
    shift_gradient: str = "released"
    layout: str = "channels_first"
    recompute: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t2 v d"]:
        """Return the features of every person, joint and remaining frame.

        Raises:
            UserError: the rule of the shifts' gradient is not known.
        """
        chosen("backbone.shift_gradient", self.shift_gradient, GRADIENTS)
        # Channels first, joints come next: the rows that a spatial shift moves.
        order = ROWS if self.layout == "channels_first" else LAYOUTS[self.layout]
        return encode(
            x,
            plan_blocks(self.width, self.stages),
            partial(GraphConv, order),
            partial(TemporalShift, order, gradient=self.shift_gradient),
            order=order,
            train=train,
            dtype=self.dtype,
            recompute=self.recompute,
        )


def _graph(state: StateDict, name: str) -> Imported:
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


def _temporal(state: StateDict, name: str) -> Imported:
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

# The published state dict → the variables of `Backbone`.
from_torch = partial(StateDict.backbone, graph=_graph, temporal=_temporal)
BACKBONE = BackboneSpec(Backbone, from_torch, RULES)
