"""Train and evaluate: `python -m gapjax.main --config=configs/gap_ucla.py --workdir=runs/ucla`.

This file is short on purpose: everything else can be imported and called from Python.
"""

from collections.abc import Sequence
from pathlib import Path

import jax
from absl import flags

from gapjax.experiment import abstract, command_line, plan
from gapjax.experiment.schema import flatten
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
    *earlier, last = stages(command_line.config(), Path(_WORKDIR.value))
    if _MODE.value == "train":
        prepare([*earlier, last])
        for stage in earlier:
            finish(stage, str(stage.workdir.relative_to(last.workdir)))
        carry_out(last)
    else:
        config_file.compare(last.workdir, flatten(last.config))
        loop.evaluate_only(plan.build(last.config, last.given), last.workdir)
    return 0


def prepare(every: Sequence[Stage]) -> None:
    """Refuse what would stop a stage before anything is written, and before the first trains."""
    for stage in every:
        plan.check(stage.config)
        if stage.config.mesh.rules:
            abstract.check_split(stage.config)
        if config_file.is_claimed(stage.workdir):
            config_file.compare(stage.workdir, flatten(stage.config))


def finish(stage: Stage, name: str) -> None:
    """Train an earlier stage to its end, unless it is there already."""
    preemption.check()
    steps, epochs = plan.steps(stage.config), stage.config.train.epochs
    if not loop.is_finished(stage.workdir, steps, epochs):
        if jax.process_index() == 0:
            print(f"stage {name}", flush=True)
        carry_out(stage)
    # Its scores are there for all.
    agreement.wait(f"stage {name} is finished")


def carry_out(stage: Stage) -> None:
    """Train a stage to its end, in a folder of its own."""
    run = plan.build(stage.config, stage.given)
    config_file.claim(stage.workdir, run.config)
    loop.train(run, stage.workdir)


if __name__ == "__main__":
    command_line.run(main)
