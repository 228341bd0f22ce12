"""Batch sizes that the number of training clips decides: of 0, and of stand-ins of datasets."""

from dataclasses import replace

from gapjax.experiment import generated
from gapjax.experiment.data import open_dataset
from gapjax.experiment.plan import Plan
from gapjax.parallel.first_host import say

# The fewest and the most samples of a chosen batch, and the least steps of an epoch between them.
# On 291 clips of own data, batches of 8 are nine points better than batches of 32 (docs/own-data).
_LEAST, _MOST, _STEPS = 8, 64, 32


def from_count(clips: int) -> int:
    """Return a power of two from 8 to 64 with which an epoch of clips has 32 steps, if it can.

    >>> from_count(100), from_count(291), from_count(1020), from_count(40000)
    (8, 8, 16, 64)
    """
    size = _LEAST
    while size < _MOST and clips >= 2 * size * _STEPS:
        size *= 2
    return size


def settle(plan: Plan) -> Plan:
    """Return a plan whose batch sizes are numbers that its dataset can fill, and say what changed.

    A size of 0 is chosen from the clips of an epoch. A stand-in for a dataset, which has few
    samples, gets the smallest size.

    Raises:
        UserError: the dataset cannot be opened.
    """
    sizes = plan.train.batch_size, plan.encoder.batch_size
    if 0 not in sizes and (max(sizes) <= _LEAST or not generated.is_stand_in(plan)):
        return plan
    dataset = open_dataset(plan)
    if generated.is_stand_in(plan):
        say(
            f"{plan.data.dataset} is not in {plan.data.dir}: {len(dataset.index)} generated "
            f"samples of its body, classes, protocols and splits check the plumbing "
            f"({dataset.directory})"
        )
        return _with_sizes(plan, _LEAST, _LEAST)
    clips, (train, encoder) = len(dataset.problem.train), sizes
    return _with_sizes(
        plan,
        train or _chosen("train.batch_size", clips * plan.data.repeat),
        encoder or _chosen("encoder.batch_size", clips * plan.encoder.repeat),
    )


def _chosen(key: str, clips: int) -> int:
    """Return the size that a key of 0 gets with so many clips in an epoch, and say it."""
    size = from_count(clips)
    say(f"{key}={size}, chosen for {clips:,} training clips")
    return size


def _with_sizes(plan: Plan, train: int, encoder: int) -> Plan:
    """Return a plan with other batch sizes of its training and of its encoder's."""
    return replace(
        plan,
        train=replace(plan.train, batch_size=train),
        encoder=replace(plan.encoder, batch_size=encoder),
    )
