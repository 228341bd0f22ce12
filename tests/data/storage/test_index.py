"""The index of a converted dataset: loading, damage, selections."""

import dataclasses
import pathlib

import pytest
from etils import epath

from data_pipelines.errors import DataError
from data_pipelines.specs.dataset import Protocol
from data_pipelines.storage.index import Index, check_record, select
from support import tiny_dataset


def test_facts_are_those_of_the_records(tiny: pathlib.Path) -> None:
    index, records = Index.load(tiny), tiny_dataset.samples()
    assert len(index) == len(records) == 11
    for column in ("name", "label", "subject", "camera", "setup"):
        assert getattr(index, column).tolist() == [getattr(r, column) for r in records]
    assert index.frames.tolist() == [record.skeleton.shape[0] for record in records]
    assert index.bodies.tolist() == [record.skeleton.shape[1] for record in records]


def test_any_path_loads(tiny: pathlib.Path) -> None:
    digests = {Index.load(kind(tiny)).digest for kind in (str, pathlib.Path, epath.Path)}
    assert len(digests) == 1


def test_another_record_is_named_whatever_the_folder_is_called(tiny: pathlib.Path) -> None:
    with pytest.raises(
        DataError, match=r"^a\{b\}/index\.csv and .* line 2 is of sample 'sample, 0'"
    ):
        check_record(Index.load(tiny), 0, tiny_dataset.samples()[1], "a{b}")


def test_digest_is_of_the_facts_alone(tiny: pathlib.Path, tmp_path: pathlib.Path) -> None:
    index = Index.load(tiny)
    moved = Index.load(tiny_dataset.in_two_shards(tiny, tmp_path / "tiny"))
    assert set(index.shard) != set(moved.shard)
    assert index.digest == moved.digest
    for column in ("name", "label", "subject", "camera", "setup", "frames", "bodies"):
        values = getattr(index, column).copy()
        values[3] = values[4] if column == "name" else values[3] + 1
        assert dataclasses.replace(index, **{column: values}).digest != index.digest


def test_missing_dataset_says_the_command(tmp_path: pathlib.Path) -> None:
    command = f"python -m data_pipelines.convert nw_ucla --raw=PATH --out={tmp_path}"
    with pytest.raises(DataError, match=f"no converted dataset is here; run `{command}`"):
        Index.load(tmp_path / "nw_ucla")


def test_another_version_of_the_format_is_refused(tiny_copy: pathlib.Path) -> None:
    """Also where its columns are others, which would be called damage."""
    file = tiny_copy / "index.csv"
    text = file.read_text().replace(",1.0.0/", ",1.1.0/")
    for content in (text, text.replace("name,label", "name,clip,label")):
        file.write_text(content)
        with pytest.raises(
            DataError, match=r"is of format 1\.1\.0, .* reads 1\.0\.0; convert again: run `python"
        ):
            Index.load(tiny_copy)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_cut_shard(tiny_copy: pathlib.Path, keep: float) -> None:
    (shard,) = tiny_copy.glob("*/*.tfrecord-*")
    shard.write_bytes(shard.read_bytes()[: int(shard.stat().st_size * keep)])
    with pytest.raises(
        DataError, match=r"tfrecord-.* is cut or altered; convert again: run `python"
    ):
        Index.load(tiny_copy)


def test_missing_shard(tiny_copy: pathlib.Path) -> None:
    next(tiny_copy.glob("*/*.tfrecord-*")).unlink()
    with pytest.raises(DataError, match=r"tfrecord-.* is missing; convert again"):
        Index.load(tiny_copy)
    (tiny_copy / "pack").mkdir()
    assert len(Index.load(tiny_copy)) == 11


def without_last_row(text: str) -> str:
    return text[: text.rstrip().rindex("\n") + 1]


DAMAGE = {
    "half": lambda text: text[: len(text) // 2],
    "last character": lambda text: text[:-1],
    "last row": without_last_row,
    "header": lambda text: text.split("\n", 1)[1],
    "only header": lambda text: text.split("\n", 1)[0] + "\n",
    "empty": lambda text: "",
    "word": lambda text: text.replace(",1,", ",one,", 1),
    "number": lambda text: text.replace(",1,", f",{10**12},", 1),
    "row": lambda text: text.replace("\n", "\nx\n", 3),
    "quote": lambda text: text.replace('"', "", 1),
    "offset": lambda text: text.replace(",0,", ",7,"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_index(tiny_copy: pathlib.Path, damage: str) -> None:
    text = (tiny_copy / "index.csv").read_text()
    (tiny_copy / "index.csv").write_text(DAMAGE[damage](text))
    with pytest.raises(DataError, match="is cut or altered; convert again: run `python"):
        Index.load(tiny_copy)


@pytest.mark.parametrize(
    ("protocol", "train"),
    [
        (Protocol("subject", (1, 2, 3), (7, 4)), [0, 1, 2, 5, 6, 7, 10]),
        (Protocol("camera", (2,), (5, 6)), [1, 3, 5, 7, 9]),
        (Protocol("setup", (1,), (5, 6)), [6, 7, 8, 9, 10]),
    ],
    ids=lambda value: getattr(value, "column", ""),
)
def test_select(tiny: pathlib.Path, protocol: Protocol, train: list[int]) -> None:
    chosen, test = select(Index.load(tiny), protocol)
    assert chosen.tolist() == train
    assert test.tolist() == sorted(set(range(11)) - set(train))
