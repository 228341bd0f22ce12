"""The specs of the datasets against the papers and the released code (facts C.3, C.7, D.7)."""

import importlib

import pytest

from data_pipelines.datasets import _ntu
from data_pipelines.specs import catalog
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.specs.skeletons import KINECT20, NTU25

NAMES = catalog.modules()

# For every zero-shot split, the classes that facts D.7 name, and some labels by which to tell them.
SPLITS = {
    ("ntu60", "55_5"): "10,11,19,26,56",
    ("ntu60", "48_12"): "3,5,9,12,15,40,42,47,51,56,58,59",
    ("ntu60", "table5_1"): "4,19,31,47,51",
    ("ntu60", "table5_2"): "12,29,32,44,59",
    ("ntu60", "table5_3"): "7,20,28,39,58",
    ("ntu120", "110_10"): "4,13,37,43,49,65,88,95,99,106",
    (
        "ntu120",
        "96_24",
    ): "5,9,11,16,18,20,22,29,35,39,45,49,59,68,70,81,84,87,93,94,104,113,114,119",
    ("pku_mmd", "46_5"): "1,9,20,34,50",
    ("pku_mmd", "39_12"): "3,7,11,15,19,21,25,31,33,36,43,48",
    ("pku_mmd", "table5_1"): "3,14,29,31,49",
    ("pku_mmd", "table5_2"): "2,15,39,41,43",
    ("pku_mmd", "table5_3"): "4,12,16,22,36",
    ("utd_mhad", "22_5"): "4,14,17,23,24",
    ("utd_mhad", "18_9"): "0,1,3,6,7,11,13,16,18",
    ("utd_mhad", "14_13"): "0,1,6,8,9,10,12,13,19,20,21,23,24",
    ("nw_ucla", "8_2"): "1,4",
    ("nw_ucla", "5_5"): "1,3,4,6,8",
    ("utkinect", "8_2"): "1,6",
    ("utkinect", "5_5"): "1,3,5,6,8",
    ("msrc12", "9_3"): "1,4,9",
    ("msrc12", "8_4"): "0,3,6,11",
}
UNSEEN = {
    ("ntu60", "55_5"): ["reading", "writing", "put on a hat/cap", "jump up", "touch pocket"],
    ("pku_mmd", "46_5"): [
        *("brushing hair", "eat meal/snack", "pat on back of other person"),
        *("take off a hat/cap", "writing"),
    ],
}
CLASSES = {
    "ntu60": 60,
    "ntu120": 120,
    "pku_mmd": 51,
    "pku_mmd_2": 51,
    "utd_mhad": 27,
    "nw_ucla": 10,
    "utkinect": 10,
    "msrc12": 12,
    "kinect_union": 45,
}


def spec_of(name: str) -> DatasetSpec:
    return importlib.import_module(f"data_pipelines.datasets.{name}").SPEC


@pytest.mark.parametrize("name", NAMES)
def test_every_module_of_datasets_is_a_dataset(name: str) -> None:
    spec = spec_of(name)
    assert spec.name == name
    assert spec.skeleton in (NTU25, KINECT20)
    assert len(set(spec.labels)) == len(spec.labels)
    assert all(label == label.strip() for label in spec.labels)
    for protocol in spec.protocols.values():
        assert protocol.column in ("subject", "camera", "setup")
        assert sorted(set(protocol.train)) == list(protocol.train)
    for unseen in spec.zero_shot.values():
        assert len(set(unseen)) == len(unseen) < len(spec.labels)
        assert set(unseen) <= set(range(len(spec.labels)))


@pytest.mark.parametrize(("name", "split"), SPLITS)
def test_zero_shot_splits(name: str, split: str) -> None:
    spec = spec_of(name)
    assert ",".join(map(str, spec.zero_shot[split])) == SPLITS[name, split]
    assert set(spec.zero_shot) == {split for dataset, split in SPLITS if dataset == name}
    if not split.startswith("table"):
        count = len(spec.zero_shot[split])
        assert split == f"{len(spec.labels) - count}_{count}"
    if (name, split) in UNSEEN:
        assert [spec.labels[label] for label in spec.zero_shot[split]] == UNSEEN[name, split]


@pytest.mark.parametrize("name", CLASSES)
def test_numbers_of_classes(name: str) -> None:
    assert len(spec_of(name).labels) == CLASSES[name]


def test_ntu_protocols() -> None:
    """56,578 and 113,945 samples are usable; 20 and 53 subjects are for training."""
    for name, usable in (("ntu60", 56578), ("ntu120", 113945)):
        assert {sum(each.counts) for each in spec_of(name).protocols.values()} == {usable}
    subjects = [spec_of(name).protocols["xsub"].train for name in ("ntu60", "ntu120")]
    assert [(len(train), max(train)) for train in subjects] == [(20, 38), (53, 103)]
    assert all(setup % 2 == 0 for setup in spec_of("ntu120").protocols["xset"].train)
    assert spec_of("ntu60").labels == _ntu.LABELS[:60]
    places = {0: "drink water", 26: "jump up", 49: "punch/slap", 59: "walking apart"}
    places |= {60: "put on headphone", 105: "hit with object", 119: "rock-paper-scissors"}
    assert {place: _ntu.LABELS[place] for place in places} == places
