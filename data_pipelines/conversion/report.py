"""Reports of a conversion: samples that differ from their files, and files without a sample."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_pipelines.conversion import rejected
from data_pipelines.storage.index import Index

# The share of the samples that has no more than the usual number of persons.
_USUAL = 0.95


def say_dropped(dropped: Sequence[tuple[int, int]]) -> None:
    """Print how many frames and persons were dropped from clips (`chunks.Summary.dropped`)."""
    whats = "frames in which nobody is seen", "persons who move less than others"
    for number, what in enumerate(whats):
        counts = [count[number] for count in dropped if count[number]]
        if counts:
            print(f"dropped: {sum(counts):,} {what}, of {len(counts):,} samples")


def say_crowds(target: Path) -> None:
    """Print if a few samples have many more persons than others, as all are padded to as many."""
    bodies, samples = np.unique(Index.load(target).bodies, return_counts=True)
    usual = int(bodies[np.searchsorted(samples.cumsum(), _USUAL * samples.sum())])
    if bodies[-1] > max(usual, 2):
        crowds = f"{samples[bodies > usual].sum():,} samples have more than {usual} persons"
        advice = f"--persons={usual} --overwrite keeps those who move most"
        print(f"{crowds}, up to {bodies[-1]}; {advice}")


def rejections(target: Path) -> int:
    """Print what was left out and what was rejected; return the number of rejected files."""
    for reason, count in rejected.reasons(target / rejected.LEFT_OUT).items():
        print(f"left out: {count:,}, {reason}; listed in {target / rejected.LEFT_OUT}")
    count = rejected.reasons(target / rejected.FILE).total()
    if count:
        print(f"rejected files: {count:,}, listed in {target / rejected.FILE}")
    return count
