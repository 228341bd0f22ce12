"""Data of one's own: any joints, from a folder of arrays, a YAML and a table."""

import os
import pathlib
import re
import shutil

import numpy as np
import pytest
import yaml
from etils import epath

from data_pipelines import show, verify
from data_pipelines.convert import convert, main
from data_pipelines.datasets import ntu60, synthetic
from data_pipelines.errors import DataError
from data_pipelines.formats import own
from data_pipelines.readers.sample import read
from data_pipelines.specs import catalog, checked_yaml, spec_file
from data_pipelines.specs.dataset import Protocol
from data_pipelines.storage.index import Index, select
from docs import fine_tuning_data
from support import own_folder


def test_what_is_converted(tmp_path: pathlib.Path) -> None:
    raw = own_folder.write(tmp_path / "Mine 2")
    folder = convert("own", raw, tmp_path / "data")
    assert folder == tmp_path / "data" / "mine_2"
    index, spec = Index.load(folder), catalog.spec_of(folder)
    assert index.name.tolist() == [f"clips/{number}" for number in range(16)]
    assert index.label.tolist() == [0, 0, 0, 0, 1, 1, 1, 1] * 2
    assert index.bodies.tolist() == [1, 2] * 8
    for row in (4, 5):
        stored = read(str(folder), index, row)
        np.testing.assert_array_equal(stored, own_folder.array(row, 1 + row % 2))
    assert (spec.name, spec.format, spec.texts) == ("mine_2", "own", "")
    assert (spec.coordinates, spec.confidence, spec.space, spec.persons) == (3, True, 2, 2)
    assert spec.labels == ("wave", "kick")
    assert spec.protocols == {"xsub": Protocol("subject", (1, 2))}
    assert [len(rows) for rows in select(index, spec.protocols["xsub"])] == [8, 8]


def test_bones_are_turned_to_the_root(tmp_path: pathlib.Path) -> None:
    raw = own_folder.write(tmp_path / "mine", samples=1)
    body = spec_file.spec_of(checked_yaml.load(epath.Path(raw / "dataset.yaml")), "mine").skeleton
    name = body.joints.index
    assert body.root == body.center == name("hip")
    assert (name("nose"), name("neck")) in body.bones
    assert (name("neck"), name("hip")) in body.bones
    parents = dict(body.bones)
    assert sorted(parents) == [joint for joint in range(15) if joint != body.root]
    for joint in range(15):
        for _ in range(15):
            joint = parents.get(joint, body.root)
        assert joint == body.root


def test_facts_are_carried_as_they_are(tmp_path: pathlib.Path) -> None:
    """Also those of a dataset with parts, splits and published counts."""
    place = epath.Path(tmp_path / "ntu60")
    place.mkdir()
    spec_file.write(place, ntu60.SPEC)
    assert spec_file.read(place) == ntu60.SPEC


