"""The flag `--stage` of the commands that look at single stages of a run."""

from collections.abc import Sequence

from absl import flags

from gapjax.experiment.stages import Stage, named_stages
from gapjax.registry import chosen

_STAGE = flags.DEFINE_string("stage", "", "One stage of the run, by its name.")


def selected(run_stages: Sequence[Stage]) -> dict[str, Stage]:
    """Return name → stage of what `--stage` names; without it all but the folds.

    Raises:
        UserError: the run has no such stage.
    """
    named = named_stages(run_stages)
    if not _STAGE.value:
        return named
    return {_STAGE.value: named[chosen("--stage", _STAGE.value, named)]}
