"""Showing a sample: how it is read, which files are written, and one line where it cannot be."""

import io
import pathlib
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from data_pipelines.convert import convert
from data_pipelines.show import main, read, show
from data_pipelines.storage import tfrecord
from data_pipelines.storage.packed import open_pack
from support import own_folder, tiny_dataset

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_known")]


def opened(path: str) -> Image.Image:
    return Image.open(io.BytesIO(pathlib.Path(path).read_bytes()))


def test_samples_are_read_as_they_were_written(tiny: pathlib.Path) -> None:
    for sample in tiny_dataset.samples():
        drawn = read(str(tiny), sample.name)
        np.testing.assert_array_equal(drawn.skeleton, sample.skeleton)
        assert drawn.title == ("wave", "hug", "stand")[sample.label]
    assert drawn.metadata[:3] == ("tiny", "sample, 10", "class 1")
    assert drawn.metadata[3:6] == ("subject 1", "camera 1", "setup 1")
    assert drawn.metadata[6:] == ("9 frames", "1 person", "4 joints of stick4")


@pytest.mark.parametrize("without", ["tensorflow", "records"])
def test_the_pack_is_read_where_records_cannot_be(
    tiny_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    open_pack(tiny_copy)
    if without == "tensorflow":
        tfrecord.tensorflow.cache_clear()
        monkeypatch.setitem(sys.modules, "tensorflow", None)
    else:
        shutil.rmtree(tiny_copy / "1.0.0")
    for sample in tiny_dataset.samples():
        drawn = read(str(tiny_copy), sample.name)
        np.testing.assert_array_equal(drawn.skeleton, sample.skeleton)


def test_a_confidence_tells_which_joints_are_drawn(tmp_path: pathlib.Path) -> None:
    raw = own_folder.write(tmp_path / "mine", samples=4)
    file = raw / "clips" / "1.npy"
    stored = np.load(file)
    stored[2, 1, 3] = 0
    np.save(file, stored)
    drawn = read(str(convert("own", raw, tmp_path / "data")), "clips/1")
    np.testing.assert_array_equal(drawn.drawn, stored[..., 2] > 0)
    assert drawn.drawn.sum() == drawn.drawn.size - 1


def test_command(
    tiny: pathlib.Path,
    tiny_copy: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([f"{tiny_copy}/", "sample, 4"]) == 0
    assert capsys.readouterr().out == (
        f"{tiny_copy}-pictures/sample, 4.png\n{tiny_copy}-pictures/sample, 4.gif\n"
    )
    assert opened(f"{tiny_copy}-pictures/sample, 4.gif").n_frames == 7
    assert main([str(tiny), "sample, 1", "--out=new/folder", "--frames=3"]) == 0
    assert {path.name for path in pathlib.Path("new/folder").iterdir()} == {
        "sample, 1.png",
        "sample, 1.gif",
    }
    # A sample is found by its file's name, too.
    assert main([str(tiny), "sample, 0.npy", "--out=one.GIF"]) == 0
    assert main([str(tiny), "sample, 0", "--frames=2", "--out=one.png"]) == 0
    assert opened("one.GIF").n_frames == 5
    assert opened("one.png").format == "PNG"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"data", "new", "one.GIF", "one.png"}


def test_without_a_name_some_are_listed(
    tiny: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tiny)]) == 0
    head, *listed, last = capsys.readouterr().out.splitlines()
    assert head == f"{tiny}: 11 samples of 3 classes, for example"
    assert listed == ["  sample, 0  wave", "  sample, 1  hug", "  sample, 2  stand"]
    assert last == f"To draw one: python -m data_pipelines.show {tiny} 'sample, 0'"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sampel, 7"], "of 11 samples none is 'sampel, 7'; there are: sample, 7, sample, "),
        (["???"], "none is '???'; there are: sample, 0, sample, 1, sample, 2"),
        (["sample, 1", "--frames=0"], "--frames=0: give a number from 1 to 64"),
        (["sample, 1", "--frames=65"], "--frames=65: give a number from 1 to 64"),
        (["sample, 1", "--out=x.jpg"], "--out=x.jpg: give a folder, or a file that ends in .png"),
        (
            ["sample, 1", "--out={tiny}/index.csv/x"],
            "1.png cannot be written: Not a directory; choose another --out",
        ),
    ],
)
def test_mistakes(
    tiny: pathlib.Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main([str(tiny), *(argument.format(tiny=tiny) for argument in arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("gapjax: ")
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_folders_that_are_no_dataset(
    tiny: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "x"]) == 2
    assert f"{tmp_path}: no converted dataset is here" in capsys.readouterr().err
    assert main([str(shutil.copytree(tiny, tmp_path / "other"))]) == 2
    assert "no dataset 'other' (there are: " in capsys.readouterr().err
    synthetic = shutil.copytree(tiny, tmp_path / "synthetic")
    assert main([str(synthetic), "sample, 1"]) == 2
    said = "'sample, 1' has 4 joints of 3 numbers, unlike synthetic; convert again"
    assert said in capsys.readouterr().err
    index = tmp_path / "other" / "index.csv"
    index.write_text(index.read_text().replace('"sample, 0",0,', '"sample, 0",3,'))
    (tmp_path / "there").mkdir()
    wrong = (tmp_path / "other").rename(tmp_path / "there" / "tiny")
    assert main([str(wrong)]) == 2
    assert "has classes that tiny has not; convert again" in capsys.readouterr().err


def test_names_that_are_no_file_names(tiny_copy: pathlib.Path, tmp_path: pathlib.Path) -> None:
    index = tiny_copy / "index.csv"
    index.write_text(index.read_text().replace('sample, 1"', '../a:b"'))
    written = show(str(tiny_copy), "../a:b", tmp_path / "out", 2)
    assert [path.name for path in written] == [".._a_b.png", ".._a_b.gif"]
    assert {path.parent for path in written} == {tmp_path / "out"}
