"""Carrying out the stages of a run."""

from collections.abc import Sequence

import jax

from gapjax.experiment import abstract
from gapjax.experiment.build import build, check, steps
from gapjax.experiment.stages import Stage
from gapjax.parallel import agreement, preemption
from gapjax.training import loop


def prepare(every: Sequence[Stage]) -> None:
    """Refuse what would stop a stage before anything is written, and before the first trains."""
    for stage in every:
        check(stage.plan)
        if stage.plan.mesh.rules:
            abstract.check_split(stage.plan)
        if stage.is_claimed():
            stage.compare()


def finish(stage: Stage, name: str) -> None:
    """Train an earlier stage to its end, unless that is done already."""
    preemption.check()
    if not loop.is_finished(stage.workdir, steps(stage.plan), stage.plan.train.epochs):
        if jax.process_index() == 0:
            print(f"stage {name}", flush=True)
        train(stage)
    # Its scores are there for all hosts.
    agreement.wait(f"stage {name} is finished")


def train(stage: Stage) -> None:
    """Train a stage to its end, in a folder of its own."""
    run = build(stage.plan, stage.upstream)
    stage.claim()
    loop.train(run, stage.workdir)


def evaluate(stage: Stage) -> None:
    """Evaluate the newest checkpoint of a stage."""
    stage.compare()
    loop.evaluate_only(build(stage.plan, stage.upstream), stage.workdir)
