"""The bodies of each step, against slow counting; two programs at most, both in the first epoch."""

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from configs import gap_ntu60
from data_pipelines.readers.order import TrainOrder, eval_batches
from gapjax.benchmarks import parts, timing
from gapjax.experiment import abstract
from gapjax.experiment.abstract import Size
from gapjax.experiment.config_dict import plan_of
from gapjax.inputs.present import Counted, CountingFeed, by_request
from gapjax.parallel.sharding import shape_layout
from gapjax.training import evaluation, feature_cache, loop
from gapjax.training.frozen_encoder import Encoder
from gapjax.training.run import Run
from support import tiny_run

pytestmark = pytest.mark.slow

SAMPLES, BATCH, EPOCHS = 120, 12, 4


class Numbers:
    """A feed whose requests are their numbers of steps."""

    store = None

    def load(self, store: None, request: Any) -> Any:
        return request

    def requests(self, items: np.ndarray, epoch: int, counts: Sequence[int]) -> Iterator[int]:
        yield from counts


def feed(persons: int, shares: int, **more: Any) -> CountingFeed:
    """Return a feed of samples with one body, of which some have more, one more than fit."""
    bodies = np.random.default_rng(0).choice([1, persons, persons + 1], SAMPLES, p=[0.8, 0.1, 0.1])
    order = TrainOrder(np.arange(10, SAMPLES), SAMPLES, 2, BATCH, seed=1)
    return CountingFeed(Numbers(), bodies, persons, shares, order, EPOCHS, **more)


def slow_need(counting: CountingFeed, batch: np.ndarray, shares: int) -> int:
    """Return the bodies of the fullest share of a batch."""
    rows = [int(item) % SAMPLES for item in batch]
    present = [min(int(counting.bodies[row]), counting.persons) for row in rows]
    size = len(rows) // shares
    return max(sum(present[i * size : (i + 1) * size]) for i in range(shares))


def of_epoch(counting: CountingFeed, epoch: int, counts: Sequence[int] = ()) -> list[Counted]:
    steps = counting.order.steps_per_epoch
    items = counting.order.batches(epoch * steps, (epoch + 1) * steps)
    return list(counting.requests(items, epoch, counts or [1] * steps))


@pytest.mark.parametrize(("persons", "shares"), [(2, 1), (2, 4), (15, 1), (15, 3)])
def test_sizes_hold_all_bodies_and_the_first_epoch_has_them_all(persons: int, shares: int) -> None:
    counting = feed(persons, shares)
    steps = counting.order.steps_per_epoch
    sizes = []
    for epoch in range(EPOCHS):
        sizes.append(set())
        for step, counted in enumerate(of_epoch(counting, epoch)):
            need = slow_need(counting, counting.order.batch(epoch * steps + step), shares)
            all_bodies = BATCH // shares * persons
            most = counted.present.most if counted.present else all_bodies
            assert need <= most
            assert (most + persons - 1 < all_bodies) == (counted.present is not None)
            sizes[-1].add(most)
    assert len(sizes[0]) <= 2
    assert set.union(*sizes) == sizes[0]


def test_a_resumed_epoch_has_the_sizes_of_a_whole_one() -> None:
    counting = feed(2, 1)
    steps = counting.order.steps_per_epoch
    rest = list(counting.requests(counting.order.batches(3, steps), 0, [1] * (steps - 3)))
    assert rest == of_epoch(counting, 0)[3:]


def test_dispatches_of_several_steps_have_one_size() -> None:
    counting = feed(2, 1, one_size=True)
    steps = counting.order.steps_per_epoch
    counts = [4] * (steps // 4) + [steps % 4] * (steps % 4 > 0)
    found = {each.present for epoch in range(EPOCHS) for each in of_epoch(counting, epoch, counts)}
    assert len(found) == 1


def test_an_evaluation_counts_its_own_batches() -> None:
    """Whatever training needs, also of another batch size that its shares do not divide."""
    counting = by_request(feed(2, 4))
    lonely = np.flatnonzero(counting.bodies == 1)[:10]
    batches, _ = eval_batches(lonely, 10)
    (counted,) = counting.requests(batches, 0, [1])
    assert counted.present == (10, 2, 10 // math.gcd(4, 10))


def test_no_program_is_new_after_the_first_epoch(tmp_path: Path) -> None:
    """Of training and evaluation, while the bodies of the steps vary."""
    at_end_of_first: list[str] = []
    with timing.compilations() as compiled:
        begun = {tiny_run.STEPS_PER_EPOCH: lambda: at_end_of_first.extend(compiled)}
        run = tiny_run.tiny_run(at=begun)
        bodies = np.random.default_rng(2).choice([1, 2], tiny_run.SAMPLES, p=[0.8, 0.2])
        counting = CountingFeed(run.feed, bodies, 2, 1, run.order, run.epochs)
        sizes = {each.present for each in of_epoch(counting, 0)}
        loop.train(dataclasses.replace(run, feed=counting), tmp_path)
    assert len(sizes) == 2
    assert len(at_end_of_first) > 2
    assert compiled[len(at_end_of_first) :] == []


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    """Return a run on shapes, with 1.2 persons a sample, and one that computes each of them."""
    config = gap_ntu60.get_config("no_text")
    config.data.dir, config.backbone.width, config.backbone.stages = "/nowhere", 8, (1,)
    layout = shape_layout(jax.devices()[:2])

    def build(how: str) -> Run:
        config.train.absent_persons = how
        return abstract.build(plan_of(config), layout, Size(bodies=1.2))

    return {how: build(how) for how in ("once", "each")}


@pytest.mark.slow
@pytest.mark.parametrize("what", ["training", "evaluation", "features"])
def test_what_a_run_is_spared(runs: dict[str, Run], what: str) -> None:
    """Of 2 bodies, about 1.2 and one absent one of 32 clips are left, and what is of clips."""
    flops = {how: lowered(run, what).cost_analysis()["flops"] for how, run in runs.items()}
    assert 0.6 < flops["once"] / flops["each"] < 0.75


def lowered(run: Run, what: str) -> jax.stages.Lowered:
    state, request = loop.state_shapes(run), next(iter(parts.requests(run)))
    if what == "training":
        return loop.make_dispatch(run, state).lower(state, run.feed.store, request, {})
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    if what == "evaluation":
        return evaluation.make_predict(run).lower(variables, run.feed.store, request, {})
    network = run.method.network.backbone
    inner = {name: each["backbone"] for name, each in variables.items()}
    source = feature_cache.Source(
        Encoder(network, inner), run.train_input, run.eval_input, "", "", "", 0, run.layout
    )
    encode = functools.partial(feature_cache._encode_batch, source, run.feed)
    return jax.jit(encode).lower(inner, run.feed.store, request, 0)
