"""Train and evaluate: `python -m gapjax.main --config=configs/gap_ucla.py --workdir=runs/ucla`."""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from gapjax.experiment import command_line
from gapjax.experiment.carry_out import evaluate, finish, prepare, train
from gapjax.experiment.stages import stages
from gapjax.parallel import multihost, preemption

_WORKDIR = flags.DEFINE_string("workdir", None, "Where everything about the run is written.")
_MODE = flags.DEFINE_enum("mode", "train", ["evaluate", "train"], "What to do.")
flags.mark_flag_as_required("workdir")


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    del argv
    multihost.join()
    # Only now: while it waits for other hosts, a process has nothing to save.
    preemption.listen()
    *earlier, last = stages(command_line.plan(), Path(_WORKDIR.value))
    if _MODE.value == "evaluate":
        evaluate(last)
        return 0
    prepare([*earlier, last])
    for stage in earlier:
        finish(stage, str(stage.workdir.relative_to(last.workdir)))
    train(last)
    return 0


if __name__ == "__main__":
    command_line.run(main)
