"""Absent persons once: the rows that a backbone's blocks compute in place of all bodies.

All absent bodies of a slot are the same numbers: zeros, then what the data normalization makes of
them. A body meets others only in the moments of batch normalization. So the present bodies and one
absent body of each slot, with its number as weight, give the losses, gradients and statistics of
all bodies. How many are present is a shape: the host says it, within `at_most`.

Rows are taken within equal, consecutive shares of the batch, so that no device needs another's.
"""

import contextlib
import contextvars
import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from gapjax.nn.batch_norm import RowWeights


class Present(NamedTuple):
    """How many bodies of a batch are present at most.

    Attributes:
        clips: the clips of the batch; in a batch of another size every body is computed.
        shares: the equal, consecutive parts that the batch is counted in.
        most: the present bodies of a part; the first person of a clip always counts as present.
    """

    clips: int
    shares: int
    most: int

    def saves(self, persons: int) -> bool:
        """Return whether there are fewer rows than bodies, where clips have so many persons."""
        return self.most + persons - 1 < self.clips // self.shares * persons


_PRESENT: contextvars.ContextVar[Present | None] = contextvars.ContextVar("present", default=None)


@contextlib.contextmanager
def at_most(present: Present | None) -> Iterator[None]:
    """Let backbones that are traced within compute absent persons once; None for every one."""
    token = _PRESENT.set(present)
    try:
        yield
    finally:
        _PRESENT.reset(token)


@contextlib.contextmanager
def in_parts(count: int) -> Iterator[None]:
    """Let backbones that are traced within see one of `count` parts of the batch."""
    present = _PRESENT.get()
    if present:
        clips, shares, most = present
        present = Present(clips // count, shares // count, most)
    with at_most(present):
        yield


class Rows(NamedTuple):
    """The rows of a batch: present bodies first, then one absent body of each slot but the first.

    Attributes:
        body: the body that each row shows, within its share.
        row: the row that shows each body.
        weight: the number of bodies that each row stands for; zero for rows that fill up.
        absent: which bodies are absent.
    """

    body: Int[Array, "s r"]
    row: Int[Array, "s n"]
    weight: Float[Array, "s r"]
    absent: Bool[Array, "s b m"]

    @property
    def weights(self) -> RowWeights:
        """Return the weights of the rows in batch normalization."""
        return RowWeights(self.weight, self.row.size)


def rows_of(clips: Float[Array, "b m t v c"]) -> Rows | None:
    """Return the rows of a batch of clips; None if all bodies are computed.

    A person who is zero everywhere is absent, unless it is the first one of a clip.
    """
    present, (batch, persons) = _PRESENT.get(), clips.shape[:2]
    if present is None or present.clips != batch or not present.saves(persons):
        return None
    absent = (clips == 0).all(axis=(2, 3, 4)).at[:, 0].set(False)
    shares = absent.reshape(present.shares, -1, persons)
    return jax.vmap(lambda share: _rows(share, present.most))(shares)


def _rows(absent: Bool[Array, "b m"], most: int) -> Rows:
    """Return the rows of one share, without the axis of shares."""
    persons, flat = absent.shape[1], absent.ravel()
    shown = jnp.argsort(flat, stable=True)[:most]
    of_slots = absent[:, 1:].argmax(axis=0) * persons + jnp.arange(1, persons)
    place = jnp.cumsum(~flat).reshape(absent.shape) - 1
    # Bodies beyond those that were said have no row, and features that are not numbers.
    place = jnp.where(place < most, place, most + persons)
    row = jnp.where(absent, most - 1 + jnp.arange(persons)[None], place).ravel()
    filled = (jnp.arange(most) < (~flat).sum()).astype(jnp.float32)
    weight = jnp.concatenate([filled, absent[:, 1:].sum(axis=0, dtype=jnp.float32)])
    return Rows(jnp.concatenate([shown, of_slots]), row, weight, absent)


def take(bodies: Shaped[Array, "..."], rows: Rows | None, axis: int) -> Shaped[Array, "..."]:
    """Return the rows of an array of all bodies along an axis."""
    return bodies if rows is None else _take(bodies, rows.body, axis)


def spread(features: Shaped[Array, "..."], rows: Rows | None, axis: int) -> Shaped[Array, "..."]:
    """Return an array of all bodies from the one of their rows along an axis."""
    return features if rows is None else _spread(features, rows, axis)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _spread(features: Shaped[Array, "..."], rows: Rows, axis: int) -> Shaped[Array, "..."]:
    return _take(features, rows.row, axis)


def _spread_backward(
    axis: int, rows: Rows, cotangent: Shaped[Array, "..."]
) -> tuple[Shaped[Array, "..."], None]:
    """Return the sum of the cotangents of each row's bodies.

    The derived rule would add them up one after another, in the precision of the features.
    """
    shares, _, persons = rows.absent.shape
    slots = persons - 1
    outer, inner = cotangent.shape[:axis], cotangent.shape[axis + 1 :]
    present = _take(cotangent, rows.body[:, : rows.body.shape[1] - slots], axis)
    of_rows = rows.weight[:, : rows.body.shape[1] - slots].reshape(-1, *(1,) * len(inner))
    present = jnp.where(_leading(of_rows > 0, axis), present, 0)
    bodies = cotangent.reshape(*outer, *rows.absent.shape, *inner)
    absent = _leading(rows.absent.reshape(*rows.absent.shape, *(1,) * len(inner)), axis)
    sums = jnp.where(absent, bodies, 0).sum(axis=axis + 1, dtype=jnp.float32)
    sums = jax.lax.slice_in_dim(sums, 1, persons, axis=axis + 1).astype(cotangent.dtype)
    both = [present.reshape(*outer, shares, -1, *inner), sums]
    return jnp.concatenate(both, axis=axis + 1).reshape(*outer, -1, *inner), None


_spread.defvjp(
    lambda features, rows, axis: (_take(features, rows.row, axis), rows), _spread_backward
)


def _leading(x: Shaped[Array, "..."], count: int) -> Shaped[Array, "..."]:
    """Return an array with `count` axes of length 1 before its own."""
    return x.reshape((1,) * count + x.shape)


def _take(x: Shaped[Array, "..."], index: Int[Array, "s n"], axis: int) -> Shaped[Array, "..."]:
    """Return x at indices within each share of an axis; nan where there is none."""
    shares = x.reshape(*x.shape[:axis], len(index), -1, *x.shape[axis + 1 :])
    taken = jax.vmap(lambda share, i: jnp.take(share, i, axis, mode="fill"), (axis, 0), axis)
    return taken(shares, index).reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])
