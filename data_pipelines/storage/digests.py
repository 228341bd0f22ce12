"""Short digests of what protocols and splits select, to be told with results.

Two people whose results have the same digests measured the same thing: the same samples in training
and in test, the same unseen classes.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

from data_pipelines.specs.dataset import Protocol
from data_pipelines.storage.index import Index, select

# Hexadecimal digits of a SHA-256 that are told: 48 bits.
DIGITS = 12


def protocol_digest(index: Index, protocol: Protocol) -> str:
    """Return the digest of a protocol's training and test samples, in whatever order they lie.

    It is of the JSON list of two lists, the sorted names of either.
    """
    return _digest([sorted(index.name[rows].tolist()) for rows in select(index, protocol)])


def split_digest(labels: Sequence[str], unseen: Iterable[int]) -> str:
    """Return the digest of a zero-shot split: of the JSON list of its unseen classes' sorted names.

    Args:
        labels: the names of all classes.
        unseen: the ids of the unseen ones, in any order.
    """
    return _digest(sorted(labels[label] for label in unseen))


def _digest(names: list) -> str:
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:DIGITS]
