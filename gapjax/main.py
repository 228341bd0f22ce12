"""Train and evaluate: `python -m gapjax.main --config=configs/gap_ucla.py --workdir=runs/ucla`.

Without --workdir, the folder is named after the config and its variants. With the --workdir of a
run, --config may be left out.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from gapjax.experiment import carry_out, command_line
from gapjax.parallel import multihost, preemption

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where everything about the run is written; runs/CONFIG-VARIANTS by default."
)
_MODE = flags.DEFINE_enum("mode", "train", carry_out.MODES, "What to do.")
_LOG = flags.DEFINE_enum(
    "log", None, carry_out.LOGS, "Send the logged numbers there, too: wandb for Weights & Biases."
)


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    del argv
    multihost.join()
    # Only now: while it waits for other hosts, a process has nothing to save.
    preemption.listen()
    workdir = _WORKDIR.value or default_workdir(command_line.argument(sys.argv))
    carry_out.run(command_line.plan(), workdir, _MODE.value, log=_LOG.value or "")
    return 0


def default_workdir(config: str) -> Path:
    """Return the working directory of a config that has none.

    >>> str(default_workdir("configs/star_ntu60.py:clip,48_12"))
    'runs/star_ntu60-clip-48_12'
    """
    path, _, variants = config.partition(":")
    return Path("runs", "-".join([Path(path).stem, *filter(None, variants.split(","))]))


if __name__ == "__main__":
    command_line.run(main)
