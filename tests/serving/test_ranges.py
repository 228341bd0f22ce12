"""A clip that is far from the training data: units, axes, joints, place; ordinary ones are not."""

import dataclasses
import functools
import json
import pathlib
import shutil
from collections.abc import Callable

import numpy as np
import pytest

from data_pipelines.datasets import nw_ucla, synthetic, utd_mhad
from data_pipelines.specs.skeletons import NTU25
from data_pipelines.storage.index import Index, select
from data_pipelines.storage.packed import open_pack
from gapjax import classify
from gapjax.experiment.data import open_dataset, training_frames
from gapjax.experiment.schema import read_flat
from gapjax.serving import ranges
from gapjax.workdir import bundle_files
from gapjax.workdir.config_file import read_config
from support.raw_records import records_of

NOTHING = {"origin": "none", "scale": "none"}
NAMES = {"units": "times as large", "axes": "stand otherwise", "joints": "other proportions"}
MISTAKES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "millimeters": (lambda clip: clip * 1000, NAMES["units"]),
    "centimeters": (lambda clip: clip * 100, NAMES["units"]),
    "y down": (lambda clip: clip * np.array([1, -1, 1], np.float32), NAMES["axes"]),
    "z up": (lambda clip: clip[..., [0, 2, 1]], NAMES["axes"]),
    "reversed joints": (lambda clip: clip[:, :, ::-1], NAMES["joints"]),
    "moved": (lambda clip: np.where(clip == 0, 0, clip + 50), "are elsewhere"),
}


@pytest.fixture(scope="module")
def kept(gap_bundle: pathlib.Path) -> dict:
    """Return the ranges that a bundle keeps of the built-in data."""
    return bundle_files.read_metadata(gap_bundle)["ranges"]


@pytest.fixture(scope="module")
def tested(data: pathlib.Path) -> list[np.ndarray]:
    """Return all test clips of the built-in data, persons first."""
    index = Index.load(data / "synthetic")
    pack = open_pack(data / "synthetic", index)
    _, rows = select(index, synthetic.SPEC.protocols["xsub"])
    return [pack.skeleton(int(row)).swapaxes(0, 1) for row in rows]


def test_training_clips_are_read_with_and_without_a_pack(
    data: pathlib.Path, gap_run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    packed = open_dataset(read_flat(read_config(gap_run)))
    folder = shutil.copytree(
        data / "synthetic", tmp_path / "synthetic", ignore=shutil.ignore_patterns("pack")
    )
    streamed = dataclasses.replace(packed, directory=folder)
    pairs = zip(training_frames(packed, 9), training_frames(streamed, 9), strict=True)
    for first, second in pairs:
        np.testing.assert_array_equal(first, second[: len(first)])
        assert not second[len(first) :].any()
    assert len(list(training_frames(packed, 9))) == 9


def found_in(clip: np.ndarray, kept: dict, recipe: dict = NOTHING) -> list[str]:
    return ranges.unlike(ranges.figure_of(clip, 3, NTU25.bones), kept, recipe)


def test_no_ordinary_clip_is_doubted(kept: dict, tested: list[np.ndarray]) -> None:
    assert len(tested) == 720
    assert [clip for clip in tested if found_in(clip, kept)] == []
    # A clip of one frame, one of a person in the second slot, and one of sight for some frames.
    for clip in (tested[0][:, :1], np.stack([0 * tested[0][0], tested[0][0]])):
        assert found_in(clip, kept) == []
    hidden = tested[0].copy()
    hidden[:, 5:] = 0
    assert found_in(hidden, kept) == []
    assert ranges.figure_of(0 * hidden, 3, NTU25.bones) is None


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str, kept: dict, tested: list[np.ndarray]) -> None:
    change, said = MISTAKES[mistake]
    for clip in tested[::9]:
        assert any(said in line for line in found_in(change(clip), kept))


def test_few_training_samples_make_no_ordinary_clip_doubtful(tested: list[np.ndarray]) -> None:
    kept = ranges.ranges_of([ranges.figure_of(tested[0], 3, NTU25.bones)] * 2)
    assert [clip for clip in tested if found_in(clip, kept)] == []
    for change, said in MISTAKES.values():
        assert any(said in line for line in found_in(change(tested[1]), kept))


def test_what_the_recipe_mends_is_no_mistake(kept: dict, tested: list[np.ndarray]) -> None:
    moved, large = (MISTAKES[name][0](tested[0]) for name in ("moved", "millimeters"))
    assert found_in(moved, kept, {**NOTHING, "origin": "first_frame"}) == []
    for clip in (moved, large):
        assert found_in(clip, kept, {**NOTHING, "scale": "axis_range"}) == []
    down = MISTAKES["y down"][0](tested[0])
    assert found_in(down, kept, {"origin": "first_frame", "scale": "axis_range"}) != []


@functools.cache
def real(name: str, archive: pathlib.Path) -> tuple[dict, list[np.ndarray]]:
    """Return the ranges of training samples of real data, and the test clips."""
    module, protocol = {"nw_ucla": (nw_ucla, "xview"), "utd_mhad": (utd_mhad, "xsub")}[name]
    split, bones = module.SPEC.protocols[protocol], module.SPEC.skeleton.bones
    records = list(records_of(module, archive))
    trained = [getattr(record, split.column) in split.train for record in records]
    clips = [record.skeleton.swapaxes(0, 1) for record in records]
    figures = [ranges.figure_of(clip, 3, bones) for clip in clips]
    kept = ranges.ranges_of(
        [f for f, is_trained in zip(figures, trained, strict=True) if is_trained]
    )
    return kept, [f for f, is_trained in zip(figures, trained, strict=True) if not is_trained]


@pytest.mark.parametrize("name", ["nw_ucla", "utd_mhad"])
def test_no_clip_of_real_data_is_doubted(name: str, request: pytest.FixtureRequest) -> None:
    kept, figures = real(name, request.getfixturevalue(f"{name}_zip"))
    assert len(figures) > 400
    assert [figure for figure in figures if ranges.unlike(figure, kept, NOTHING)] == []


def test_the_command_warns_in_one_line_a_clip(
    gap_bundle: pathlib.Path,
    tested: list[np.ndarray],
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, clip in (("good", tested[3]), ("large", 1000 * tested[3])):
        np.save(tmp_path / f"{name}.npy", clip.swapaxes(0, 1))
    files = [str(tmp_path / f"{name}.npy") for name in ("good", "large")]
    assert classify.main([f"--bundle={gap_bundle}", "--format=json", *files]) == 0
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert "large.npy is unlike the training data: bodies are" in line
    assert [entry["file"] for entry in json.loads(out)] == files
