"""Train and evaluate the stages of a run."""

from collections.abc import Sequence

import jax

from gapjax.experiment import abstract, data_facts
from gapjax.experiment.build import build, check, steps
from gapjax.experiment.data import open_dataset
from gapjax.experiment.schema import defaults
from gapjax.experiment.stages import Stage
from gapjax.parallel import agreement, preemption
from gapjax.training import loop
from gapjax.workdir import config_file, data_file


def prepare(stages: Sequence[Stage]) -> None:
    """Refuse what would stop a stage before anything is written, and before the first trains."""
    for stage in stages:
        if config_file.is_claimed(stage.workdir):
            compare(stage)
            data_facts.check_continued(stage.workdir, stage.plan, open_dataset(stage.plan))
        check(stage.plan)
        if stage.plan.mesh.rules:
            abstract.check_split(stage.plan)


def compare(stage: Stage) -> None:
    """Refuse a workdir of a run with another config, or of none."""
    flat = stage.plan.flat()
    config_file.compare(stage.workdir, flat, defaults(flat))


def finish(stage: Stage, name: str) -> None:
    """Train an earlier stage to its end, unless it is finished already."""
    preemption.check()
    if not loop.is_finished(stage.workdir, steps(stage.plan), stage.plan.train.epochs):
        if jax.process_index() == 0:
            print(f"stage {name}", flush=True)
        train(stage)
    # All hosts see its scores from here on.
    agreement.wait(f"stage {name} is finished")


def train(stage: Stage) -> None:
    """Train a stage to its end, and claim its workdir."""
    run = build(stage.plan, stage.upstream)
    flat = stage.plan.flat()
    if not config_file.is_claimed(stage.workdir) and jax.process_index() == 0:
        data_file.write(stage.workdir, data_facts.facts_of(stage.plan, open_dataset(stage.plan)))
    config_file.claim(stage.workdir, flat, defaults(flat))
    loop.train(run, stage.workdir)


def evaluate(stage: Stage) -> None:
    """Evaluate the newest checkpoint of a stage."""
    compare(stage)
    data_facts.check_used(stage.workdir, stage.plan, open_dataset(stage.plan))
    loop.evaluate_only(build(stage.plan, stage.upstream), stage.workdir)
