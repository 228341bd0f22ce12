"""Train and evaluate: `python -m gapjax.main --config=configs/gap_ucla.py --workdir=runs/ucla`.

This file is short on purpose: everything else can be imported and called from Python.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from gapjax import commands, experiment, logbook, train
from gapjax.stages import stages

_WORKDIR = flags.DEFINE_string("workdir", None, "Where everything about the run is written.")
_MODE = flags.DEFINE_enum("mode", "train", sorted(train.MODES), "What to do.")
flags.mark_flag_as_required("workdir")


def main(argv: Sequence[str]) -> int:
    """Carry out the flags; return the exit status."""
    del argv
    *earlier, last = stages(commands.config(), Path(_WORKDIR.value))
    if _MODE.value == "train":
        for stage in earlier:
            run = experiment.build(stage.config, stage.given)
            logbook.claim(stage.workdir, run.config)
            if not train.is_finished(run, stage.workdir):
                print(f"stage {stage.workdir.relative_to(last.workdir)}", flush=True)
                train.train(run, stage.workdir)
    run = experiment.build(last.config, last.given)
    logbook.claim(last.workdir, run.config)
    train.MODES[_MODE.value](run, last.workdir)
    return 0


if __name__ == "__main__":
    commands.run(main)
