"""A run that trains in a second: a linear layer on the built-in body, with a training loop's all.

Something can be made to happen to it just before a step, such as a signal.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from data_pipelines.readers.order import TrainOrder
from data_pipelines.storage.index import Index
from gapjax.inputs.feed import ResidentFeed, Store
from gapjax.methods import LossOut, Text, Variables
from gapjax.parallel.sharding import make_layout
from gapjax.training.evaluation import summary
from gapjax.training.run import Cadence, Run

TRAINED, SAMPLES, CLASSES, BATCH, EPOCHS = 24, 32, 3, 4, 3
STEPS_PER_EPOCH = TRAINED // BATCH
CLIP = (1, 5, 4, 3)


@dataclasses.dataclass(frozen=True)
class Linear:
    """The method: a linear layer on all coordinates of a clip, with noise of its own.

    Attributes:
        ballast: how many parameters it has that do nothing.
    """

    ballast: int

    def prepare_text(self) -> Text:
        return {}

    def init(self, rng: jax.Array, clips: jax.Array) -> Variables:
        shape = (clips[0].size, CLASSES)
        ballast = jax.random.normal(rng, (self.ballast,))
        params = {"w": jax.random.normal(rng, shape), "ballast": ballast}
        return {"params": params, "batch_stats": {}}

    def loss(
        self,
        variables: Variables,
        clips: jax.Array,
        labels: jax.Array,
        text: Text,
        keys: jax.Array,
    ) -> LossOut:
        noise = jax.vmap(lambda key: jax.random.normal(key, CLIP))(keys)
        scores = self.predict(variables, clips + 0.1 * noise, text)
        each = optax.softmax_cross_entropy_with_integer_labels(scores, labels)
        return LossOut(each.mean(), {}, {"loss": each.mean(), "worst": each.max()})

    def predict(self, variables: Variables, clips: jax.Array, text: Text) -> jax.Array:
        del text
        return clips.reshape(len(clips), -1) @ variables["params"]["w"]


@dataclasses.dataclass(frozen=True)
class Disturbed:
    """A feed that calls something as it hands over the batch of a step, counted from 0."""

    feed: ResidentFeed
    at: Mapping[int, Callable[[], None]]
    evaluating: Mapping[int, Callable[[], None]]
    evaluations: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    @property
    def store(self) -> Store:
        return self.feed.store

    def load(self, store: Any, request: Any) -> Any:
        return self.feed.load(store, request)

    def requests(self, items: np.ndarray, epoch: int, counts: Sequence[int]) -> Iterator[Any]:
        # Training asks for the rest of an epoch, an evaluation for other samples.
        if (items % SAMPLES >= TRAINED).any():
            self.evaluating.get(next(self.evaluations), _nothing)()
            yield from self.feed.requests(items, epoch, counts)
            return
        step = (epoch + 1) * STEPS_PER_EPOCH - sum(counts)
        for count, request in zip(counts, self.feed.requests(items, epoch, counts), strict=True):
            self.at.get(step, _nothing)()
            step += count
            yield request


def _nothing() -> None:
    pass


def tiny_run(
    at: Mapping[int, Callable[[], None]] | None = None,
    evaluating: Mapping[int, Callable[[], None]] | None = None,
    ballast: int = 1,
    **cadence: int,
) -> Run:
    """Return the run.

    Args:
        at: step → what happens as its batch is handed over.
        evaluating: number of an evaluation, from 1 → what happens as it begins.
        ballast: how many parameters do nothing.
        cadence: how often things happen.
    """
    rng, layout = np.random.default_rng(0), make_layout(1)
    count = np.full(SAMPLES, CLIP[1], np.int32)
    label = rng.integers(0, CLASSES, SAMPLES).astype(np.int32)
    store = Store(
        frames=rng.normal(size=(count.sum(), CLIP[2] * CLIP[3])).astype(np.float32),
        start=(np.cumsum(count) - count).astype(np.int32),
        length=count,
        persons=np.ones(SAMPLES, np.int32),
        label=label,
    )
    feed = ResidentFeed(layout.replicate(store), layout, *CLIP[:3])
    optimizer = optax.sgd(0.1, momentum=0.9)
    return Run(
        method=Linear(ballast),
        train_input=lambda frames, length, keys: frames,
        eval_input=lambda frames, length: frames,
        clip_shape=CLIP,
        optimizer=optimizer,
        schedule=lambda step: jnp.asarray(0.1),
        feed=Disturbed(feed, at or {}, evaluating or {}),
        index=_index(label),
        order=TrainOrder(np.arange(TRAINED), SAMPLES, 1, BATCH, 0),
        evaluations={"test": np.arange(TRAINED, SAMPLES)},
        eval_batch_size=BATCH,
        epochs=EPOCHS,
        seed=3,
        cadence=Cadence(**cadence),
        layout=layout,
        trained_on=("wave", "kick", "bow"),
        summarize=summary,
        facts={"dataset": "tiny"},
    )


def _index(label: np.ndarray) -> Index:
    zeros = np.zeros(SAMPLES, np.int32)
    names = np.array([f"sample{row}" for row in range(SAMPLES)])
    ends = np.full(SAMPLES, "shard"), zeros.astype(np.int64), zeros.astype(np.int64)
    return Index(names, label, zeros, zeros, zeros, zeros + CLIP[1], zeros + 1, *ends)
