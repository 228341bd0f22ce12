"""Train and evaluate: `python -m gapjax.main --config=configs/gap_ucla.py --workdir=runs/ucla`.

This file is short on purpose: everything else can be imported and called from Python.
"""

from collections.abc import Sequence
from pathlib import Path

import jax
from absl import flags

from gapjax import blueprint, commands, experiment, hosts, logbook, meeting, preemption, train
from gapjax.sections import flatten
from gapjax.stages import Stage, stages

_WORKDIR = flags.DEFINE_string("workdir", None, "Where everything about the run is written.")
_MODE = flags.DEFINE_enum("mode", "train", sorted(train.MODES), "What to do.")
flags.mark_flag_as_required("workdir")


def main(argv: Sequence[str]) -> int:
    """Carry out the flags; return the exit status."""
    del argv
    hosts.join()
    # Not before: who waits for the other hosts has nothing to save.
    preemption.listen()
    *earlier, last = stages(commands.config(), Path(_WORKDIR.value))
    if earlier and _MODE.value == "train":
        prepare([*earlier, last])
        for stage in earlier:
            finish(stage, str(stage.workdir.relative_to(last.workdir)))
    run = experiment.build(last.config, last.given)
    logbook.claim(last.workdir, run.config)
    train.MODES[_MODE.value](run, last.workdir)
    return 0


def prepare(every: Sequence[Stage]) -> None:
    """Refuse what would stop a later stage before the first is trained, and claim all folders."""
    for stage in every:
        experiment.check(stage.config)
    if every[-1].config.mesh.rules:
        blueprint.check_split(every[-1].config)
    for stage in every:
        logbook.claim(stage.workdir, flatten(stage.config))


def finish(stage: Stage, name: str) -> None:
    """Train an earlier stage to its end, unless it is there already."""
    preemption.check()
    if not train.is_finished(stage.workdir, experiment.steps(stage.config)):
        if jax.process_index() == 0:
            print(f"stage {name}", flush=True)
        train.train(experiment.build(stage.config, stage.given), stage.workdir)
    # Its scores are there for all.
    meeting.wait(f"stage {name} is finished")


if __name__ == "__main__":
    commands.run(main)
