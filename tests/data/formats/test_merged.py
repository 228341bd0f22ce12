"""Converted datasets of one body become one dataset, and what would not be honest is refused."""

import dataclasses
import pathlib
import shutil

import numpy as np
import pytest
import yaml
from etils import epath

from configs import star_utd
from data_pipelines import verify
from data_pipelines.convert import convert, main
from data_pipelines.errors import DataError
from data_pipelines.formats import merged
from data_pipelines.readers.sample import read
from data_pipelines.specs import catalog, spec_file
from data_pipelines.specs.dataset import Protocol
from data_pipelines.storage.index import Index, select
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.data import open_dataset
from gapjax.experiment.model import descriptions
from gapjax.experiment.plan import Plan
from support import own_folder

LABELS = {
    "one": ["wave", "kick", "sit down", "walk"],
    "two": ["jump", "wave", "sit to rest", "bow", "stand"],
}
SAMPLES = {"one": 8, "two": 5}
DATASETS = {"one": "xsub", "two": "xview"}


def write_own(folder: pathlib.Path, name: str, **changes: object) -> pathlib.Path:
    """Write the raw files of a dataset; those of the second have larger numbers."""
    described = folder / name / "texts.yaml"
    views = {"xview": {"camera": [2]}} if name == "two" else {}
    metadata = {
        "labels": LABELS[name],
        "protocols": {"xsub": {"subject": [1, 2]}, **views},
        "zero_shot": {"2": LABELS[name][:2], "last": LABELS[name][2:4]},
        "texts": described.name,
        **changes,
    }
    raw = own_folder.write(folder / name, SAMPLES[name], **metadata)
    described.write_text(
        own_folder.texts(metadata["labels"]).replace("A person will", f"In {name}, people")
    )
    if name == "two":
        for path in (raw / "clips").iterdir():
            np.save(path, 2 * np.load(path))
        table = (raw / "samples.csv").read_text().replace(",2,1", ",2,2").replace(",3,1", ",30,2")
        (raw / "samples.csv").write_text(table)
    return raw


