"""What a conversion says of samples that are not as in their files, and of files without one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_pipelines.conversion import rejected
from data_pipelines.storage.index import Index

# The share of the samples that has no more than the usual number of persons.
_USUAL = 0.95


def say_dropped(dropped: Sequence[tuple[int, int]]) -> None:
    """Say how many frames and persons the clips are without (`chunks.Summary.dropped`)."""
    whats = "frames in which nobody is seen", "persons who move less than others"
    for number, what in enumerate(whats):
        counts = [count[number] for count in dropped if count[number]]
        if counts:
            print(f"dropped: {sum(counts):,} {what}, of {len(counts):,} samples")


def say_crowds(target: Path) -> None:
    """Say if few samples have many more persons than the others, which all must have room for."""
    bodies, samples = np.unique(Index.load(target).bodies, return_counts=True)
    usual = int(bodies[np.searchsorted(samples.cumsum(), _USUAL * samples.sum())])
    if bodies[-1] > max(usual, 2):
        crowds = f"{samples[bodies > usual].sum():,} samples have more than {usual} persons"
        advice = f"--persons={usual} --overwrite keeps those who move most"
        print(f"{crowds}, up to {bodies[-1]}; {advice}")


def rejections(target: Path) -> int:
    """Say what was left out and what was rejected; return the number of rejected files."""
    for reason, count in rejected.reasons(target / rejected.LEFT_OUT).items():
        print(f"left out: {count:,}, {reason}; listed in {target / rejected.LEFT_OUT}")
    count = rejected.reasons(target / rejected.FILE).total()
    if count:
        print(f"rejected files: {count:,}, listed in {target / rejected.FILE}")
    return count
