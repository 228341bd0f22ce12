"""CTR-GCN's .npz files: rows are read one by one, in their true length, with who is there."""

import io
import pathlib
import zipfile

import numpy as np
import pytest

from data_pipelines.conversion import reading
from data_pipelines.convert import convert, main
from data_pipelines.datasets import _ntu, ntu60
from data_pipelines.errors import DataError
from data_pipelines.formats import ctr_gcn
from data_pipelines.specs import catalog
from data_pipelines.storage.index import Index, select

FRAMES = 9
COUNTS = {"train": 5, "test": 3}


def samples(side: str) -> list[np.ndarray]:
    """Return sequences (t m v c) of a side: of 1 to 9 frames and, every other one, two persons."""
    rng = np.random.default_rng(len(side))
    made = []
    for number in range(COUNTS[side]):
        shape = (1 + 2 * number % FRAMES, 1 + number % 2, 25, 3)
        made.append(rng.normal(size=shape).astype(np.float32))
    return made


def arrays(classes: int = 60) -> dict[str, np.ndarray]:
    """Return what the file has; the label of sample i is 7 i."""
    found = {}
    for side, count in COUNTS.items():
        whole = np.zeros((count, FRAMES, 2, 25, 3), np.float32)
        for row, sample in zip(whole, samples(side), strict=True):
            row[: len(sample), : sample.shape[1]] = sample
        found[f"x_{side}"] = whole.reshape(count, FRAMES, 150)
        found[f"y_{side}"] = np.eye(classes)[7 * np.arange(count) % classes]
    return found


@pytest.fixture
def raw(tmp_path: pathlib.Path) -> pathlib.Path:
    np.savez(tmp_path / "NTU60_CS.npz", **arrays())
    return tmp_path / "NTU60_CS.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_records(save: object, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "NTU60_CS.npz"
    save(path, **arrays())
    found = ctr_gcn.open_raw(path, "mine")
    # Backwards, too: what is compressed is then unpacked again.
    for items in (found.items, found.items[::-1]):
        for item in items:
            ((record,), _) = reading.clips_of(item, list(ctr_gcn.read(item)), found.spec)
            np.testing.assert_array_equal(record.skeleton, samples(item.side)[item.row])
            assert record.label == 7 * item.row
            assert record.setup == (item.side == "train")
            assert record.name == f"{item.side}{item.row:06}"