def write_list(folder: pathlib.Path, **content: object) -> pathlib.Path:
    """Write the file that lists datasets beside their folders."""
    path = folder / "both.yaml"
    path.write_text(yaml.safe_dump({"datasets": DATASETS, **content}, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Return a folder with both datasets, converted; no test may change them."""
    folder = tmp_path_factory.mktemp("parts")
    for name in LABELS:
        convert("own", write_own(folder / "raw", name), folder / "data")
    return folder / "data"


@pytest.fixture(scope="module")
def both(parts: pathlib.Path) -> pathlib.Path:
    """Return the dataset made of both; it is in the folder that they are in."""
    raw = write_list(parts, same={"sit to rest": "sit down"})
    assert main(["merged", f"--raw={raw}", f"--out={parts}"]) == 0
    return parts / "both"


def test_samples(parts: pathlib.Path, both: pathlib.Path) -> None:
    index = Index.load(both)
    assert index.name.tolist() == [f"one/clips/{n}" for n in range(8)] + [
        f"two/clips/{n}" for n in range(5)
    ]
    assert index.label.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 4, 4, 4, 4, 0]
    assert index.subject.tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 8, 7, 5]
    assert index.camera.tolist() == [1] * 9 + [2, 2, 1, 1]
    for row, number, scale in ((0, 0, 1), (7, 7, 1), (9, 1, 2)):
        made = own_folder.array(number, persons=1 + number % 2)
        np.testing.assert_array_equal(read(str(both), index, row), scale * made)


def test_facts(both: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, index = catalog.spec_of(both), Index.load(both)
    assert spec.labels == ("wave", "kick", "sit down", "walk", "jump", "bow", "stand")
    assert (spec.format, spec.persons, spec.coordinates, spec.confidence) == ("merged", 2, 3, True)
    assert spec.skeleton.joints == tuple(own_folder.JOINTS)
    assert spec.protocols == {"merged": Protocol("setup", (1,))}
    train, test = select(index, spec.protocols["merged"])
    assert train.tolist() == [0, 1, 4, 5, 9, 10]
    assert sorted([*train, *test]) == list(range(13))
    # "wave" is unseen in both datasets, and "sit to rest" is "sit down" in both.
    assert spec.zero_shot == {
        "one_2": (0, 1),
        "one_last": (2, 3),
        "two_2": (0, 4),
        "two_last": (2, 5),
    }
    assert verify.main([str(both)]) == 0
    assert "protocol merged: partial, 6 train, 7 test" in capsys.readouterr().out


def test_a_config_takes_it(both: pathlib.Path) -> None:
    dataset = open_dataset(plan_for(both))
    assert set(dataset.index.label[dataset.problem.train]) == {dataset.labels.index("kick")}
    assert [dataset.labels[each] for each in dataset.problem.unseen_indices] == ["wave", "jump"]
    assert len(dataset.problem.evaluations["test"]) == 7


def plan_for(folder: pathlib.Path) -> Plan:
    config = star_utd.get_config("smoke")
    config.data.update(dir=str(folder.parent), dataset="both", protocol="merged", zero_shot="two_2")
    config.data.validation_subjects = 0
    return plan_of(config)


def test_own_texts_are_carried(both: pathlib.Path) -> None:
    plan = plan_for(both)
    found = descriptions(plan, open_dataset(plan))
    assert [text.label for text in found] == list(catalog.spec_of(both).labels)
    assert found[0].paragraph == "In one, people wave."
    assert found[4].paragraph == "In two, people jump."


@pytest.fixture
def copies(parts: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a folder with copies of both datasets that may be changed."""
    for name in LABELS:
        shutil.copytree(parts / name, tmp_path / name)
    return tmp_path


def test_own_texts_beside_those_of_gapjax(copies: pathlib.Path) -> None:
    """As of NW-UCLA with recordings of one's own."""
    describe_by_name(copies / "one", "nw_ucla")
    found = merged.open_raw(write_list(copies), "both")
    assert found.spec.texts == "nw_ucla"
    labels = [entry["label"] for entry in yaml.safe_load(found.texts)["classes"]]
    assert labels == ["wave", "jump", "sit to rest", "bow", "stand"]
    (copies / "both").mkdir()
    spec_file.write(epath.Path(copies / "both"), found.spec)
    (copies / "both" / "texts.yaml").write_bytes(found.texts)
    assert catalog.spec_of(copies / "both").texts == f"nw_ucla+{copies}/both/texts.yaml"


def test_texts_of_gapjax_alone(copies: pathlib.Path) -> None:
    describe_by_name(copies / "one", "nw_ucla")
    describe_by_name(copies / "two", "utd_mhad")
    found = merged.open_raw(write_list(copies), "both")
    assert (found.spec.texts, found.texts) == ("nw_ucla+utd_mhad", None)
    describe_by_name(copies / "one", "")
    found = merged.open_raw(write_list(copies), "both")
    assert (found.spec.texts, found.texts) == ("", None)


@pytest.mark.parametrize("content", ["classes: [wave]", "a: 1", "classes:\n- label: 1"])
def test_texts_that_are_refused(content: str, copies: pathlib.Path) -> None:
    (copies / "two" / "texts.yaml").write_text(content)
    with pytest.raises(DataError, match=r"two/texts.yaml: (line 1: )?classes should be a list of"):
        merged.open_raw(write_list(copies), "both")


def describe_by_name(folder: pathlib.Path, name: str) -> None:
    """Let a converted dataset have descriptions of gapjax instead of its own."""
    spec = dataclasses.replace(catalog.spec_of(folder), texts=name)
    (folder / "texts.yaml").unlink(missing_ok=True)
    spec_file.write(epath.Path(folder), spec)


def test_published_counts(copies: pathlib.Path) -> None:
    """They are those of the papers, whatever is there; none if one paper does not tell."""
    raw, spec = write_list(copies), catalog.spec_of(copies / "one")
    counted = {"xsub": Protocol("subject", (1, 2), (70, 30))}
    spec_file.write(epath.Path(copies / "one"), dataclasses.replace(spec, protocols=counted))
    assert merged.open_raw(raw, "both").spec.protocols["merged"].counts is None
    counted = {"xview": Protocol("camera", (2,), (5, 4))}
    spec_file.write(epath.Path(copies / "two"), dataclasses.replace(spec, protocols=counted))
    assert merged.open_raw(raw, "both").spec.protocols["merged"].counts == (75, 34)


LISTS = {
    "one alone": ({"datasets": {"one": "xsub"}}, "line 1: datasets should have two converted"),
    "none": ({"datasets": None}, "line 1: datasets should have two converted folders"),
    "no folder": ({"datasets": {"one": "xsub", "three": "xsub"}}, "three: no converted dataset is"),
    "protocol": ({"datasets": {**DATASETS, "one": "xset"}}, "one has no protocol 'xset'; there ar"),
    "no protocol": ({"datasets": {**DATASETS, "one": ["xsub"]}}, "one has no protocol ['xsub']"),
    "twice": ({"datasets": {**DATASETS, "./one": "xsub"}}, "has two folders called 'one'; rename"),
    "other key": ({"same as": {}}, "line 4: same as is not a key; there are datasets, same"),
    "no class": ({"same": {"wave": "bough"}}, "line 4: same has 'bough', which is not a class"),
    "in turn": ({"same": {"jump": "bow", "bow": "kick"}}, "same counts 'jump' as 'bow', which is "),
    "too few": ({"same": {"jump": "wave"}}, "leaves 1 classes unseen of 7 in 2 of two; at least 2"),
}


@pytest.mark.parametrize("case", LISTS)
def test_lists_that_are_refused(case: str, parts: pathlib.Path, tmp_path: pathlib.Path) -> None:
    content, message = LISTS[case]
    for name in LABELS:
        (tmp_path / name).symlink_to(parts / name)
    with pytest.raises(DataError) as caught:
        merged.open_raw(write_list(tmp_path, **content), "both")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bodies_that_are_refused(copies: pathlib.Path) -> None:
    raw, spec = write_list(copies), catalog.spec_of(copies / "two")
    body = spec.skeleton
    swapped = dataclasses.replace(body, joints=(body.joints[1], body.joints[0], *body.joints[2:]))
    others = {
        r"one and two have other joints \(15 and 15\); names and": {"skeleton": swapped},
        "one and two have other coordinates, 2D with confidence and 3D": {"confidence": False},
    }
    for message, changes in others.items():
        spec_file.write(epath.Path(copies / "two"), dataclasses.replace(spec, **changes))
        with pytest.raises(DataError, match=message):
            merged.open_raw(raw, "both")


def test_names_that_are_refused(copies: pathlib.Path) -> None:
    with pytest.raises(DataError, match="has 'one', the merged one's name; give another --name"):
        merged.open_raw(write_list(copies), "one")
    (copies / "two").rename(copies / "22_5")
    raw = write_list(copies, datasets={"one": "xsub", "22_5": "xview"})
    with pytest.raises(DataError, match="has '22_5', which is not a name; rename the folder"):
        merged.open_raw(raw, "both")


def test_a_pack_that_went_away(copies: pathlib.Path) -> None:
    item = merged.open_raw(write_list(copies), "both").items[0]
    (copies / "one" / "pack" / "digest").unlink()
    with pytest.raises(
        DataError, match=r"one \(one/clips/0\): its pack is gone; run the command again"
    ):
        list(merged.read(item))
