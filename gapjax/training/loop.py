"""The training loop, for any method: its only input is a `Run`."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipelines.errors import Preempted, UserError
from gapjax.methods import Text
from gapjax.parallel import agreement
from gapjax.parallel.preemption import StopSignal, preempted
from gapjax.training import evaluation, report
from gapjax.training.dispatch import Dispatch, initial_state, make_dispatch, state_shapes
from gapjax.training.evaluation import Predict
from gapjax.training.run import Cadence, Run
from gapjax.training.step import TrainState
from gapjax.training.step_metrics import Meter
from gapjax.workdir import lock
from gapjax.workdir.checkpoints import Checkpoints, newest_step, steps_in
from gapjax.workdir.history import has_results
from gapjax.workdir.integrity import Logged
from gapjax.workdir.log import Logbook, Sink
from gapjax.workdir.scores import Scores, scores_path


@dataclass(frozen=True)
class Session:
    """The parts of one call of `train`, besides the state; `text` is on the devices.

    Attributes:
        meter: the scalars since the last line of the log.
        stop: tells whether to stop before the end.
    """

    run: Run
    text: Text
    dispatch: Dispatch
    predict: Predict
    checkpoints: Checkpoints
    log: Logbook
    meter: Meter
    stop: StopSignal
    clock: report.Clock

    def save(self, state: TrainState) -> None:
        """Save a checkpoint, with the scalars that are not logged yet."""
        self.checkpoints.save(int(state.step), state, self.meter.unlogged())

    def tell(self, step: int, metrics: Mapping[str, float]) -> None:
        """Print the line of the epoch that ends with a step."""
        epoch, means = step // self.run.order.steps_per_epoch, self.meter.of_epoch()
        if means or metrics:
            left = self.clock.seconds_left(self.run.epochs - epoch) if means else 0.0
            self.log.say(report.epoch_line(self.run, epoch, means, metrics, left))


def train(run: Run, workdir: Path, sinks: Sequence[Sink] = ()) -> dict[str, Any]:
    """Train to the end, resuming from the newest checkpoint; return the content of `result.json`.

    Args:
        run: the run.
        workdir: where everything about it is written.
        sinks: receive the logged numbers, too.

    Raises:
        FloatingPointError: a loss, a gradient or a score is not finite.
        Preempted: a process of the run received a signal; the state is saved.
    """
    known = dict.fromkeys((*run.trained_on, *run.learned_before))
    checkpoints = Checkpoints(workdir, tuple(known))
    state, logged = resume(run, checkpoints)
    log = Logbook(workdir, int(state.step), run.steps, sinks)
    for line in report.header(run, state):
        log.say(line)
    session = Session(
        run=run,
        text=run.layout.replicate(run.method.prepare_text()),
        dispatch=make_dispatch(run, state),
        predict=evaluation.make_predict(run),
        checkpoints=checkpoints,
        log=log,
        meter=Meter(run.order.batch_size, logged),
        stop=StopSignal(run.layout),
        clock=report.Clock(),
    )
    with contextlib.closing(checkpoints), contextlib.closing(log):
        results = train_to_end(session, state)
    return _finish(run, workdir, run.steps, results)


def _finish(run: Run, workdir: Path, step: int, results: Mapping[str, Scores]) -> dict[str, Any]:
    """Write the scores and the result of a step; return the content of `result.json`."""
    evaluation.save(workdir, results, run.labels)
    result = report.content(run, step, results)
    report.write(workdir, result)
    return result


def resume(run: Run, checkpoints: Checkpoints) -> tuple[TrainState, Logged]:
    """Return the newest checkpoint's state and its unlogged scalars, or the initial state."""
    checkpoint = checkpoints.restore(functools.partial(state_shapes, run))
    return (checkpoint.state, checkpoint.logged) if checkpoint else (initial_state(run), {})


