"""Bundles: what is in them, that they give the run's scores, and that half of one is none."""

import errno
import json
import pathlib
import re
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
from huggingface_hub import ModelCard
from jax import export as jax_export

from data_pipelines.errors import DiskError, UserError
from data_pipelines.readers import sample
from data_pipelines.storage.index import Index
from gapjax import classify, export
from gapjax.experiment import schema
from gapjax.serving import bundle, bundle_writer, model_card, tflite, trained
from gapjax.serving.classification import calibrated
from gapjax.workdir import bundle_files
from gapjax.workdir.config_file import read_config
from support.commands import ROOT, counting_present, metrics

pytestmark = pytest.mark.slow

KINDS = ("gap", "star")
# What a user adds to the lines of a model card; the imports that the lines may not make.
AFTERWARDS = """
import sys
np.save("scores.npy", outputs["score"])
np.save("stacked.npy", score)
print(*{"gapjax", "data_pipelines", "flax", "tensorflow"} & set(sys.modules))
"""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(kind: str, request: pytest.FixtureRequest) -> pathlib.Path:
    """Return a bundle of either kind."""
    return request.getfixturevalue(f"{kind}_bundle")


@pytest.fixture
def workdir(kind: str, request: pytest.FixtureRequest) -> pathlib.Path:
    """Return the working directory that it was exported from."""
    return request.getfixturevalue(f"{kind}_run")


def clip_of(data: pathlib.Path, name: str) -> np.ndarray:
    """Return a raw clip of the built-in dataset, persons first."""
    index = Index.load(data / "synthetic")
    row = list(index.name).index(name)
    return sample.read(str(data / "synthetic"), index, row).swapaxes(0, 1)


def code_of_card(folder: pathlib.Path) -> str:
    """Return the lines of a bundle's model card that recognize a clip."""
    return re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]


def test_what_is_left_out(folder: pathlib.Path, kind: str) -> None:
    opened = bundle.open_bundle(folder)
    inner = opened.variables if kind == "gap" else opened.variables["method"]
    parts = {
        "gap": {"backbone", "classifier"},
        "star": {"skeleton", "part_projector", "label_projector"},
    }
    assert set(inner["params"]) == parts[kind]
    assert {path.name for path in folder.iterdir()} == {
        *(
            bundle_files.METADATA,
            bundle_files.CONFIG,
            bundle.CARD,
            bundle.FUNCTION,
            bundle_files.VARIABLES,
        ),
        *((bundle.TEXT,) if kind == "star" else ()),
    }
    shapes = {name: rows.shape for name, rows in opened.embeddings.items()}
    assert shapes == ({"label": (24, 256), "part": (24, 6, 256)} if kind == "star" else {})


def test_metadata(folder: pathlib.Path, workdir: pathlib.Path, kind: str) -> None:
    metadata = bundle.open_bundle(folder).metadata
    assert metadata["input"]["shape"] == [2, 120, 25, 3]
    assert metadata["preprocessing"]["window"] == {"gap": 8, "star": 16}[kind]
    assert len(metadata["labels"]) == 24
    assert len(metadata["trained_on"]) == {"gap": 24, "star": 18}[kind]
    assert metadata["run"]["protocol_digest"] == "a7f5e2619559"
    assert metadata["measured"].items() <= metrics(workdir)[-1].items()
    assert (metadata["gamma"] or {}).get("source") == {"gap": None, "star": "validation"}[kind]
    card = (folder / bundle.CARD).read_text()
    for text in ("protocol_digest | a7f5e2619559", "dataset | synthetic", "Trained on: wave; nod"):
        assert text in card
    assert {"gap": "eval/top1", "star": "zsl/top1"}[kind] in card


