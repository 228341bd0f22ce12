"""Files of scores: a round trip, and refusals of malformed content in one line."""

import io
import pathlib

import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.workdir.scores import Scores, read_scores, scores_path, write_scores


def scores(samples: int = 5, classes: int = 3) -> Scores:
    rng = np.random.default_rng(0)
    return Scores(
        score=rng.normal(size=(samples, classes)).astype(np.float32),
        label=rng.integers(0, classes, size=samples).astype(np.int32),
        name=np.array([f"sample_{i}" for i in range(samples)]),
        facts={"protocol": "xsub", "seed": "1"},
    )


def test_round_trip(tmp_path: pathlib.Path) -> None:
    path = scores_path(tmp_path / "run", "test")
    assert path == tmp_path / "run" / "scores" / "test.npz"
    for samples in (5, 4):
        write_scores(path, scores(samples))
        back = read_scores(path)
        np.testing.assert_array_equal(back.score, scores(samples).score)
        np.testing.assert_array_equal(back.label, scores(samples).label)
        assert back.name.tolist() == scores(samples).name.tolist()
        assert back.facts == scores().facts
    assert [file.name for file in path.parent.iterdir()] == ["test.npz"]


def test_the_file_has_no_pickled_arrays(tmp_path: pathlib.Path) -> None:
    write_scores(tmp_path / "test.npz", scores())
    with np.load(tmp_path / "test.npz", allow_pickle=False) as content:
        assert content["score"].dtype == np.float32
        assert content["label"].dtype == np.int32
        assert content["name"].dtype.kind == "U"


def test_take_selects_samples() -> None:
    taken = scores().take(np.array([3, 0]))
    assert taken.name.tolist() == ["sample_3", "sample_0"]
    np.testing.assert_array_equal(taken.score, scores().score[[3, 0]])


def change(tmp_path: pathlib.Path, **arrays: object) -> pathlib.Path:
    """Write a file of scores with some arrays replaced, or left out where `None`."""
    content = {"score": scores().score, "label": scores().label, "name": scores().name} | arrays
    path = tmp_path / "test.npz"
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return path


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"label": None, "name": None}, "has no label and no name"),
        ({"score": np.zeros(5, np.float32)}, r"shapes \(5,\), \(5,\), \(5,\) are not"),
        ({"label": np.zeros(4, np.int32)}, r"shapes \(5, 3\), \(4,\), \(5,\) are not"),
        ({"label": np.zeros(5)}, "types float32, float64, <U8 are not"),
        ({"label": np.full(5, 3)}, r"labels 3\.\.3 do not fit 3 classes"),
        ({"label": np.full(5, -1)}, r"labels -1\.\.-1 do not fit 3 classes"),
        ({"name": np.array(["a", "b", "c", "a", "d"])}, "the sample a occurs 2 times"),
        ({"score": np.full((5, 3), np.nan, np.float32)}, "scores of sample_0 are not finite"),
        (
            {"score": np.zeros((0, 3)), "label": np.zeros(0, int), "name": np.zeros(0, "U1")},
            "there are no samples",
        ),
        ({"facts": "[1]"}, "is not a file of scores"),
        ({"name": np.array([None] * 5)}, "is not a file of scores"),
    ],
)
def test_malformed_content_is_refused(tmp_path: pathlib.Path, arrays: dict, message: str) -> None:
    path = change(tmp_path, **arrays)
    with pytest.raises(UserError, match=message) as caught:
        read_scores(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_and_damaged_files_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.npz is missing; evaluate"):
        read_scores(tmp_path / "nowhere.npz")
    path = change(tmp_path)
    content = path.read_bytes()
    single = io.BytesIO()
    np.save(single, scores().score)
    halves = content[: len(content) // 2], content[:200] + content[260:]
    for content in (b"", b"no archive", *halves, single.getvalue()):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"test.npz is not a file of scores, or is cut short"):
            read_scores(path)