def train_to_end(session: Session, state: TrainState) -> dict[str, Scores]:
    """Train and evaluate epoch by epoch; return the last scores.

    Raises:
        Preempted: a process of the run received a signal; the state is saved.
    """
    run = session.run
    try:
        while True:
            step, metrics = int(state.step), {}
            if is_evaluated(run, step):
                results = evaluation.evaluate(
                    run, session.predict, state, session.text, session.stop.check
                )
                metrics = evaluation.metrics_of(run, results)
                session.log.write(step, step // run.order.steps_per_epoch, metrics)
            session.tell(step, metrics)
            if step == run.steps:
                return results
            state = train_epoch(session, state)
            session.stop.check()
    except Preempted:
        session.save(state)
        raise preempted(f"step {int(state.step)} of {run.steps} is saved") from None


def train_epoch(session: Session, state: TrainState) -> TrainState:
    """Return the state at the end of its epoch, or where a signal stopped it; log and save.

    Raises:
        FloatingPointError: a loss is not finite; no checkpoint is written after that.
    """
    run, meter = session.run, session.meter
    step = int(state.step)
    epoch = step // run.order.steps_per_epoch
    sizes = dispatch_sizes(run.cadence, step, run.order.steps_per_epoch)
    items = run.order.batches(step, step + sum(sizes))
    meter.begin_epoch()
    requests = meter.timed(run.feed.requests(items, epoch, sizes))
    for size, request in zip(sizes, requests, strict=True):
        if session.stop.is_due():
            break
        state, scalars = session.dispatch(state, run.feed.store, request, session.text)
        step += size
        meter.add(step, scalars)
        session.log.advance(step, {"epoch": epoch + 1, **meter.last_loss})
        if is_due(run, step, run.cadence.log_every):
            rate = float(run.schedule(step - 1))
            session.log.write(step, epoch + 1, {**meter.means(), "train/learning_rate": rate})
        if is_due(run, step, run.cadence.checkpoint_every):
            session.save(state)
    meter.fetch()
    return state


def dispatch_sizes(cadence: Cadence, step: int, steps_per_epoch: int) -> list[int]:
    """Return how many steps each dispatch runs from `step` to the end of its epoch.

    Where dispatches end depends on the step alone, so that a resumed run repeats them exactly.

    >>> dispatch_sizes(Cadence(steps_per_dispatch=4, log_every=5), 10, 10)
    [4, 1, 3, 2]
    """
    start = step - step % steps_per_epoch
    end, sizes = start + steps_per_epoch, []
    while step < end:
        ends = [end, _next_multiple(step, cadence.steps_per_dispatch, start)]
        intervals = (cadence.log_every, cadence.checkpoint_every)
        ends += [_next_multiple(step, interval) for interval in intervals if interval]
        sizes.append(min(ends) - step)
        step = min(ends)
    return sizes


def _next_multiple(step: int, interval: int, start: int = 0) -> int:
    """Return the first step after `step` that is a multiple of `interval` after `start`."""
    return start + ((step - start) // interval + 1) * interval


def is_due(run: Run, step: int, interval: int) -> bool:
    """Return whether something is due that happens every `interval` steps (0: every epoch)."""
    return step == run.steps or step % (interval or run.order.steps_per_epoch) == 0


def is_evaluated(run: Run, step: int) -> bool:
    """Return whether a step ends an epoch after which the state is evaluated."""
    epoch, offset = divmod(step, run.order.steps_per_epoch)
    if offset or not epoch:
        return False
    return epoch % run.cadence.evaluate_every == 0 or epoch == run.epochs


def is_finished(workdir: Path, steps: int, epochs: int) -> bool:
    """Return whether a working directory has the last checkpoint of a run, and its scores.

    All hosts must call this together.
    """
    scored = scores_path(workdir, "test").is_file() and has_results(workdir, epochs, steps)
    if not agreement.on_first_host(scored):
        return False
    return agreement.on_first_host(newest_step(workdir) == steps)


def evaluate_only(run: Run, workdir: Path, initial: bool = False) -> dict[str, Any]:
    """Write the scores of the newest checkpoint; return the content of `result.json`.

    While another run uses the working directory, nothing is written: its end does so.

    Args:
        run: the run.
        workdir: its working directory.
        initial: evaluate the initial state if there is no checkpoint.

    Raises:
        UserError: there is no checkpoint.
        Preempted: a process of the run received a signal.
    """
    before = steps_in(workdir)
    with contextlib.closing(Checkpoints(workdir, read_only=True)) as checkpoints:
        checkpoint = checkpoints.restore(functools.partial(state_shapes, run))
    if checkpoint is None and not initial:
        raise UserError(f"no checkpoint in {workdir}/checkpoints; train first")
    state = checkpoint.state if checkpoint else initial_state(run)
    text = run.layout.replicate(run.method.prepare_text())
    predict, check = evaluation.make_predict(run), StopSignal(run.layout).check
    results = evaluation.evaluate(run, predict, state, text, check)
    with lock.tried(workdir) as free:
        if agreement.on_first_host(free and steps_in(workdir) == before):
            return _finish(run, workdir, int(state.step), results)
    result = report.content(run, int(state.step), results)
    report.tell(result, f"another run uses {workdir} or has changed it: no file of it is changed")
    return result