def test_the_card_has_what_hubs_read(folder: pathlib.Path, kind: str) -> None:
    """As huggingface_hub reads it, and with digests that stay strings for any YAML reader."""
    card = ModelCard.load(folder / bundle.CARD)
    metadata = bundle_files.read_metadata(folder)
    data = card.data.to_dict()
    assert (data["license"], data["library_name"]) == ("unknown", "gapjax")
    assert (data["pipeline_tag"], data["datasets"]) == ("video-classification", ["synthetic"])
    assert {kind, "skeleton", "jax"} <= {*data["tags"]}
    assert ("zero-shot" in data["tags"]) == bundle.takes_classes(metadata)
    results = card.data.eval_results
    measured = {result.metric_name: result.metric_value for result in results}
    assert measured == {
        key: value
        for key, value in metadata["measured"].items()
        if "/" in key and not key.endswith("gamma")
    }
    digests = {"protocol_digest": "a7f5e2619559"} | (
        {"split_digest": "173a4131324e"} if kind == "star" else {}
    )
    for result in results:
        assert (result.dataset_config, result.dataset_split) == ("xsub", "test")
        assert digests.items() <= result.dataset_args.items()
    assert "accuracy" in {result.metric_type for result in results}
    assert 'protocol_digest: "a7f5e2619559"' in (folder / bundle.CARD).read_text()
    run = {**metadata["run"], "protocol_digest": "12345678901e"}
    text = model_card.card({**metadata, "run": run, "license": "cc0-1.0"}, "x")
    assert 'protocol_digest: "12345678901e"' in text
    assert "Of these weights: cc0-1.0. The terms of synthetic may bind them" in text


def test_any_number_of_clips_on_every_platform(folder: pathlib.Path, kind: str) -> None:
    function = jax_export.deserialize(bytearray((folder / bundle.FUNCTION).read_bytes()))
    assert function.platforms == bundle_writer.PLATFORMS
    shapes = [str(shape.shape) for shape in function.in_avals]
    assert "(b, 2, 120, 25, 3)" in shapes
    out = {"gap": ["(b, 24)"], "star": ["(b, k, 6)", "(b, k)"]}[kind]
    assert [str(shape.shape) for shape in function.out_avals] == out


def test_the_model_card_works_without_this_project(
    folder: pathlib.Path, data: pathlib.Path, tmp_path: pathlib.Path, environment: dict[str, str]
) -> None:
    """In a process of its own, from a copy of the bundle: the same bits."""
    clip = clip_of(data, "S001C001P001R001A018")
    np.save(tmp_path / "clip.npy", clip)
    shutil.copytree(folder, tmp_path / folder.name)
    code = code_of_card(folder)
    command = [sys.executable, "-I", "-W", "error", "-c", code + AFTERWARDS]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    label, modules = result.stdout.split("\n")[:2]
    assert modules == ""
    opened = bundle.open_bundle(folder)
    expected = opened.recognize([clip])["score"]
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), expected)
    labels = opened.metadata["labels"]
    stacked = calibrated(opened, expected, labels)[0]
    np.testing.assert_array_equal(np.load(tmp_path / "stacked.npy"), stacked)
    assert (stacked != expected[0]).any() == bool(opened.metadata["gamma"])
    assert label == labels[stacked.argmax()]


FORMS = {
    "one person": lambda clip: clip[0],
    "frames first": lambda clip: clip.swapaxes(0, 1),
    "persons first": lambda clip: clip,
    "two frames": lambda clip: clip[:, :2].swapaxes(0, 1),
    "whole numbers": lambda clip: (100 * clip[0]).astype(int),
    "persons exchanged": lambda clip: clip[::-1].swapaxes(0, 1),
    "second person absent": lambda clip: (clip * np.array([1, 0])[:, None, None, None])[:, 1:],
    "first person absent": lambda clip: (clip * np.array([0, 1])[:, None, None, None])[:, 1:],
    "empty frames": lambda clip: (
        clip.swapaxes(0, 1) * (np.arange(clip.shape[1]) % 5 > 1)[:, None, None, None]
    ),
    "three persons": lambda clip: np.concatenate([clip, 2 * clip[:1]]).swapaxes(0, 1),
}


