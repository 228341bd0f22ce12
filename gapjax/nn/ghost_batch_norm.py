"""Batch statistics of each share of a batch, as in PyTorch's DataParallel."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from gapjax.nn import rows


class Replicas(nn.Module):
    """A backbone that is applied to each share of a training batch, as by DataParallel's devices.

    The shares are equal, consecutive parts of the batch. Batch normalization takes its moments
    over a share, and the running statistics are those of the first one, which DataParallel keeps.
    Whatever else the backbone computes over a batch, such as the sign of Shift-GCN's gradients, it
    computes over a share. The number of devices that hold the shares has no effect on any value.

    Attributes:
        backbone: the skeleton encoder, whose variables these are.
        count: how many shares there are.
    """

    backbone: nn.Module
    count: int

    def setup(self) -> None:
        """Name the variables as the backbone does: there are no others."""
        nn.share_scope(self, self.backbone)

    def __call__(self, x: Float[Array, "b m t v c"], *, train: bool) -> Float[Array, "b m t2 v d"]:
        """Return the features of every person, joint and remaining frame."""
        if not train:
            return self.backbone(x, train=False)
        axes = {"params": None, "batch_stats": 0}
        each = nn.vmap(_train, variable_axes=axes, split_rngs={"params": False})
        kept = nn.map_variables(
            each, "batch_stats", trans_in_fn=self._repeat, trans_out_fn=_first, mutable=True
        )
        shares = x.reshape(self.count, -1, *x.shape[1:])
        with rows.in_parts(self.count):
            features = kept(self.backbone, shares)
        return features.reshape(-1, *features.shape[2:])

    def _repeat(self, statistics: dict) -> dict:
        """Return the running statistics once for every share."""
        return jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (self.count, *leaf.shape)), statistics
        )


def _train(backbone: nn.Module, share: Float[Array, "b m t v c"]) -> Float[Array, "b m t2 v d"]:
    """Return the features of a share."""
    return backbone(share, train=True)


def _first(statistics: dict) -> dict:
    """Return the running statistics after the first share."""
    return jax.tree.map(lambda leaf: leaf[0], statistics)
