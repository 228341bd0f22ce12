"""Speed of a config: `python -m gapjax.bench --config=configs/gap_ucla.py [--steps=20]`.

Prints a table and a line of JSON. Rates are medians over steps, without the compilation. The feed
is timed alone, until the frames are on the devices; in training it overlaps with other work. Where
training has steps of two sizes (`gapjax.inputs.present`), the larger is timed.
"""

import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from gapjax.experiment import build, command_line
from gapjax.experiment.stages import stages
from gapjax.inputs.feed import first_step
from gapjax.inputs.present import fullest
from gapjax.training import evaluation, loop
from gapjax.training.run import Run

# The feed is fast and its times vary, so that it is timed over at least so many steps.
_FEED_STEPS = 50

_STEPS = flags.DEFINE_integer("steps", 20, "How many steps to time.", lower_bound=1)


def seconds(call: Callable[[], Any]) -> float:
    """Return how long a call takes until its results are ready."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def requests(run: Run) -> Iterator[Any]:
    """Yield training requests of one step each, without end."""
    steps = run.order.steps_per_epoch
    for epoch in itertools.count():
        batches = run.order.batches(epoch * steps, (epoch + 1) * steps)
        yield from fullest(run.feed).requests(batches, epoch, [1] * steps)


def time_feed(run: Run, steps: int) -> float:
    """Return the median seconds from a step's items to its frames on the devices."""
    load = jax.jit(lambda store, one: run.feed.load(store, first_step(one)))
    feed = requests(run)
    times = [seconds(lambda: load(run.feed.store, next(feed))) for _ in range(steps + 1)]
    return statistics.median(times[1:])


def time_training(run: Run, text: Any, steps: int) -> tuple[float, dict[str, float]]:
    """Return the median seconds of a training step, and the compiler's cost analysis of it."""
    state, request = loop.initial_state(run), next(requests(run))
    dispatch = loop.make_dispatch(run, state).lower(state, run.feed.store, request, text).compile()
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        state, scalars = dispatch(state, run.feed.store, request, text)
        jax.block_until_ready(scalars)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]), dict(dispatch.cost_analysis())


def time_inference(run: Run, text: Any, steps: int) -> float:
    """Return the median seconds of scoring a batch of the training batch's size."""
    state, request = loop.initial_state(run), next(requests(run))
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    predict, text = evaluation.make_predict(run), run.fit(variables, text)
    times = [
        seconds(lambda: predict(variables, run.feed.store, request, text)) for _ in range(steps + 1)
    ]
    return statistics.median(times[1:])


def measure(run: Run, steps: int) -> dict[str, float | str]:
    """Return the figures of a run, by name and unit."""
    text = run.layout.replicate(run.method.prepare_text())
    batch = run.order.batch_size
    feed_seconds = time_feed(run, max(steps, _FEED_STEPS))
    train_seconds, cost = time_training(run, text, steps)
    # The cost analysis is of one device and its part of the batch.
    local_batch = batch / run.layout.mesh.size
    return {
        "device": f"{jax.devices()[0].device_kind} x {run.layout.mesh.size}",
        "batch": batch,
        "train_samples_per_sec": batch / train_seconds,
        "train_step_ms": 1e3 * train_seconds,
        "inference_samples_per_sec": batch / time_inference(run, text, steps),
        "feed_samples_per_sec": batch / feed_seconds,
        "feed_share_of_step": feed_seconds / train_seconds,
        "train_gflop_per_sample": cost.get("flops", float("nan")) / local_batch / 1e9,
        "train_mb_moved_per_sample": cost.get("bytes accessed", float("nan")) / local_batch / 1e6,
    }


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    del argv
    *_, stage = stages(command_line.plan(), Path())
    figures = measure(build.build(stage.plan), _STEPS.value)
    for name, value in figures.items():
        shown = f"{value:,.3f}" if isinstance(value, float) else value
        print(f"{name:28s} {shown}")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    command_line.run(main)