def test_the_model_card_takes_clips_as_classify_does(
    folder: pathlib.Path,
    data: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / folder.name).symlink_to(folder)
    clip = clip_of(data, "S001C001P001R001A018")
    code = code_of_card(folder)
    loading, using = re.split(r"(?=# Raw)", code)
    names: dict = {}
    exec(loading, names)
    for form, change in FORMS.items():
        np.save("clip.npy", change(clip))
        exec(using, names)
        label = capsys.readouterr().out.strip()
        assert classify.main([f"--bundle={folder}", "clip.npy", "--format=json", "--top=1"]) == 0
        (file,) = json.loads(capsys.readouterr().out)
        assert file["classes"][0]["class"] == label, form
        if "score" in file["classes"][0]:
            assert file["classes"][0]["score"] == float(names["score"].max())


def test_a_bundle_of_a_run_that_counts_present_persons(
    folder: pathlib.Path, workdir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """The scores of two persons are those of other means, the scores of one are not."""
    copy, out = counting_present(workdir, tmp_path / "run"), tmp_path / "bundle"
    assert export.main([f"--workdir={copy}", f"--out={out}", "--frames=120"]) == 0
    run, pair = trained.load(copy), np.zeros((2, 120, 25, 3), np.float32)
    pair[:, :30] = np.random.default_rng(0).normal(size=(2, 30, 25, 3))
    clips, frames = [pair[:, :30], pair[:1, :30]], np.stack([pair, pair * [[[[1]]], [[[0]]]]])
    expected = jax.jit(run.recognize)(
        run.variables, frames.astype(np.float32), np.int32([30, 30]), run.embeddings
    )
    found, others = (bundle.open_bundle(path).recognize(clips) for path in (out, folder))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[name][0], others[name][0], rtol=1e-4, atol=1e-5)
        assert not np.allclose(found[name][1], others[name][1], rtol=1e-3)


