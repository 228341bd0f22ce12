"""Train and evaluate: `python -m gapjax.main --config=configs/gap_ucla.py --workdir=runs/ucla`.

This file is short on purpose: everything else can be imported and called from Python.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from gapjax import commands, experiment, logbook, train

_WORKDIR = flags.DEFINE_string("workdir", None, "Where everything about the run is written.")
_MODE = flags.DEFINE_enum("mode", "train", sorted(train.MODES), "What to do.")
flags.mark_flag_as_required("workdir")


def main(argv: Sequence[str]) -> int:
    """Carry out the flags; return the exit status."""
    del argv
    run = experiment.build(commands.config())
    logbook.claim(Path(_WORKDIR.value), run.config)
    train.MODES[_MODE.value](run, Path(_WORKDIR.value))
    return 0


if __name__ == "__main__":
    commands.run(main)
