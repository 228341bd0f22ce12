"""Digests tell what protocols and splits select, and nothing else."""

import dataclasses
import pathlib

import numpy as np

from data_pipelines.datasets import nw_ucla
from data_pipelines.specs.dataset import Protocol
from data_pipelines.storage.digests import protocol_digest, split_digest
from data_pipelines.storage.index import Index
from support import tiny_dataset
from support.faulty import changed


def test_digest_of_a_protocol(tiny: pathlib.Path) -> None:
    """It tells which samples are in training and in test, and nothing else."""
    index, protocol = Index.load(tiny), tiny_dataset.spec().protocols["xsub"]
    digest = protocol_digest(index, protocol)
    assert len(digest) == 12
    order = np.random.default_rng(0).permutation(len(index))
    columns = {field.name: getattr(index, field.name) for field in dataclasses.fields(Index)}
    shuffled = Index(**{name: column[order] for name, column in columns.items()})
    assert shuffled.digest != index.digest
    assert protocol_digest(shuffled, protocol) == digest
    others = {digest}
    for row in range(len(index)):
        subject = index.subject.copy()
        subject[row] = 4 if subject[row] <= 3 else 1
        others.add(protocol_digest(changed(index, subject=subject), protocol))
        renamed = [*index.name[:row], "another", *index.name[row + 1 :]]
        others.add(protocol_digest(changed(index, name=renamed), protocol))
    assert len(others) == 1 + 2 * len(index)
    swapped = Protocol("subject", (4, 5))
    assert protocol_digest(index, swapped) != digest
    assert protocol_digest(changed(index, label=index.label[::-1]), protocol) == digest


def test_digest_of_a_split() -> None:
    labels = nw_ucla.SPEC.labels
    assert split_digest(labels, (4, 1)) == split_digest(labels, (1, 4))
    assert split_digest(labels[::-1], (8, 5)) == split_digest(labels, (1, 4))
    others = {split_digest(labels, unseen) for unseen in ((1, 4), (1, 3), (1,), (1, 3, 4), ())}
    assert len(others) == 5


def test_digests_stay_as_they_are() -> None:
    """SHA-256 of JSON, so that digests told years ago can be compared."""
    index = Index(
        name=np.array(["b", "ä", "a"]),
        shard=np.array(["x"] * 3),
        subject=np.array([1, 1, 2], np.int32),
        **{name: np.zeros(3, np.int64) for name in ("offset", "bytes")},
        **{
            name: np.zeros(3, np.int32) for name in ("label", "camera", "setup", "frames", "bodies")
        },
    )
    # printf '[["b", "\u00e4"], ["a"]]' | sha256sum
    assert protocol_digest(index, Protocol("subject", (1,))) == "32fe3bf9cc18"
    # printf '["carry", "sit down"]' | sha256sum
    assert split_digest(nw_ucla.SPEC.labels, (4, 9)) == "97a26a01cfd6"