def test_a_renewed_bundle_gives_the_same_scores(
    folder: pathlib.Path,
    data: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of the bundle alone, once jax does not read its function any more; by the given advice."""
    clip = clip_of(data, "S001C001P001R001A018")
    expected = bundle.open_bundle(folder).recognize([clip])
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / bundle.FUNCTION).write_bytes(b"of a jax of long ago")
    metadata = bundle_files.read_metadata(copy)
    metadata |= {"jax": "0.4.1", "readable_until": "2020-02-02"}
    metadata["files"][bundle.FUNCTION] = bundle_files.sha256(copy / bundle.FUNCTION)
    (copy / bundle_files.METADATA).write_text(json.dumps(metadata))
    with pytest.raises(
        UserError, match=r"promised to be readable until 2020-02-02, of jax 0\.4\.1"
    ):
        bundle.open_bundle(copy)
    assert classify.main([f"--bundle={copy}", "clip.npy"]) == 2
    advice = re.search(r"python -m gapjax\.export (--renew=\S+)$", capsys.readouterr().err)[1]
    for name in ("open_dataset", "read_newest"):
        monkeypatch.delattr(trained, name)
    assert export.main([advice]) == 0
    until = bundle_files.read_metadata(copy)["readable_until"]
    assert capsys.readouterr().out == f"{copy}: readable until {until}\n"
    assert until > "2026"
    renewed = bundle.open_bundle(copy)
    assert capsys.readouterr().err == ""
    assert {path.name for path in copy.iterdir()} == {path.name for path in folder.iterdir()}
    for name, rows in renewed.recognize([clip]).items():
        np.testing.assert_array_equal(rows, expected[name])
    assert until in (copy / bundle.CARD).read_text()
    same = ("labels", "trained_on", "input", "measured", "gamma", "ranges", "run", "text")
    assert all(renewed.metadata[key] == metadata[key] for key in same)


def test_a_bundle_past_its_date_opens_with_a_warning(
    gap_bundle: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(gap_bundle, tmp_path / "copy")
    metadata = {**bundle_files.read_metadata(copy), "readable_until": "2020-02-02"}
    (copy / bundle_files.METADATA).write_text(json.dumps(metadata))
    assert bundle.open_bundle(copy).metadata["readable_until"] == "2020-02-02"
    (line,) = capsys.readouterr().err.splitlines()
    assert f"until 2020-02-02; make it new: python -m gapjax.export --renew={copy}" in line
    del metadata["input"]["body"]
    (copy / bundle_files.METADATA).write_text(json.dumps(metadata))
    assert "too old to be renewed; export its working" in refused(capsys, f"--renew={copy}")


def test_export_does_without_tensorflow(
    gap_run: pathlib.Path, tmp_path: pathlib.Path, environment: dict[str, str]
) -> None:
    """Its help, too; --tflite says what it needs."""
    code = f"""
import sys
sys.modules["tensorflow"] = None
from gapjax import classify, export
try:
    export.main(["--help"])
except SystemExit as error:
    assert error.code == 0
flags = ["--workdir={gap_run}", "--out={tmp_path / "bundle"}"]
assert export.main([*flags, "--tflite"]) == 2
assert export.main(flags) == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "gapjax: --tflite needs TensorFlow: `pip install tensorflow`\n" in done.stderr
    assert bundle_files.read_metadata(tmp_path / "bundle")["ranges"]


def test_a_tflite_file_is_not_lost(
    gap_run: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both pieces of advice work."""
    monkeypatch.setattr(bundle_writer, "lower", lambda *_: b"")
    monkeypatch.setattr(tflite, "convert", lambda run, frames: b"lite")
    flags = [f"--workdir={gap_run}", f"--out={tmp_path / 'bundle'}"]
    lite = tmp_path / "bundle" / bundle.LITE
    assert export.main([*flags, "--tflite"]) == 0
    line = refused(capsys, *flags)
    assert "add --tflite to write it anew, or remove" in line
    assert lite.exists()
    assert export.main([*flags, "--tflite"]) == 0
    pathlib.Path(line.split(" or remove ")[1]).unlink()
    assert export.main(flags) == 0
    assert not lite.exists()


def test_scores_are_those_of_the_run(
    folder: pathlib.Path, workdir: pathlib.Path, data: pathlib.Path
) -> None:
    """More clips than are classified at once, of one person and of two, from raw frames."""
    scores = np.load(workdir / "scores" / "test.npz")
    rows = np.arange(3, 720, 42)
    assert len(rows) > bundle.BATCH
    clips = [clip_of(data, name) for name in scores["name"][rows]]
    assert {len(clip) for clip in clips} == {1, 2}
    recognized = bundle.open_bundle(folder).recognize(clips)["score"]
    np.testing.assert_allclose(recognized, scores["score"][rows], rtol=1e-4, atol=1e-5)


def test_the_function_is_the_run(gap_run: pathlib.Path, gap_bundle: pathlib.Path) -> None:
    """Exported and not, in one process: the same to the rounding of another order of sums."""
    run, opened = trained.load(gap_run), bundle.open_bundle(gap_bundle)
    frames = np.random.default_rng(0).normal(size=(3, 2, 120, 25, 3)).astype(np.float32)
    length = np.array([120, 1, 33], np.int32)
    expected = jax.jit(run.recognize)(run.variables, frames, length, {})
    outputs = opened.function(opened.variables, frames, length, {})
    np.testing.assert_allclose(outputs["score"], expected["score"], rtol=1e-5, atol=1e-6)


def test_a_config_from_its_json(star_run: pathlib.Path) -> None:
    flat = read_config(star_run)
    plan = schema.read_flat(flat)
    assert plan.encoder.optimizer.milestones == ()
    assert json.loads(json.dumps(plan.flat())) == flat


def find_no_room(*_: object) -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_half_a_bundle_is_none(
    gap_run: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = trained.load(gap_run), tmp_path / "bundle"
    monkeypatch.setattr(bundle_writer, "lower", lambda *_: b"")
    with monkeypatch.context() as patch:
        patch.setattr(model_card, "card", find_no_room)
        with pytest.raises(
            DiskError, match="bundle cannot be written: No space left on device; no"
        ):
            bundle_writer.write_bundle(run, gap_run, out)
    assert not [path for path in tmp_path.iterdir() if not path.name.endswith(".lock")]
    bundle_writer.write_bundle(run, gap_run, out)
    (out / "stray").touch()
    bundle_writer.write_bundle(run, gap_run, out, frames=7)
    assert not (out / "stray").exists()
    # At least as many frames as the longest clip of the dataset.
    assert bundle_files.read_metadata(out)["input"]["shape"][1] == run.shape[1]


@pytest.mark.parametrize("damage", ["missing", "changed", "metadata", "format", "folder"])
def test_a_damaged_bundle_is_refused(
    gap_bundle: pathlib.Path, tmp_path: pathlib.Path, damage: str
) -> None:
    copy = shutil.copytree(gap_bundle, tmp_path / "copy")
    if damage == "missing":
        next(path for path in (copy / bundle_files.VARIABLES).rglob("*") if path.is_file()).unlink()
    elif damage == "changed":
        content = (copy / bundle.FUNCTION).read_bytes()
        (copy / bundle.FUNCTION).write_bytes(content[:-1])
    elif damage == "metadata":
        (copy / bundle_files.METADATA).write_text("{")
    elif damage == "format":
        (copy / bundle_files.METADATA).write_text('{"format": "gapjax bundle 0"}')
    else:
        (copy / bundle_files.METADATA).unlink()
    demand = "is missing or damaged; copy|does not have the format|is no bundle"
    with pytest.raises(UserError, match=demand):
        bundle.open_bundle(copy)


def test_a_bundle_of_an_older_version_opens(
    gap_bundle: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With another spelling, without a date, ranges and a body."""
    copy = shutil.copytree(gap_bundle, tmp_path / "copy")
    (copy / bundle.FUNCTION).rename(copy / "recognise.jax")
    metadata = bundle_files.read_metadata(copy)
    metadata["files"]["recognise.jax"] = metadata["files"].pop(bundle.FUNCTION)
    for key in ("exported", "jax", "readable_until", "ranges"):
        del metadata[key]
    for key in ("space", "body", "person_order"):
        del metadata["input"][key]
    (copy / bundle_files.METADATA).write_text(json.dumps(metadata))
    assert bundle.open_bundle(copy).metadata == metadata
    np.save(tmp_path / "clip.npy", np.ones((3, 25, 3), np.float32))
    assert classify.main([f"--bundle={copy}", str(tmp_path / "clip.npy")]) == 0
    assert capsys.readouterr().err == ""


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 2) -> str:
    """Return the one line that the command ends with."""
    assert export.main(arguments) == status
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_bad_input_gets_one_line(
    gap_run: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"--out={tmp_path / 'bundle'}"
    line = refused(capsys, f"--workdir={tmp_path / 'none'}", out)
    assert f"is {tmp_path / 'none'} a working directory?" in line
    line = refused(capsys, f"--workdir={gap_run}", out, f"--data={tmp_path}")
    assert "this dataset is not here; say by --data where it is" in line
    assert not (tmp_path / "smoke").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    line = refused(capsys, f"--workdir={gap_run}", f"--out={tmp_path / 'mine'}")
    assert "exists and is no bundle; choose another --out" in line
    assert (tmp_path / "mine" / "thesis.tex").exists()
    # `--mode=evaluate` writes scores of any checkpoint.
    shutil.copytree(gap_run, tmp_path / "run", ignore=shutil.ignore_patterns("15"))
    line = refused(capsys, f"--workdir={tmp_path / 'run'}", out)
    assert "is not finished: run its command again" in line
    assert not (tmp_path / "bundle").exists()


def test_where_nothing_can_be_written(
    gap_run: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A path below a file, and a full disk."""
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file" / "x", tmp_path / "file" / "x" / "y"):
        line = refused(capsys, f"--workdir={gap_run}", f"--out={out}")
        assert line == f"gapjax: {out} cannot be written: Not a directory; choose another --out"
    monkeypatch.setattr(bundle_writer, "lower", find_no_room)
    out = tmp_path / "bundle"
    line = refused(capsys, f"--workdir={gap_run}", f"--out={out}", status=1)
    assert f"{out} cannot be written: No space left on device; no bundle was written" in line
    assert not out.exists()
