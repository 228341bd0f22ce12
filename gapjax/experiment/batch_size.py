"""Batch sizes that the number of training clips decides: of 0, and of stand-ins of datasets."""

from dataclasses import replace

from gapjax.experiment import generated
from gapjax.experiment.data import open_dataset
from gapjax.experiment.plan import Plan

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

    A size of 0 is chosen from the number of training clips. A stand-in for a dataset, which has few
    samples, gets the smallest size.

    Raises:
        UserError: the dataset cannot be opened.
    """
    sizes = plan.train.batch_size, plan.encoder.batch_size
    if 0 not in sizes and (max(sizes) <= _LEAST or not generated.is_stand_in(plan)):
        return plan
    dataset = open_dataset(plan)
    clips = len(dataset.problem.train) * plan.data.repeat
    if generated.is_stand_in(plan):
        print(
            f"{plan.data.dataset} is not in {plan.data.dir}: {len(dataset.index)} generated "
            f"samples of its body, classes, protocols and splits check the plumbing "
            f"({dataset.directory})",
            flush=True,
        )
        size = _LEAST
    else:
        size = from_count(clips)
        print(f"train.batch_size={size}, chosen for {clips:,} training clips", flush=True)
    return with_size(plan, size, only_zeros=not generated.is_stand_in(plan))


def with_size(plan: Plan, size: int, only_zeros: bool) -> Plan:
    """Return a plan with a batch size in training and of its encoder."""

    def of(old: int) -> int:
        """Return the size that takes the place of another."""
        return old if only_zeros and old else size

    return replace(
        plan,
        train=replace(plan.train, batch_size=of(plan.train.batch_size)),
        encoder=replace(plan.encoder, batch_size=of(plan.encoder.batch_size)),
    )
