"""Train and evaluate: `python -m gapjax.main --config=configs/gap_ucla.py --workdir=runs/ucla`."""

from collections.abc import Sequence
from pathlib import Path

import jax
from absl import flags

from gapjax.experiment import abstract, build, command_line
from gapjax.experiment.stages import Stage, stages
from gapjax.parallel import agreement, multihost, preemption
from gapjax.training import loop
from gapjax.workdir import config_file

_WORKDIR = flags.DEFINE_string("workdir", None, "Where everything about the run is written.")
_MODE = flags.DEFINE_enum("mode", "train", ["evaluate", "train"], "What to do.")
flags.mark_flag_as_required("workdir")


def main(argv: Sequence[str]) -> int:
    """Carry out the flags; return the exit status."""
    del argv
    multihost.join()
    # Not before: who waits for the other hosts has nothing to save.
    preemption.listen()
    *earlier, last = stages(command_line.plan(), Path(_WORKDIR.value))
    if _MODE.value == "evaluate":
        last.compare()
        loop.evaluate_only(build.build(last.plan, last.upstream), last.workdir)
        return 0
    prepare([*earlier, last])
    for stage in earlier:
        finish(stage, str(stage.workdir.relative_to(last.workdir)))
    train(last)
    return 0


def prepare(every: Sequence[Stage]) -> None:
    """Refuse what would stop a stage before anything is written, and before the first trains."""
    for stage in every:
        build.check(stage.plan)
        if stage.plan.mesh.rules:
            abstract.check_split(stage.plan)
        if config_file.is_claimed(stage.workdir):
            stage.compare()


def finish(stage: Stage, name: str) -> None:
    """Train an earlier stage to its end, unless that is done already."""
    preemption.check()
    if not loop.is_finished(stage.workdir, build.steps(stage.plan), stage.plan.train.epochs):
        if jax.process_index() == 0:
            print(f"stage {name}", flush=True)
        train(stage)
    # Its scores are there for all hosts.
    agreement.wait(f"stage {name} is finished")


def train(stage: Stage) -> None:
    """Train a stage to its end, in a folder of its own."""
    run = build.build(stage.plan, stage.upstream)
    stage.claim()
    loop.train(run, stage.workdir)


if __name__ == "__main__":
    command_line.run(main)
