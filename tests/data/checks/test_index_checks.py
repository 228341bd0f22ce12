"""The rows of an index, its protocols and its splits: what is a fault, and what is only told."""

import dataclasses
import pathlib

import numpy as np
import pytest

from data_pipelines.checks import index_checks as checks_module
from data_pipelines.checks.index_checks import protocol_check, split_check
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.storage.digests import split_digest
from data_pipelines.storage.index import Index
from support import tiny_dataset
from support.faulty import changed, edited, failed, written

pytestmark = pytest.mark.usefixtures("tiny_known")


@pytest.mark.parametrize(
    ("fact", "value", "fault"),
    [
        ("label", 3, "has the class 3, not 0 to 2"),
        ("label", -1, "has the class -1, not 0 to 2"),
        ("bodies", 3, "has the number of persons 3, not 1 to 2"),
        ("frames", 0, "has the number of frames 0, not 1 to 9"),
    ],
)
def test_facts_out_of_range(tiny_copy: pathlib.Path, fact: str, value: int, fault: str) -> None:
    edited(tiny_copy, 4, **{fact: value})
    found = failed(tiny_copy)
    assert found[fact] == f"index.csv, line 6: sample 'sample, 4' {fault}"
    assert "rows" in found


def test_a_name_twice(tmp_path: pathlib.Path) -> None:
    """Twice in the index and in the records, so that nothing else is wrong."""
    records = tiny_dataset.samples()
    records[6] = dataclasses.replace(records[6], name=records[3].name)
    found = failed(written(tmp_path, records))
    assert found.pop("names") == "index.csv, line 8: sample 'sample, 3' has the name of line 5"
    assert found == {
        "protocol xsub": "sample 'sample, 3' is in train and in test",
        "protocol xview": "sample 'sample, 3' is in train and in test",
    }


def test_a_class_out_of_range_in_index_and_record(tmp_path: pathlib.Path) -> None:
    records = tiny_dataset.samples()
    records[6] = dataclasses.replace(records[6], label=3)
    folder = written(tmp_path, records, labels=("wave", "hug", "stand", "more"))
    fault = "index.csv, line 8: sample 'sample, 6' has the class 3, not 0 to 2"
    assert failed(folder) == {"label": fault}


def with_protocol(protocol: Protocol) -> DatasetSpec:
    return dataclasses.replace(tiny_dataset.spec(), protocols={"own": protocol})


def test_more_samples_than_published(tiny: pathlib.Path) -> None:
    check = protocol_check(
        Index.load(tiny), with_protocol(Protocol("subject", (1, 2, 3), (6, 5))), "own"
    )
    assert check.faults == ["train has 7 samples, more than the published 6"]


def test_a_whole_set_has_every_class_on_both_sides(tiny: pathlib.Path) -> None:
    index = Index.load(tiny)
    index = changed(
        index, label=[0 if row in (3, 4, 8, 9) else k for row, k in enumerate(index.label)]
    )
    fault = "test has no sample of 2 of 3 classes ('hug' first)"
    assert protocol_check(index, tiny_dataset.spec(), "xsub").faults == [fault]
    unpublished = protocol_check(index, with_protocol(Protocol("subject", (1, 2, 3))), "own")
    assert not unpublished.faults
    assert unpublished.partial
    assert unpublished.summary.startswith(f"7 train, 4 test; {fault}; digest ")


def test_a_selection_that_forgets_a_sample(
    tiny: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = np.arange(7), np.array([6, 7, 8, 9])
    monkeypatch.setattr(checks_module, "select", lambda index, protocol: chosen)
    assert protocol_check(Index.load(tiny), tiny_dataset.spec(), "xsub").faults == [
        "sample 'sample, 6' is in train and in test",
        "sample 'sample, 10' is in neither",
    ]


@pytest.mark.parametrize(
    ("name", "unseen", "faults"),
    [
        ("1_2", (0, 2), []),
        ("2_1", (0, 2), ["has 2 unseen classes of 3"]),
        ("1_2", (0, 0), ["a class is there twice"]),
        ("table", (0, 3), ["class 3 is not one of 0 to 2"]),
        ("1_2_other", (1, 2), []),
    ],
)
def test_zero_shot_splits(
    tiny: pathlib.Path, name: str, unseen: tuple[int, ...], faults: list[str]
) -> None:
    own = dataclasses.replace(tiny_dataset.spec(), zero_shot={name: unseen})
    check = split_check(Index.load(tiny), own, name)
    assert list(check.faults) == faults
    if not faults:
        assert check.summary.endswith(
            f"2 unseen classes of 3; digest {split_digest(own.labels, unseen)}"
        )


def test_an_unseen_class_without_samples(tiny: pathlib.Path) -> None:
    index = Index.load(tiny)
    own = dataclasses.replace(tiny_dataset.spec(), zero_shot={"1_2": (1, 2)})
    check = split_check(changed(index, label=index.label // 2), own, "1_2")
    assert check.partial
    assert "there is no sample of 'stand'" in check.summary
