"""The parts of a run that are timed, each as a call that does the next of its kind."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax

from gapjax.inputs.feed import first_step
from gapjax.inputs.present import fullest
from gapjax.training import evaluation, loop
from gapjax.training.run import Run


class Training:
    """Training steps, one after another.

    Attributes:
        cost: what the compiler says of a step on one device: `flops`, `bytes accessed`.
    """

    def __init__(self, run: Run, text: Any) -> None:
        self._state, self._feed = loop.initial_state(run), run.feed
        self._requests, self._text = requests(run), text
        arguments = (self._state, run.feed.store, next(self._requests), text)
        self._step = loop.make_dispatch(run, self._state).lower(*arguments).compile()
        self.cost = dict(self._step.cost_analysis() or {})

    def __call__(self) -> Any:
        """Train one step; return what it logs."""
        store, request = self._feed.store, next(self._requests)
        self._state, scalars = self._step(self._state, store, request, self._text)
        return scalars


def inference(run: Run, text: Any) -> Callable[[], Any]:
    """Return a call that scores a batch of the training batch's size, with initial weights."""
    state, request = loop.initial_state(run), next(requests(run))
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    predict, text = evaluation.make_predict(run), run.fit(variables, text)
    return lambda: predict(variables, run.feed.store, request, text)


def feeding(run: Run, text: Any) -> Callable[[], Any]:
    """Return a call that takes the next step's items to their frames on the devices."""
    del text
    load = jax.jit(lambda store, request: run.feed.load(store, first_step(request)))
    feed = requests(run)
    return lambda: load(run.feed.store, next(feed))


def requests(run: Run) -> Iterator[Any]:
    """Yield training requests of one step each, of the largest size, without end."""
    steps = run.order.steps_per_epoch
    for epoch in itertools.count():
        batches = run.order.batches(epoch * steps, (epoch + 1) * steps)
        yield from fullest(run.feed).requests(batches, epoch, [1] * steps)
