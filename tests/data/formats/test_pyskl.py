"""PYSKL's pickles become datasets; what is not plain data in a pickle is refused, never run."""

import builtins
import collections
import io
import os
import pathlib
import pickle
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from data_pipelines import verify
from data_pipelines.convert import convert, main
from data_pipelines.datasets import ntu60
from data_pipelines.errors import DataError, FileError
from data_pipelines.formats import pyskl
from data_pipelines.parsers import plain_pickle
from data_pipelines.readers.sample import read
from data_pipelines.specs import catalog
from data_pipelines.specs.skeletons import COCO17, NTU25
from data_pipelines.storage.index import Index, select
from support import pyskl_file
from support.pyskl_file import NAMES


def write(path: pathlib.Path, value: object, protocol: int = 4) -> pathlib.Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("flat", [True, False])
def test_conversion(flat: bool, protocol: int, tmp_path: pathlib.Path) -> None:
    raw = write(tmp_path / "ntu60_hrnet.pkl", pyskl_file.content(flat), protocol)
    folder = convert("pyskl", raw, tmp_path / "data")
    index, spec = Index.load(folder), catalog.spec_of(folder)
    assert index.name.tolist() == NAMES
    for row in range(len(NAMES)):
        given = pyskl_file.annotation(row, flat)
        numbers = given["keypoint"]
        if flat:
            numbers = np.concatenate([numbers, given["keypoint_score"][..., None]], axis=-1)
        expected = numbers.astype(np.float32).swapaxes(0, 1)
        np.testing.assert_array_equal(read(str(folder), index, row), expected)
        assert index.label[row] == 59 * (row // 4)
    assert spec.skeleton == (COCO17 if flat else NTU25)
    assert (spec.space, spec.confidence, spec.persons) == ((2, True, 2) if flat else (3, False, 2))
    assert (len(spec.labels), spec.texts) == (60, "ntu120")
    assert index.subject.tolist() == [1, 1, 3, 3] * 2
    assert index.camera.tolist() == [1, 2] * 4
    for protocol_name, train in (("xsub", "P001"), ("xview", "C002")):
        rows, others = select(index, spec.protocols[protocol_name])
        assert index.name[rows].tolist() == [name for name in NAMES if train in name]
        assert len(rows) + len(others) == len(NAMES)


def changed(**changes: Any) -> dict[str, Any]:
    """Return a pickle's content whose first sample is changed."""
    made = pyskl_file.content(flat=True)
    made["annotations"][0] |= changes
    return made


WRONG = {
    "has no dict of split and annotations": [1, 2],
    "has no annotations": {"split": {}, "annotations": []},
    "split should map names to lists": {"split": {"a": 1}, "annotations": [1]},
    "has 0 pairs of splits such as xsub_train and xsub_val": {
        "split": {"a": []},
        "annotations": [1],
    },
    "has 12 joints of 2 coordinates, not 25 joints of 3 or 17 joints of 2": {
        "split": pyskl_file.content(flat=True)["split"],
        "annotations": [pyskl_file.annotation(0, flat=True) | {"keypoint": np.ones((1, 4, 12, 2))}],
    },
    "has no usable annotation; all are in no split": {
        "split": {"train": [], "val": []},
        "annotations": [pyskl_file.annotation(0, flat=True)],
    },
    "has no usable annotation; .*a.pkl: annotation 0 has no frame_dir": {
        "split": {"train": [], "val": []},
        "annotations": [pyskl_file.annotation(0, flat=True) | {"label": "walk"}],
    },
}


@pytest.mark.parametrize("expected", WRONG)
def test_other_contents(expected: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        pyskl.open_raw(write(tmp_path / "a.pkl", WRONG[expected]), "a")
    assert "\n" not in str(caught.value)


FAULTY = {
    "annotation 0 has no frame_dir or no label from 0": {"label": "walk"},
    "annotation 0 (NAME) has no keypoint of 4 axes": {"keypoint": None},
    "annotation 0 (NAME) has a keypoint_score that is not": {
        "keypoint_score": np.full((1, 4, 17), "x")
    },
    "annotation 0 (NAME) has the label 60, but its name says 0 (A001); correct": {"label": 60},
}


@pytest.mark.parametrize("expected", FAULTY)
def test_one_bad_annotation_is_rejected_alone(expected: str, tmp_path: pathlib.Path) -> None:
    """Whatever its label is, the others are of NTU RGB+D's 60 classes."""
    found = pyskl.open_raw(write(tmp_path / "a.pkl", changed(**FAULTY[expected])), "a")
    assert (len(found.items), found.spec.labels) == (len(NAMES), ntu60.SPEC.labels)
    with pytest.raises(FileError) as caught:
        list(pyskl.read(found.items[0]))
    assert expected.replace("NAME", NAMES[0]) in str(caught.value).replace(": has", " has")
    for item in found.items[1:]:
        assert len(list(pyskl.read(item))) == 1


def relabelled(change: Callable[[int], int]) -> dict[str, Any]:
    """Return a pickle's content with other labels."""
    made = pyskl_file.content(flat=True)
    for each in made["annotations"]:
        each["label"] = change(int(each["label"]))
    return made


def test_labels_from_one_are_refused_with_advice_that_works(tmp_path: pathlib.Path) -> None:
    content = relabelled(lambda label: label + 1)
    with pytest.raises(
        DataError, match=r"start at 1 \(S.* has the label 1, not 0\); sub"
    ) as caught:
        pyskl.open_raw(write(tmp_path / "a.pkl", content), "a")
    exec(str(caught.value).partition("each: ")[2], {"content": content})
    found = pyskl.open_raw(write(tmp_path / "b.pkl", content), "b")
    assert [item.metadata[0] for item in found.items] == [0] * 4 + [59] * 4
    with pytest.raises(
        DataError, match=r"all labels contradict the names \(S.* the label 7, not 0"
    ):
        pyskl.open_raw(write(tmp_path / "c.pkl", relabelled(lambda label: label + 7)), "c")


def test_samples_in_no_split_are_left_out(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = changed(frame_dir="other")
    content["split"] |= {"train1": NAMES[1:3], "test1": NAMES[3:5], "val1": NAMES[5:7]}
    raw = write(tmp_path / "a.pkl", content)
    assert main(["pyskl", f"--raw={raw}", f"--out={tmp_path}", "--jobs=1"]) == 0
    folder = tmp_path / "a"
    assert "left out: 1, in no split; listed in " in capsys.readouterr().out
    assert f"{raw}: annotation 0 (other),,in no split" in (folder / "left_out.csv").read_text()
    index, spec = Index.load(folder), catalog.spec_of(folder)
    assert list(spec.protocols) == ["xsub", "xview", "split1", "split1_val"]
    for name, test in (("split1", NAMES[3:5]), ("split1_val", NAMES[5:7])):
        sides = [index.name[rows].tolist() for rows in select(index, spec.protocols[name])]
        assert sides == [NAMES[1:3], test]
    assert [len(rows) for rows in select(index, spec.protocols["xsub"])] == [3, 4]
    (check,) = [check for check in verify.verify(folder) if check.name == "protocol split1"]
    assert not check.faults
    assert "2 train, 2 test, 3 on neither side" in check.summary


@pytest.mark.parametrize("kind", [np.int16, np.uint8])
def test_whole_numbers_are_coordinates(kind: type, tmp_path: pathlib.Path) -> None:
    content, whole = pyskl_file.content(flat=True), []
    for each in content["annotations"]:
        each["keypoint"] = np.abs(each["keypoint"]).astype(kind)
        each["keypoint_score"] = np.ones(each["keypoint_score"].shape, np.uint8)
        whole.append(each["keypoint"])
    found = pyskl.open_raw(write(tmp_path / "a.pkl", content), "a")
    for item, keypoint in zip(found.items, whole, strict=True):
        (record,) = pyskl.read(item)
        np.testing.assert_array_equal(record.skeleton[..., :2], keypoint.swapaxes(0, 1))


def test_scores_of_another_shape_reject_their_sample(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = write(tmp_path / "a.pkl", changed(keypoint_score=np.ones((1, 3, 17))))
    assert main(["pyskl", f"--raw={raw}", f"--out={tmp_path}"]) == 3
    assert "keypoint and keypoint_score disagree" in (tmp_path / "a" / "rejected.csv").read_text()
    capsys.readouterr()


class Calls:
    """Pickles as a call."""

    def __init__(self, function: object, *given: object) -> None:
        """Keep what is called."""
        self.call = function, given

    def __reduce__(self) -> tuple:
        return self.call


class Persistent(pickle.Pickler):
    """Writes texts as references."""

    def persistent_id(self, value: object) -> str | None:
        return "elsewhere" if isinstance(value, str) else None


HOSTILE = {
    "posix.system": Calls(os.system, "touch HERE"),
    "builtins.eval": Calls(builtins.eval, "open('HERE', 'w')"),
    "builtins.exec": {"split": {}, "annotations": [Calls(exec, "open('HERE', 'w')")]},
    "subprocess.Popen": [Calls(subprocess.Popen, ["touch", "HERE"])],
    "builtins.getattr": Calls(getattr, "a", "upper"),
    "builtins.bytearray": bytearray(3),
    "collections.OrderedDict": collections.OrderedDict(a=1),
    "numpy.load": Calls(np.load, "HERE"),
    "an array of objects|type 'O8'": np.array([{}], dtype=object),
    "an array of type 'V8'": np.zeros(2, [("a", "<f4"), ("b", "<f4")]),
    "a text in 'rot13'": Calls(__import__("_codecs").encode, "a", "rot13"),
    "a call of numpy.ndarray": Calls(np.ndarray, (10**9,)),
}


@pytest.mark.parametrize("wanted", HOSTILE)
def test_hostile_pickles_are_refused(
    wanted: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    raw = write(tmp_path / "a.pkl", HOSTILE[wanted])
    for convert_it in (plain_pickle.load, lambda path: convert("pyskl", path, tmp_path / "data")):
        with pytest.raises(DataError, match=rf"a.pkl: is refused: it wants .*({wanted})") as caught:
            convert_it(raw)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pkl"]


def test_references_are_refused(tmp_path: pathlib.Path) -> None:
    file = io.BytesIO()
    Persistent(file).dump(["a"])
    (tmp_path / "a.pkl").write_bytes(file.getvalue())
    with pytest.raises(DataError, match="wants a reference to 'elsewhere'"):
        plain_pickle.load(tmp_path / "a.pkl")


def test_what_is_found_cannot_be_changed(tmp_path: pathlib.Path) -> None:
    """A pickle that gives the finder's function other attributes changes no later pickle."""
    program = b"cnumpy\ndtype\n}S'array'\nS'x'\nsb."
    (tmp_path / "a.pkl").write_bytes(program)
    plain_pickle.load(tmp_path / "a.pkl")
    assert not hasattr(plain_pickle._Type, "array")
    good = write(tmp_path / "b.pkl", np.arange(3))
    np.testing.assert_array_equal(plain_pickle.array(plain_pickle.load(good)), np.arange(3))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    "given", [np.arange(6.0).reshape(2, 3).T, np.arange(3, dtype=">i2"), np.array(["é", "bc"])]
)
def test_arrays(given: np.ndarray, protocol: int, tmp_path: pathlib.Path) -> None:
    read_back = plain_pickle.array(plain_pickle.load(write(tmp_path / "a", given, protocol)))
    np.testing.assert_array_equal(read_back, given)
    assert read_back.dtype == given.dtype


def test_damaged_pickles(tmp_path: pathlib.Path) -> None:
    """Cut anywhere or with any byte flipped: plain data, or one line; never another error."""
    small = {"split": {}, "annotations": [np.arange(3, dtype=np.int16), "a", 1.5, (None, True)]}
    whole = pickle.dumps(small, protocol=4)
    path, errors = tmp_path / "a.pkl", []
    damaged = [whole[:cut] for cut in range(len(whole))]
    rng = np.random.default_rng(1)
    for _ in range(500):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    for each in damaged:
        path.write_bytes(each)
        try:
            plain_pickle.load(path)
        except DataError as error:
            errors.append(str(error))
    assert len(errors) > len(whole)
    assert not any("\n" in error for error in errors)


def test_a_pickle_cannot_ask_for_memory(tmp_path: pathlib.Path) -> None:
    """Python makes a list as long as the largest number of a remembered thing."""
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04Nr\xff\xff\xff\x7f.")
    with pytest.raises(DataError, match="its memo has 0 objects and numbers one 2147483647"):
        plain_pickle.load(tmp_path / "a.pkl")
