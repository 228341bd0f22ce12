"""The training loop. It knows no paper: everything reaches it as a `Run`."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from data_pipelines.errors import Preempted, UserError
from gapjax.methods import Text
from gapjax.parallel import agreement
from gapjax.parallel.preemption import Watch, notice
from gapjax.parallel.sharding import placed_shapes
from gapjax.training import evaluation
from gapjax.training.report import report, write_results
from gapjax.training.run import Run
from gapjax.training.step import TrainState, create_state, make_train_step
from gapjax.training.step_metrics import Meter
from gapjax.workdir.checkpoints import Checkpoints, newest_step
from gapjax.workdir.history import has_results
from gapjax.workdir.integrity import Logged
from gapjax.workdir.log import Logbook
from gapjax.workdir.scores import Scores, scores_path

Dispatch = Callable[[TrainState, Any, Any, Text], tuple[TrainState, dict[str, Float[Array, " n"]]]]


def make_dispatch(run: Run, state: TrainState) -> Dispatch:
    """Return the jitted function that runs the steps of one request.

    Its arguments are the state (donated), the feed's store, the request and the text; it returns
    the new state and what each step logged.

    Args:
        run: what to train.
        state: a state, or its shapes, of which every array lies where it will stay.
    """
    step = make_train_step(run.method, run.optimizer, run.train_input)

    def dispatch(
        state: TrainState, store: Any, request: Any, text: Text
    ) -> tuple[TrainState, dict[str, Float[Array, " n"]]]:
        """Return the state after the n steps of a request, and what each of them logged."""

        def one(state: TrainState, each: Any) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
            """Return the state after a step, and what it logged."""
            with run.layout.context():
                return step(state, run.feed.load(store, each), text)

        if len(jax.tree.leaves(request)[0]) > 1:
            return jax.lax.scan(one, state, request)
        # XLA runs the body of a loop on the CPU several times slower than the same program alone.
        state, scalars = one(state, jax.tree.map(lambda leaf: leaf[0], request))
        return state, jax.tree.map(lambda leaf: leaf[None], scalars)

    places = jax.tree.map(lambda leaf: leaf.sharding, state)
    return jax.jit(dispatch, donate_argnums=0, out_shardings=(places, run.layout.replicated))


def chunk_sizes(run: Run, first: int) -> list[int]:
    """Return how many steps each dispatch runs from `first` to the end of its epoch.

    Where dispatches end depends on the step alone, so that a resumed run repeats them exactly.
    """
    cadence, sizes = run.cadence, []
    epoch_start = first - first % run.order.steps_per_epoch
    epoch_end = epoch_start + run.order.steps_per_epoch
    while first < epoch_end:
        stops = [epoch_end, _next(first, cadence.steps_per_dispatch, epoch_start)]
        stops += [_next(first, n, 0) for n in (cadence.log_every, cadence.checkpoint_every) if n]
        sizes.append(min(stops) - first)
        first = min(stops)
    return sizes


def _next(step: int, every: int, start: int) -> int:
    """Return the first step after `step` that lies a multiple of `every` after `start`."""
    return start + ((step - start) // every + 1) * every


def is_due(run: Run, step: int, every: int) -> bool:
    """Return whether what happens every so many steps (0: every epoch) happens at `step`."""
    return step == run.steps or step % (every or run.order.steps_per_epoch) == 0


def initial_state(run: Run) -> TrainState:
    """Return the state before the first step, on the devices of the run."""
    fresh = _fresh(run)
    return run.layout.put(fresh, run.layout.places(fresh, fresh.params))


def _fresh(run: Run) -> TrainState:
    clips = jnp.zeros((1, *run.clip_shape))
    return create_state(run.method, run.optimizer, clips, run.seed)


def state_shapes(run: Run) -> TrainState:
    """Return the state's arrays as their shapes alone, with their places.

    Raises:
        UserError: a rule of the layout splits no parameter, or one that cannot be split.
    """
    shapes = jax.eval_shape(lambda: _fresh(run))
    return placed_shapes(shapes, run.layout.places(shapes, shapes.params))


def resume(run: Run, checkpoints: Checkpoints) -> tuple[TrainState, Logged]:
    """Return the state to train from, and what it had logged since the last line of metrics."""
    checkpoint = checkpoints.restore(state_shapes(run))
    return (checkpoint.state, checkpoint.logged) if checkpoint else (initial_state(run), {})


def train_epoch(
    run: Run,
    dispatch: Dispatch,
    state: TrainState,
    text: Text,
    log: Logbook,
    meter: Meter,
    save: Callable[[TrainState], None],
    stop: Callable[[], bool],
) -> TrainState:
    """Return the state at the end of the epoch that `state` is in, logging and saving on the way.

    Args:
        run: what to train.
        dispatch: `make_dispatch`.
        state: the state to go on from.
        text: the method's text.
        log: where metrics are written.
        meter: what the steps since the last line of the log logged.
        save: saves a checkpoint.
        stop: says between dispatches whether to return where the epoch is.

    Raises:
        FloatingPointError: a loss is not finite; no checkpoint is written after that.
    """
    step = int(state.step)
    epoch, offset = divmod(step, run.order.steps_per_epoch)
    meter.restart_clock()
    sizes = chunk_sizes(run, step)
    items = run.order.batches(step, step - offset + run.order.steps_per_epoch)
    requests = meter.watch(run.feed.requests(items, epoch, sizes))
    for size, request in zip(sizes, requests, strict=True):
        if stop():
            break
        state, scalars = dispatch(state, run.feed.store, request, text)
        step += size
        meter.add(step, scalars)
        log.advance(step, {"epoch": epoch + 1})
        if is_due(run, step, run.cadence.log_every):
            rate = float(run.schedule(step - 1))
            log.write(step, epoch + 1, {**meter.means(), "train/learning_rate": rate})
        if is_due(run, step, run.cadence.checkpoint_every):
            save(state)
    meter.settle()
    return state


def train(run: Run, workdir: Path) -> dict[str, Scores]:
    """Train to the end, going on where an earlier call stopped; return the last scores.

    Args:
        run: what to train.
        workdir: where checkpoints, metrics and scores are written.

    Raises:
        FloatingPointError: a loss is not finite.
        Preempted: this process was told to stop, and what it had trained is saved.
    """
    checkpoints = Checkpoints(workdir, run.trained_on)
    state, logged = resume(run, checkpoints)
    text = run.layout.replicate(run.method.prepare_text())
    log = Logbook(workdir, int(state.step), run.steps)
    meter, watch = Meter(run.order.batch_size, logged), Watch(run.layout)
    dispatch, predict = make_dispatch(run, state), evaluation.make_predict(run)

    def save(state: TrainState) -> None:
        """Save a checkpoint with what is not logged yet."""
        checkpoints.save(int(state.step), state, meter.collected())

    with contextlib.closing(checkpoints), contextlib.closing(log):
        try:
            while True:
                step = int(state.step)
                if is_evaluated(run, step):
                    results = evaluation.evaluate(run, predict, state, text, watch.check)
                    write_results(run, log, step, results)
                if step == run.steps:
                    break
                state = train_epoch(run, dispatch, state, text, log, meter, save, watch.stop)
                watch.check()
        except Preempted:
            save(state)
            raise notice(f"step {int(state.step)} of {run.steps} is saved") from None
    evaluation.save(workdir, results)
    report(run, results)
    return results


def is_evaluated(run: Run, step: int) -> bool:
    """Return whether a step ends an epoch after which the state is evaluated."""
    epoch, offset = divmod(step, run.order.steps_per_epoch)
    if offset or not epoch:
        return False
    return epoch % run.cadence.evaluate_every == 0 or epoch == run.epochs


def is_finished(workdir: Path, steps: int, epochs: int) -> bool:
    """Return whether a working directory has the end of a run of so many steps, with its scores.

    Several processes ask together: to read a checkpoint is a meeting of them all.
    """
    scored = scores_path(workdir, "test").is_file() and has_results(workdir, epochs, steps)
    return agreement.on_first_host(scored) and agreement.on_first_host(
        newest_step(workdir) == steps
    )


def evaluate_only(run: Run, workdir: Path) -> dict[str, Scores]:
    """Return the scores of the newest checkpoint, and write them.

    Raises:
        UserError: there is no checkpoint.
        Preempted: this process was told to stop.
    """
    checkpoints = Checkpoints(workdir, read_only=True)
    restored = checkpoints.restore(state_shapes(run))
    checkpoints.close()
    if restored is None:
        raise UserError(f"no checkpoint in {workdir}/checkpoints; train first")
    text = run.layout.replicate(run.method.prepare_text())
    check = Watch(run.layout).check
    results = evaluation.evaluate(run, evaluation.make_predict(run), restored.state, text, check)
    evaluation.save(workdir, results)
    report(run, results)
    return results
