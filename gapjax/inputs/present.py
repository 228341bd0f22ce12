"""How many bodies of each step are present, which the host knows before the step.

The number is the shape of what a step computes (`gapjax.nn.rows`), so that it is rounded up to one
of two sizes, each of them one program. Training meets both in its first epoch; a short training and
an evaluation have one.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from data_pipelines.readers.order import TrainOrder
from gapjax.inputs.feed import Batch, Feed
from gapjax.nn.rows import Present, at_most

# A second program has to save this share of the rows.
_WORTHWHILE = 0.05


@functools.partial(jax.tree_util.register_dataclass)
@dataclass(frozen=True)
class Counted:
    """A request of a feed, with how many bodies of its steps are present.

    Attributes:
        request: the request.
        present: the bodies; None to compute every one, as if all were present.
    """

    request: Any
    present: Present | None = field(metadata={"static": True})


def known(request: Any) -> AbstractContextManager:
    """Return the context in which to trace the step of a request."""
    return at_most(request.present if isinstance(request, Counted) else None)


@dataclass(frozen=True, eq=False)
class CountingFeed:
    """A feed of raw frames whose requests are `Counted`.

    Attributes:
        feed: the feed.
        bodies: the number of bodies of each sample of the index.
        persons: the persons of a clip.
        shares: the parts of a batch that are counted by themselves.
        order: the samples of training, by which the sizes are chosen; None for one size, of the
            batches that are asked for.
        epochs: of training.
        one_size: whether all steps of training have one size.
    """

    feed: Feed
    bodies: Int[np.ndarray, " n"]
    persons: int
    shares: int
    order: TrainOrder | None = None
    epochs: int = 1
    one_size: bool = False

    @property
    def store(self) -> Any:
        """Return the arrays of the feed that stay on the devices."""
        return self.feed.store

    def load(self, store: Any, request: Counted) -> Batch:
        """Return the batch of one step's request."""
        return self.feed.load(store, request.request)

    def requests(
        self, items: Int[np.ndarray, "n b"], epoch: int, counts: Sequence[int]
    ) -> Iterator[Counted]:
        """Yield the feed's requests with their numbers of bodies."""
        needed, batch = self._needed(items), items.shape[1]
        sizes = self._training_sizes if self.order else (int(needed.max()),)
        requests, stops = self.feed.requests(items, epoch, counts), np.cumsum(counts)
        for request, stop, count in zip(requests, stops, counts, strict=True):
            most = needed[stop - count : stop].max()
            size = next((size for size in sizes if size >= most), int(most))
            present = Present(batch, self._shares(batch), size)
            yield Counted(request, present if present.saves(self.persons) else None)

    @functools.cached_property
    def _training_sizes(self) -> tuple[int, ...]:
        """Return the sizes of training, which depend on neither its progress nor the hosts."""
        order = self.order
        assert order
        steps = order.steps_per_epoch
        epochs = (order.batches(i * steps, (i + 1) * steps) for i in range(self.epochs))
        first, *others = (self._needed(items) for items in epochs)
        if self.one_size:
            first = first.max(keepdims=True)
        return choose_sizes(first, np.concatenate([first, *others]))

    def _shares(self, batch: int) -> int:
        return math.gcd(self.shares, batch)

    def _needed(self, items: Int[np.ndarray, "n b"]) -> Int[np.ndarray, " n"]:
        """Return the present bodies of that share of each step that has most of them."""
        bodies = np.clip(self.bodies, 1, self.persons)[items % len(self.bodies)]
        return bodies.reshape(len(items), self._shares(items.shape[1]), -1).sum(axis=2).max(axis=1)


def choose_sizes(first: Int[np.ndarray, " n"], all_: Int[np.ndarray, " n2"]) -> tuple[int, ...]:
    """Return one or two sizes to which numbers of bodies are rounded up, the larger one last.

    The larger one is the largest number of all. The smaller one saves most rows in the first epoch,
    where some steps need the larger one, too.

    Args:
        first: the numbers that the steps of the first epoch need.
        all_: those of all epochs.

    >>> choose_sizes(np.array([3, 3, 4, 8]), np.array([3, 3, 4, 8, 9]))
    (4, 9)
    """
    largest = int(all_.max())
    smaller = np.unique(first)[:-1]
    if len(smaller):
        fits = (first[None] <= smaller[:, None]).mean(axis=1)
        mean = smaller * fits + largest * (1 - fits)
        if mean.min() < (1 - _WORTHWHILE) * largest:
            return int(smaller[mean.argmin()]), largest
    return (largest,)


def by_request(feed: Feed) -> Feed:
    """Return a feed whose requests depend on the batches that it is asked for alone."""
    return replace(feed, order=None) if isinstance(feed, CountingFeed) else feed


def fullest(feed: Feed) -> Feed:
    """Return a feed whose training steps all have the size that every step fits into."""
    return replace(feed, one_size=True) if isinstance(feed, CountingFeed) else feed
