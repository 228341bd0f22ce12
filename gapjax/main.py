"""Train and evaluate: `python -m gapjax.main --config=configs/gap_ucla.py --workdir=runs/ucla`.

This file is short on purpose: everything else can be imported and called from Python.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from data_pipelines.raw.record import DataError
from gapjax import experiment, train
from gapjax.logbook import claim
from gapjax.lookup import UserError

_CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment, with its variants.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Where everything about the run is written.")
_MODE = flags.DEFINE_enum("mode", "train", sorted(train.MODES), "What to do.")
flags.mark_flags_as_required(["config", "workdir"])


def main(argv: Sequence[str]) -> int:
    """Carry out the flags; return the exit status: 0 done, 2 a user's mistake, 1 anything else."""
    del argv
    workdir = Path(_WORKDIR.value)
    try:
        run = experiment.build(_CONFIG.value)
        claim(workdir, run.config)
        train.MODES[_MODE.value](run, workdir)
    except (UserError, DataError, FloatingPointError) as error:
        print(f"gapjax: {error}", file=sys.stderr)
        return 1 if isinstance(error, FloatingPointError) else 2
    return 0


def parse(argv: Sequence[str]) -> list[str]:
    """Parse the command line; a mistake in it is one line on stderr and exit status 2."""
    try:
        return flags.FLAGS(argv)
    except (flags.Error, ValueError, AttributeError, KeyError, TypeError, OSError) as error:
        print(f"gapjax: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    app.run(main, flags_parser=parse)
