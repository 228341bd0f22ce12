"""Short digests of what protocols and splits select, reported with results.

Results with the same digests use the same training and test samples and the same unseen classes.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

from data_pipelines.specs.dataset import Protocol
from data_pipelines.storage.index import Index, select

# How many hexadecimal digits of a SHA-256 are reported: 48 bits.
DIGITS = 12


def protocol_digest(index: Index, protocol: Protocol) -> str:
    """Return the digest of the JSON list [sorted training names, sorted test names]."""
    return _digest([sorted(index.name[rows].tolist()) for rows in select(index, protocol)])


def split_digest(labels: Sequence[str], unseen: Iterable[int]) -> str:
    """Return the digest of a zero-shot split: the JSON list of its sorted unseen labels."""
    return _digest(sorted(labels[label] for label in unseen))


def _digest(names: list) -> str:
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:DIGITS]