def test_a_converted_folder_can_be_checked_and_drawn(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = own_folder.write(tmp_path / "mine", zero_shot=None)
    assert main(["own", f"--raw={raw}", f"--out={tmp_path}/data", "--name=other"]) == 0
    folder = tmp_path / "data" / "other"
    assert verify.main([str(folder)]) == 0
    assert "protocol xsub: ok, 8 train, 8 test" in capsys.readouterr().out
    scene = show.read(str(folder), "clips/3")
    assert scene.skeleton.shape == (9, 2, 15, 2)
    assert [view.title for view in scene.views] == ["as in the image"]
    (folder / "index.csv").write_text("cut")
    assert verify.main([str(folder)]) == 1
    command = f"python -m data_pipelines.convert own --name=other --raw=PATH --out={folder.parent}"
    assert f"`{command} --overwrite`" in capsys.readouterr().out


FAULTS = {
    "unknown key": ({"joint": []}, r"line 8: joint is not a key; there are joints, bones"),
    "no root": ({"root": None}, r"root is missing; add it"),
    "root": ({"root": "hips"}, r"line 3: root has 'hips', which is none of the 15 joints"),
    "twice": ({"labels": ["wave", "wave"]}, r"line 4: labels has 'wave' twice"),
    "yes": ({"labels": ["wave", True]}, r"labels has True, which is not one line of text; put it"),
    "ring": ({"bones": [*own_folder.BONES, [0, 2]]}, r"bones form a ring: 15 joints need 14"),
    "apart": ({"bones": own_folder.BONES[:-1]}, r"bones do not connect 'left ankle' to the root"),
    "bone": ({"bones": [["nose", "tail"]]}, r"bones has 'tail', which is none of the 15 joints"),
    "triple": ({"bones": [[0, 1, 2]]}, r"bones should be a list of pairs of joints"),
    "kind": ({"coordinates": "4D"}, r"coordinates is '4D'; there are 3D, 2D, 2D with confidence"),
    "person order": ({"person_order": "size"}, r"person_order is 'size', none of \('motion'"),
    "persons": ({"persons": 0}, r"persons is 0, not a number from 1"),
    "column": ({"protocols": {"x": {"who": [1]}}}, r"protocols 'x' should name one of subject, "),
    "train": ({"protocols": {"x": {"subject": ["a"]}}}, r"'x': subject should be a list of num"),
    "protocols": ({"protocols": {}}, r"protocols should have at least one, such as xsub"),
    "part": ({"parts": {2: {"": [0]}}}, r"parts '2' has the part ''; give it a name"),
    "part twice": ({"parts": {2: {"a": [0, "nose"]}}}, r"parts '2': 'a' has a joint twice; remove"),
    "split": ({"zero_shot": {"a": ["jump"]}}, r"zero_shot 'a' has 'jump', which is not a label"),
    "no list": ({"zero_shot": {"a": "wave"}}, r"zero_shot 'a' should be a list of labels"),
    "few": ({"zero_shot": {"a": ["wave"]}}, r"zero_shot 'a' should leave 2 classes unseen and 2"),
    "texts": ({"texts": "t.yaml"}, r"texts names 't.yaml', which is not a file in "),
    "zero byte": ({"texts": "t\0"}, r"texts names 't.x00', which is not a file in "),
}


@pytest.mark.parametrize("name", FAULTS)
def test_mistakes_in_the_facts(name: str, tmp_path: pathlib.Path) -> None:
    changes, expected = FAULTS[name]
    raw = own_folder.write(tmp_path / "mine", samples=1)
    (raw / "dataset.yaml").write_text(own_folder.dumped(own_folder.metadata(**changes)))
    with pytest.raises(DataError, match=expected) as caught:
        convert("own", raw, tmp_path / "data")
    assert str(caught.value).startswith(f"{raw / 'dataset.yaml'}: ")
    assert "\n" not in str(caught.value)


def described(changes: dict, index: int = 1) -> str:
    """Return the texts of both classes, one of them changed."""
    content = yaml.safe_load(own_folder.texts())
    content["classes"][index] |= changes
    return yaml.safe_dump(content, sort_keys=False)


FINGERS = {"2": {"thumb": [0], "index": [1]}}
DESCRIPTIONS = {
    "line 13: class 1 has an unknown field 'synonym'; did": described({"synonym": ["x"]}),
    "class 'kick' is not described; did you mean 'kik'?": described({"label": "kik"}),
    "class 'wave' is described 2 times": described({"label": "wave"}),
    "line 13: class 1 (kick): paragraph is True, it should be a": described({"paragraph": True}),
    "is a web page": "<html>",
    "it should have one key, `classes`": "a: 1",
    "parts '2' of dataset.yaml: no text describes the part 'thumb': class 'wave' describes head,": (
        own_folder.texts()
    ),
}


@pytest.mark.parametrize("expected", DESCRIPTIONS)
def test_mistakes_in_the_descriptions(expected: str, tmp_path: pathlib.Path) -> None:
    """They are told by a conversion, of the user's own file."""
    parts = FINGERS if "thumb" in expected else None
    raw = own_folder.write(tmp_path / "mine", samples=4, texts="my texts.yaml", parts=parts)
    (raw / "my texts.yaml").write_text(DESCRIPTIONS[expected])
    with pytest.raises(DataError, match=re.escape(expected)) as caught:
        convert("own", raw, tmp_path / "data")
    assert str(caught.value).startswith(f"{raw / 'my texts.yaml'}: ")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_names_alone_are_descriptions(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parts and other fields are demanded by the methods that read them."""
    raw = own_folder.write(tmp_path / "mine", texts="t.yaml", parts=FINGERS)
    (raw / "t.yaml").write_text("classes: [{label: kick}, {label: wave}]")
    assert (convert("own", raw, tmp_path / "data") / "texts.yaml").exists()
    told = f"{raw / 'dataset.yaml'}: parts '2' leave out {', '.join(own_folder.JOINTS[2:])}: no"
    assert told in capsys.readouterr().out


TEXTS = {
    "mapping": ("- joints", "should map names"),
    "yaml": ("joints: [a\nbones: b", r"line 2: is not readable YAML \("),
    "twice": ("root: a\njoints: [a]\nroot: b", "line 3: root is already in line 1; remove one"),
    "latin": (b"root: \xe9", "is not readable YAML"),
    "empty": ("", "should map names"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_mistakes_in_the_yaml(name: str, tmp_path: pathlib.Path) -> None:
    content, expected = TEXTS[name]
    (tmp_path / "dataset.yaml").write_bytes(content if name == "latin" else content.encode())
    with pytest.raises(DataError, match=expected) as caught:
        convert("own", tmp_path, tmp_path / "data", title="mine")
    assert "\n" not in str(caught.value)


TABLES = {
    "line 1: the columns are file, label, .* found 'file;label'": "file;label\na.npy;wave",
    "line 1: the columns are .* found 'action'": "file,action\na.npy,wave",
    "line 1: names no column file, or no column label": "file\na.npy",
    "line 3: 'jump' is neither a label nor a number from 0 to 1": "file,label\na.npy,1\nb.npy,jump",
    "line 2: '9{200,} … 9{200,}' is neither a label": f"file,label\na.npy,{'9' * 5000}",
    "line 2: subject 'anna' is not a whole number": "file,label,subject\na.npy,wave,anna",
    "line 2: has 1 values, but there are 2 columns": "file,label\na.npy",
    "line 2: '../a.npy' is not a .npy file inside": "file,label\n../a.npy,wave",
    "line 2: 'a.txt' is not a .npy file": "file,label\na.txt,wave",
    "line 2: '9{200,} … 9{200,}.npy' is not a .npy file": f"file,label\n{'9' * 5000}.npy,wave",
    "line 4: ./a.npy is already in line 2": "file,label\na.npy,wave\nb.npy,wave\n./a.npy,wave",
    "has no sample; add a line": "file,label\n\n",
    "is not UTF-8": "file,label\n\udce9.npy,wave",
}


@pytest.mark.parametrize("expected", TABLES)
def test_mistakes_in_the_table(expected: str, tmp_path: pathlib.Path) -> None:
    raw = own_folder.write(tmp_path / "mine", samples=1)
    table = raw / "samples.csv"
    table.write_bytes(TABLES[expected].encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=expected) as caught:
        convert("own", raw, tmp_path / "data")
    assert str(caught.value).startswith(f"{table}: ")
    table.unlink()
    with pytest.raises(DataError, match=r"samples.csv: is missing; write it, with the columns"):
        convert("own", raw, tmp_path / "data")


def test_mistakes_in_arrays_reject_one_file_each(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = own_folder.write(tmp_path / "mine", samples=9)
    nan = own_folder.array(1, 2)
    nan[2, 0, 4, 1] = np.nan
    np.save(raw / "clips" / "1.npy", nan)
    np.save(raw / "clips" / "2.npy", np.zeros((5, 15, 2)))
    np.save(raw / "clips" / "3.npy", np.array([{}]), allow_pickle=True)
    (raw / "clips" / "4.npy").write_bytes((raw / "clips" / "5.npy").read_bytes()[:-9])
    (raw / "clips" / "6.npy").unlink()
    np.save(raw / "clips" / "7.npy", np.zeros((5, 15, 3)))
    assert main(["own", f"--raw={raw}", f"--out={tmp_path}/data"]) == 3
    folder = tmp_path / "data" / "mine"
    assert Index.load(folder).name.tolist() == ["clips/0", "clips/5", "clips/8"]
    lines = (folder / "rejected.csv").read_text().splitlines()[1:]
    expected = [
        "clips/1.npy,,\"frame 2, joint 'right wrist' is not finite; write zeros for what is ",
        'clips/2.npy,,"is 5 x 15 x 2, not frames (x persons) x 15 joints x 3; correct',
        "clips/3.npy,,is not a complete .npy file of numbers (",
        "clips/4.npy,,is not a complete .npy file of numbers (",
        "samples.csv,8,there is no file ",
        "clips/7.npy,,sample 'clips/7' has no frame in which anybody is seen with a ",
    ]
    for line, text in zip(lines, expected, strict=True):
        assert line.replace('"', "").startswith(f"{raw}/{text}".replace('"', "")), line
    capsys.readouterr()


@pytest.mark.parametrize("persons", [1, 2])
def test_of_more_persons_those_who_move_most_are_kept(
    persons: int, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By dataset.yaml and by the flag; the advice of the report gives the same."""
    stored = []
    crowd = own_folder.array(0, persons=4)[:, [3, 2, 0, 1]]
    crowd[:, :, :, :2] *= np.array([3, 1, 9, 6])[:, None, None]
    expected = crowd[:, [2, 3][:persons]]
    for name, limit in (("yaml", persons), ("flag", 9)):
        raw = own_folder.write(tmp_path / name, samples=40, persons=limit)
        for number in range(40):
            np.save(raw / f"clips/{number}.npy", own_folder.array(number, persons))
        np.save(raw / "clips" / "0.npy", crowd)
        flags = ["own", f"--raw={raw}", f"--out={tmp_path}/data", "--jobs=1"]
        assert main(flags) == 0
        advised = re.search(r"--persons=\d+ --overwrite", capsys.readouterr().out)
        assert (advised is None) == (name == "yaml")
        if advised:
            assert main([*flags, *advised.group().split()]) == 0
            kept = f"dropped: {4 - persons} persons who move less than others, of 1 samples"
            assert kept in capsys.readouterr().out
        folder = tmp_path / "data" / name
        index = Index.load(folder)
        assert (catalog.spec_of(folder).persons, index.bodies.max()) == (persons, persons)
        stored.append(read(str(folder), index, 0))
    np.testing.assert_array_equal(stored, [expected, expected])


def test_persons_first_are_no_crowd(tmp_path: pathlib.Path) -> None:
    raw = own_folder.write(tmp_path / "mine", samples=3)
    np.save(raw / "clips" / "0.npy", np.ones((2, 20, 15, 3)))
    wanted = r"write the array as frames x persons x joints x coordinates$"
    with pytest.raises(DataError, match=f"clips/0.npy: has 2 frames of 20 persons; {wanted}"):
        convert("own", raw, tmp_path / "data", strict=True)


SIDES = {
    "no column": ({"setup": [1, 2]}, "'x' goes by setup, but samples.csv has no column setup; add"),
    "nobody trains": ({"subject": [7, 8]}, "'x' trains on no sample: none has the subject 7 or 8;"),
    "empty": ({"subject": []}, "'x' trains on no sample: its list of subject is empty; correct"),
    "nobody tests": ({"camera": [0, 1]}, "'x' tests on no sample: all have the camera 0 or 1; cor"),
}


@pytest.mark.parametrize("name", SIDES)
def test_a_side_of_a_protocol_without_samples(name: str, tmp_path: pathlib.Path) -> None:
    protocol, expected = SIDES[name]
    raw = own_folder.write(tmp_path / "mine", protocols={"xsub": {"subject": [1]}, "x": protocol})
    with pytest.raises(DataError, match=f"dataset.yaml: line 7: protocols {expected}") as caught:
        convert("own", raw, tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def with_splits(raw: pathlib.Path, words: list[str], column: str = "split") -> pathlib.Path:
    """Add a column of words, in turn, to a folder's table."""
    table = raw / "samples.csv"
    header, *rows = table.read_text().split()
    rows = [f"{row},{words[number % len(words)]}" for number, row in enumerate(rows)]
    table.write_text("\n".join([f"{header},{column}", *rows, ""]))
    return raw


# The words of the samples in turn; the protocols of the YAML; protocol → samples on both sides.
SPLITS = {
    "train and test": (["Train", "testing"], None, {"split": ("02", "13")}),
    "three": (
        ["train", "val", "test", ""],
        {"x": {"subject": [1]}},
        {"split": ("0", "2"), "split_val": ("0", "1"), "x": ("0", "123")},
    ),
    "validation": (["training", "validation", ""], None, {"split": ("036", "147")}),
    "others": (["train", "probe", "train", "gallery"], {}, {"split": ("02", "13")}),
    "words": (["a", "b", "c", "a"], {"o": {"split": ["A", "c"]}}, {"o": ("0234", "1")}),
}


@pytest.mark.parametrize("name", SPLITS)
def test_a_column_of_splits_becomes_protocols(name: str, tmp_path: pathlib.Path) -> None:
    words, protocols, expected = SPLITS[name]
    raw = own_folder.write(tmp_path / "mine", samples=12, protocols=protocols)
    found = own.open_raw(with_splits(raw, words), "mine")
    assert found.spec.protocols.keys() == expected.keys()
    place = epath.Path(tmp_path / "converted")
    place.mkdir()
    spec_file.write(place, found.spec)
    assert spec_file.read(place).protocols == found.spec.protocols
    columns = {
        column: np.array([item.sample.column(column) for item in found.items])
        for column in ("subject", "setup")
    }
    for protocol, sides in expected.items():
        wanted = found.spec.protocols[protocol]
        rows = columns[wanted.column]
        train = np.isin(rows, wanted.train)
        test = ~train if wanted.test is None else np.isin(rows, wanted.test)
        period = len(words) if wanted.column == "setup" else 4
        for side, members in zip((train, test), sides, strict=True):
            turns = {int(member) % period for member in members}
            assert np.flatnonzero(side).tolist() == [n for n in range(12) if n % period in turns]


def test_setups_and_splits_go_together(tmp_path: pathlib.Path) -> None:
    protocols = {"xset": {"setup": [7]}, "some": {"setup": [7], "test": [9]}}
    raw = own_folder.write(tmp_path / "mine", protocols=protocols)
    with_splits(with_splits(raw, ["7", "7", "9"], "setup"), ["train", "test"])
    found = own.open_raw(raw, "mine")
    setups = np.array([item.sample.column("setup") for item in found.items])
    number = np.arange(16)
    trains = {name: np.isin(setups, each.train) for name, each in found.spec.protocols.items()}
    assert trains["xset"].tolist() == trains["some"].tolist() == (number % 3 != 2).tolist()
    tested = np.isin(setups, found.spec.protocols["some"].test)
    assert tested.tolist() == (number % 3 == 2).tolist()
    assert trains["split"].tolist() == (number % 2 == 0).tolist()


BAD_SPLITS = {
    "samples.csv: the column split has a, b, not train and test; name in dataset.yaml those that "
    "train: protocols: {official: {split: [a]}}": (["a", "b"], None),
    "samples.csv: the column split has train, not train and test; name": (["train"], None),
    "protocols 'x' trains on 'c', which is no word of the column split (a, b)": (
        ["a", "b"],
        {"x": {"split": ["c"]}},
    ),
    "protocols 'x' should name split alone": (["a"], {"x": {"split": ["a"], "subject": [1]}}),
    "protocols 'x' tests on no sample": (["a", "b"], {"x": {"split": ["a", "b"]}}),
    "'x' goes by split, but samples.csv has no column split; add it": ([], {"x": {"split": ["a"]}}),
}


@pytest.mark.parametrize("expected", BAD_SPLITS)
def test_mistakes_in_splits(expected: str, tmp_path: pathlib.Path) -> None:
    words, protocols = BAD_SPLITS[expected]
    raw = own_folder.write(tmp_path / "mine", samples=4, protocols=protocols)
    if words:
        with_splits(raw, words)
    with pytest.raises(DataError, match=re.escape(expected)):
        own.open_raw(raw, "mine")


def test_folders_are_told_apart(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dot in a folder's name starts no ending; what then has one name is said to be skipped."""
    for name, samples in (("mine.v1", 3), ("mine.v2", 7)):
        raw = own_folder.write(tmp_path / name, samples)
        folder = convert("own", raw, tmp_path / "data")
        assert folder.name == name.replace(".", "_")
        assert len(Index.load(folder)) == samples
    other = own_folder.write(tmp_path / "mine-v2", samples=3)
    for path in other.glob("*.*"):
        os.utime(path, (0, 0))
    expected = (
        r"mine_v2 was not made of the samples.csv that .*mine-v2 has now: convert with --over"
    )
    with pytest.raises(DataError, match=expected):
        convert("own", other, tmp_path / "data")
    shutil.copy(tmp_path / "mine.v2" / "samples.csv", other)
    capsys.readouterr()
    assert convert("own", other, tmp_path / "data") == folder
    assert capsys.readouterr().out == (
        f"{folder}: 7 samples, already converted; {other} is not read (--overwrite converts again, "
        "--name=NAME beside it)\n"
    )


@pytest.mark.slow
def test_the_folder_of_the_docs(data: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Six classes that the split leaves unseen: five training clips of each, all test clips."""
    fine_tuning_data.write(data, tmp_path / "mine", clips=5)
    opened = own.open_raw(tmp_path / "mine", "mine")
    unseen = synthetic.SPEC.zero_shot["18_6"]
    assert opened.spec.labels == tuple(synthetic.SPEC.labels[number] for number in unseen)
    train = opened.spec.protocols["xsub"].train
    samples = [item.sample for item in opened.items]
    labels = [each.metadata[0] for each in samples if each.column("subject") in train]
    assert np.bincount(labels).tolist() == [5] * 6
    (record,) = own.read(opened.items[0])
    index = Index.load(data / "synthetic")
    (row,) = np.flatnonzero(index.name == record.name.removeprefix("clips/"))
    np.testing.assert_array_equal(record.skeleton, read(str(data / "synthetic"), index, int(row)))


def test_a_header_that_is_no_python(tmp_path: pathlib.Path) -> None:
    raw = own_folder.write(tmp_path / "mine", samples=3)
    path = raw / "clips" / "0.npy"
    path.write_bytes(path.read_bytes().replace(b"}", b" ", 1))
    with pytest.raises(DataError, match=r"clips/0.npy: is not a complete .npy file of numbers"):
        convert("own", raw, tmp_path / "data", strict=True)


def test_names(tmp_path: pathlib.Path) -> None:
    raw = own_folder.write(tmp_path / "1st", samples=1)
    with pytest.raises(DataError, match="'1st' is not a name: give --name"):
        convert("own", raw, tmp_path / "data")
    with pytest.raises(DataError, match="'ntu60' is the name of a module; give another"):
        convert("own", raw, tmp_path / "data", title="ntu60")
    with pytest.raises(DataError, match="--name=mine: synthetic has its name"):
        convert("synthetic", None, tmp_path / "data", title="mine")
    with pytest.raises(DataError, match=r"own needs --raw=PATH: a folder with dataset.yaml"):
        convert("own", None, tmp_path / "data")
    with pytest.raises(DataError, match=r"nowhere: no such file or folder; --raw takes a folder"):
        convert("own", tmp_path / "nowhere", tmp_path / "data")
    with pytest.raises(DataError, match=r"dataset.yaml: is missing; --raw takes a folder with"):
        convert("own", tmp_path, tmp_path / "data", title="mine")
