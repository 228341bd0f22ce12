"""Train or evaluate a run with all its stages: `run` does what `gapjax.main` does."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from data_pipelines.errors import UserError
from gapjax.experiment import abstract, data_facts, initial_weights, model
from gapjax.experiment.build import build, check, steps
from gapjax.experiment.config_dict import ConfigDict, plan_of
from gapjax.experiment.data import open_dataset
from gapjax.experiment.plan import Plan
from gapjax.experiment.schema import defaults
from gapjax.experiment.stages import Stage, stages
from gapjax.parallel import agreement, preemption
from gapjax.parallel.first_host import say
from gapjax.registry import chosen
from gapjax.training import loop
from gapjax.training.run import Run
from gapjax.workdir import checkpoints, config_file, data_file, lock, weights_and_biases
from gapjax.workdir.bundle_files import is_bundle
from gapjax.workdir.bundle_hub import located
from gapjax.workdir.log import Sink

MODES = ("train", "evaluate")
LOGS = ("wandb",)


def run(
    config: ConfigDict | Plan,
    workdir: str | Path,
    mode: str = "train",
    sinks: Sequence[Sink] = (),
    log: str = "",
) -> dict[str, Any]:
    """Train a run with all its stages, or evaluate it; return the content of `result.json`.

    Args:
        config: the config, such as a config file's `get_config()`, or its plan.
        workdir: where everything about the run is written. A run that is there continues.
        mode: `train`, or `evaluate` for the newest checkpoint, or for the weights of
            `train.init_from` where there is none.
        sinks: receive the logged numbers of the last stage, too.
        log: one of `LOGS`, a service that receives them, too; empty for none.

    Raises:
        UserError: something is wrong with the config, the data or the working directory; nothing is
            written to the working directory if it is found before the first stage trains.
        Preempted: the process received a signal; the state is saved.
    """
    check_log(log, mode)
    plan = config if isinstance(config, Plan) else plan_of(config)
    *earlier, last = stages(plan, Path(workdir))
    if mode == "evaluate":
        return evaluate(last)
    prepare([*earlier, last])
    with lock.held(last.workdir), opened(log, last) as services:
        for stage in earlier:
            finish(stage, str(stage.workdir.relative_to(last.workdir)))
        say(f"stage {plan.method.name}" if earlier else "")
        return train(last, [*sinks, *services])


def check_log(log: str, mode: str) -> None:
    """Raise UserError if a log is none of `LOGS`, cannot be used here, or has nothing to log."""
    if log and mode != "train":
        raise UserError(f"--log={log} is for training: leave it out where --mode={mode}")
    if log and chosen("log", log, LOGS):
        weights_and_biases.require()


@contextlib.contextmanager
def opened(log: str, stage: Stage) -> Iterator[Sequence[Sink]]:
    """Open the log of a stage during the block, on the first host; see `run`."""
    if not log or jax.process_index():
        yield ()
        return
    with weights_and_biases.opened(stage.workdir, stage.plan.flat()) as sink:
        yield (sink,)


def prepare(run_stages: Sequence[Stage]) -> None:
    """Refuse what would stop a stage (`check_stages`), and tell the workdir and the devices."""
    check_stages(run_stages)
    *_, last = run_stages
    plan, devices = last.plan, jax.devices()
    used = f"{plan.mesh.devices or len(devices)} x {devices[0].device_kind} ({devices[0].platform})"
    say(f"workdir: {last.workdir}")
    say(f"devices: {used}, {plan.train.precision}")


def remaining(stage: Stage) -> Plan:
    """Return the plan of what a stage still does: once it has begun, it needs no initial weights.

    What `train.init_from` names may be gone by then, or may have been trained on.
    """
    if not agreement.on_first_host(bool(checkpoints.steps_in(stage.workdir))):
        return stage.plan
    return replace(stage.plan, train=replace(stage.plan.train, init_from=""))


def check_stages(run_stages: Sequence[Stage]) -> None:
    """Refuse what would stop a stage before anything is written, and before the first trains."""
    for stage in run_stages:
        if config_file.is_claimed(stage.workdir):
            compare(stage)
            data_facts.check_continued(stage.workdir, stage.plan, open_dataset(stage.plan))
        plan = remaining(stage)
        check(plan)
        if plan.mesh.rules or plan.train.init_from:
            abstract.check_state(plan)


def compare(stage: Stage) -> config_file.Changes:
    """Return what a longer run changes; refuse a workdir of a run with another config, or none."""
    flat = stage.plan.flat()
    return config_file.compare(stage.workdir, flat, defaults(flat))


def finish(stage: Stage, name: str) -> None:
    """Train an earlier stage to its end, unless it is finished already."""
    preemption.check()
    if not loop.is_finished(stage.workdir, steps(stage.plan), stage.plan.train.epochs):
        say(f"stage {name}")
        train(stage)
    # All hosts see its scores from here on.
    agreement.wait(f"stage {name} is finished")


def train(stage: Stage, sinks: Sequence[Sink] = ()) -> dict[str, Any]:
    """Train a stage to its end, and claim its workdir; return the content of its `result.json`."""
    plan = remaining(stage)
    built = build(plan, stage.upstream)
    claim(stage)
    if plan.train.init_from:
        dataset = open_dataset(plan)
        taken = initial_weights.adoption(plan, dataset, loop.state_shapes(built))
        say(initial_weights.line(plan, dataset, taken))
    return loop.train(built, stage.workdir, sinks)


def claim(stage: Stage) -> None:
    """Record the config and the data of a stage, and tell what continues otherwise."""
    flat = stage.plan.flat()
    if jax.process_index() == 0 and not config_file.is_claimed(stage.workdir):
        data_file.write(stage.workdir, data_facts.facts_of(stage.plan, open_dataset(stage.plan)))
    changes = config_file.claim(stage.workdir, flat, defaults(flat)).items()
    say("; ".join(f"continues with {key}={now} (before: {was})" for key, (was, now) in changes))


def evaluate(stage: Stage) -> dict[str, Any]:
    """Evaluate the newest checkpoint of a stage, or the weights of `train.init_from` without one.

    A training that goes on in the working directory is not disturbed (`loop.evaluate_only`).

    Raises:
        UserError: the folder is no working directory, and the plan names no weights; or those are
            not of the whole network.
    """
    claimed, plan = config_file.is_claimed(stage.workdir), remaining(stage)
    if not claimed and not plan.train.init_from:
        raise UserError(
            f"{stage.workdir} has no run to evaluate; is it the --workdir of a training? To "
            "evaluate weights of another run, or published ones, name them by train.init_from"
        )
    if claimed:
        compare(stage)
        data_facts.check_used(stage.workdir, stage.plan, open_dataset(stage.plan))
    there = located(Path(plan.train.init_from))
    if plan.on_features and plan.train.init_from and there.is_dir():
        of_bundle = "a bundle is for gapjax.classify: evaluate the workdir it was exported from"
        advice = of_bundle if is_bundle(there) else f"--mode=evaluate --workdir={there}"
        raise UserError(f"a run that recognizes unseen classes is evaluated in place: {advice}")
    built = build(plan, stage.upstream)
    if plan.train.init_from:
        require_whole(plan, built)
    if not claimed:
        loop.state_shapes(built)
        claim(stage)
    return loop.evaluate_only(built, stage.workdir, initial=bool(plan.train.init_from))


def require_whole(plan: Plan, built: Run) -> None:
    """Refuse initial weights that lack something that scores depend on."""
    dataset, state = open_dataset(plan), loop.state_shapes(built)
    taken = initial_weights.adoption(plan, dataset, state)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    needed = model.build_inference(plan, dataset).strip(variables)["params"]
    initial_weights.require_all(plan, taken, needed)
