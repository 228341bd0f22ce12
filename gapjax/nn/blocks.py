"""What the published skeleton networks share: blocks of a graph and a temporal module."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from gapjax.nn import rows
from gapjax.nn.axis_order import Ordered, arrange, bodies_in_order, features_of_clips
from gapjax.nn.batch_norm import BatchNorm, RowWeights
from gapjax.nn.layers import relu_with_residual
from gapjax.nn.recompute import recomputed


class BlockPlan(NamedTuple):
    """One block of a published skeleton network.

    Attributes:
        name: `block0`, `block1`, ...
        features: channels out.
        stride: frames from one output to the next.
        residual: whether the block has a residual connection; the first one has none.
    """

    name: str
    features: int
    stride: int
    residual: bool


def plan_blocks(width: int, stages: Sequence[int]) -> Iterator[BlockPlan]:
    """Yield the blocks of a network: channels double, and frames halve, from stage to stage.

    Args:
        width: channels of the first stage.
        stages: how many blocks each stage has.
    """
    number = 0
    for stage, blocks in enumerate(stages):
        for place in range(blocks):
            stride = 2 if stage and not place else 1
            yield BlockPlan(f"block{number}", width * 2**stage, stride, number > 0)
            number += 1


class Block(nn.Module):
    """A graph and a temporal module, with a residual around both.

    Attributes:
        order: the names of the axes.
        plan: the block's sizes.
        graph: makes the graph module, of channels out and a name.
        temporal: makes the temporal module, of a stride and a name.
    """

    order: str
    plan: BlockPlan
    graph: Callable[..., nn.Module]
    temporal: Callable[..., nn.Module]

    @nn.compact
    def __call__(self, x: Ordered, *, train: bool, weights: RowWeights | None = None) -> Ordered:
        """Return relu(temporal(graph(x)) + residual)."""
        order, (_, features, stride, residual) = self.order, self.plan
        how: dict[str, Any] = {"train": train, "weights": weights}
        y = self.graph(features, name="graph")(x, **how)
        y = self.temporal(stride, name="temporal")(y, **how)
        return relu_with_residual(y, x, order, stride, **how) if residual else jax.nn.relu(y)


def encode(
    clips: Float[Array, "b m t v c"],
    plans: Iterable[BlockPlan],
    graph: Callable[..., nn.Module],
    temporal: Callable[..., nn.Module],
    *,
    order: str,
    train: bool,
    dtype: Any,
    recompute: bool = False,
    norm_of: str = "mvc",
) -> Float[Array, "b m t2 v d"]:
    """Return the features of every person, joint and remaining frame.

    It is the whole of a backbone's `__call__`, whose modules it makes: the normalization of the
    input and the blocks. All absent persons of a slot are computed once (`gapjax.nn.rows`).

    Args:
        clips: the input.
        plans: the sizes of the blocks.
        graph: makes the graph module of a block, see `Block`.
        temporal: makes the temporal module of a block.
        order: the names of the axes inside.
        train: whether batch normalization uses the batch's own moments.
        dtype: of the computation after the first block; all else is float32.
        recompute: whether the gradient computes again what is cheap (`gapjax.nn.recompute`).
        norm_of: the axes that have statistics of their own in the normalization of the input.
    """
    kept = rows.rows_of(clips)
    weights = kept.weights if kept else None
    n, persons = order.index("n"), clips.shape[1]
    x = arrange(clips, "bmtvc", "mvcbt")
    x = BatchNorm("mvcbt", norm_of, name="data_norm")(x, train=train)
    x = rows.take(bodies_in_order(x, order), kept, n)
    how: dict[str, Any] = {"train": train, "weights": weights}
    for plan in plans:
        block = Block(order, plan, graph, temporal, name=plan.name)
        x = recomputed(block, x, **how) if recompute else block(x, **how)
        # A first block in bfloat16 costs accuracy (docs/results.md); the others do not.
        x = x.astype(dtype)
    return features_of_clips(rows.spread(x, kept, n), order, persons)