def test_facts(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = convert("ctr_gcn", raw, tmp_path / "data")
    assert folder.name == "ntu60_cs"
    index, spec = Index.load(folder), catalog.spec_of(folder)
    assert (spec.labels, spec.texts) == (_ntu.LABELS[:60], "ntu120")
    assert spec.zero_shot == ntu60.SPEC.zero_shot
    assert list(spec.protocols) == ["xsub"]
    train, test = select(index, spec.protocols["xsub"])
    assert [name[:5] for name in index.name[train]] == ["train"] * 5
    assert [name[:4] for name in index.name[test]] == ["test"] * 3
    assert spec.protocols["xsub"].counts == (5, 3)


def test_other_classes_have_numbers(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "mine.npz", **arrays(classes=40))
    spec = ctr_gcn.open_raw(tmp_path / "mine.npz", "mine").spec
    assert (len(spec.labels), spec.labels[39], spec.texts) == (40, "class 39", "")
    assert list(spec.protocols) == ["stored"]


def test_classes_may_be_numbers(tmp_path: pathlib.Path) -> None:
    numbers = {f"y_{side}": np.arange(count) for side, count in COUNTS.items()}
    np.savez(tmp_path / "mine.npz", **{**arrays(), **numbers})
    found = ctr_gcn.open_raw(tmp_path / "mine.npz", "mine")
    assert [item.label for item in found.items] == [0, 1, 2, 3, 4, 0, 1, 2]
    assert len(found.spec.labels) == 5


def test_classes_from_one_are_refused(tmp_path: pathlib.Path) -> None:
    numbers = {f"y_{side}": 1 + np.arange(count) for side, count in COUNTS.items()}
    assert "has no sample of class 0: number the cl" in refused(tmp_path / "a.npz", **numbers)
    shifted = {key: np.pad(arrays()[key], ((0, 0), (1, 0))) for key in ("y_train", "y_test")}
    assert "has no sample of class 0: number the cl" in refused(tmp_path / "a.npz", **shifted)


def test_empty_samples_are_rejected(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = arrays()
    changed["x_train"][2] = 0
    np.savez(tmp_path / "a.npz", **changed)
    assert main(["ctr_gcn", f"--raw={tmp_path}/a.npz", f"--out={tmp_path}"]) == 3
    (line,) = (tmp_path / "a" / "rejected.csv").read_text().splitlines()[1:]
    assert line == f'"{tmp_path}/a.npz: x_train, row 2",,{line.rpartition(",,")[2]}'
    assert "has no frame in which anybody is seen; remove it" in line
    capsys.readouterr()


def refused(path: pathlib.Path, **changes: np.ndarray | None) -> str:
    """Return how a file with changed arrays is refused; None removes one."""
    given = {key: value for key, value in {**arrays(), **changes}.items() if value is not None}
    np.savez(path, **given)
    with pytest.raises(DataError) as caught:
        ctr_gcn.open_raw(path, "mine")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_are_refused(tmp_path: pathlib.Path) -> None:
    path, there = tmp_path / "a.npz", arrays()
    assert "has no array 'x_test'; there are: x_train, y_train" in refused(path, x_test=None)
    assert "x_test is 3 x 9 x 75, not 3 x frames x 150" in refused(path, x_test=np.ones((3, 9, 75)))
    half = there["y_test"] * 0.5
    assert "y_test has a row that is not one-hot" in refused(path, y_test=half)
    for wrong in (-1.0, 0.5, 1e7, np.inf, np.nan):
        # Among 10^7 classes each would be given a name.
        assert "y_test has a row that is not" in refused(path, y_test=np.array([0.0, wrong, 1.0]))
    objects = np.array([{}, {}, {}])
    assert "y_test is of type object" in refused(path, y_test=objects)


def test_damaged_archives(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    content = raw.read_bytes()
    for cut in (0, 30, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.npz").write_bytes(content[:cut])
        with pytest.raises(DataError, match=r"cut.npz: (y_train is not a readable array|is empty)"):
            ctr_gcn.open_raw(tmp_path / "cut.npz", "mine")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_flipped_bits(save: object, tmp_path: pathlib.Path) -> None:
    """Whatever a bit changes, there is one line about it, or other numbers; no other error."""
    path, rng = tmp_path / "a.npz", np.random.default_rng(2)
    save(path, **arrays())
    whole, errors = path.read_bytes(), []
    edges = [*range(300), *range(len(whole) - 600, len(whole))]
    for number in range(200):
        flipped = bytearray(whole)
        flipped[rng.choice(edges)] ^= 1 << int(rng.integers(8))
        (tmp_path / f"{number}.npz").write_bytes(flipped)
        try:
            for item in ctr_gcn.open_raw(tmp_path / f"{number}.npz", "mine").items:
                list(ctr_gcn.read(item))
        except DataError as error:
            errors.append(str(error))
    assert len(errors) > 20
    assert not any("\n" in error for error in errors)


def test_a_header_cannot_ask_for_memory(tmp_path: pathlib.Path) -> None:
    """An array that says it is larger than its member is refused before anything is made of it."""
    header = io.BytesIO()
    claim = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 60)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("y_train.npy", header.getvalue() + bytes(60))
    with pytest.raises(DataError, match="y_train is cut short; download or write"):
        ctr_gcn.open_raw(tmp_path / "a.npz", "mine")


def test_a_damaged_member_rejects_its_rows(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **arrays())
    found = ctr_gcn.open_raw(path, "mine")
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("x_train.npy").header_offset
    content = bytearray(path.read_bytes())
    content[place + 600 : place + 700] = bytes(100)
    other = tmp_path / "b.npz"
    other.write_bytes(content)
    items = ctr_gcn.open_raw(other, "mine").items
    with pytest.raises(DataError, match=r"b.npz: x_train is damaged before row \d"):
        [list(ctr_gcn.read(item)) for item in items]
    assert len(found.items) == len(items)
