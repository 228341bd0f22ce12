"""How long a command takes from its start to the end of the first training step.

A second process measures it: `python -m gapjax.benchmarks.first_step --config=...` opens data and
devices, builds the run of the stage that is timed and trains one step. It writes no checkpoint and
no log.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jax

from data_pipelines.errors import UserError
from gapjax.benchmarks.parts import Training
from gapjax.experiment import build, command_line
from gapjax.experiment.plan import Plan
from gapjax.experiment.stage_flag import selected
from gapjax.experiment.stages import Stage, stages

DONE = "first step done"


def measure(words: Sequence[str]) -> float:
    """Return the seconds of the second of two starts, which finds its programs compiled.

    The devices must be free: a TPU is one process's.

    Args:
        words: the flags of `--config`, and others of this command.

    Raises:
        UserError: a start fails; it says why on standard error.
    """
    *_, seconds = (_start(words) for _ in range(2))
    return seconds


def _start(words: Sequence[str]) -> float:
    """Return the seconds from the start of a process to its first step's end."""
    start = time.perf_counter()
    command = [sys.executable, "-m", __spec__.name, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == DONE:
                return time.perf_counter() - start
    raise UserError(f"the start of {' '.join(words)} failed with status {process.returncode}")


def stage_of(plan: Plan, workdir: Path) -> Stage:
    """Return the stage that is timed of a plan: what `--stage` names, or the first.

    Raises:
        UserError: the run has no such stage.
    """
    # Folds only choose γ, which takes no time of a step.
    plan = replace(plan, zero_shot=replace(plan.zero_shot, folds=0, gate=False))
    return next(iter(selected(stages(plan, workdir)).values()))


def main(argv: Sequence[str]) -> int:
    """Train one step of a run's stage; return the exit status."""
    del argv
    with tempfile.TemporaryDirectory() as folder:
        stage = stage_of(command_line.plan(), Path(folder))
        run = build.build(stage.plan, stage.upstream)
        step = Training(run, run.layout.replicate(run.method.prepare_text()))
        jax.block_until_ready(step())
        print(DONE, flush=True)
    return 0


if __name__ == "__main__":
    command_line.run(main)
