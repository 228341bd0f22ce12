"""Classifying raw files: any classes with a bundle of STAR, the trained ones with one of GAP."""

import csv
import dataclasses
import json
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import yaml

from configs import star_demo
from data_pipelines.datasets import ntu60, synthetic
from data_pipelines.errors import FileError, UserError
from data_pipelines.parsers import clip
from data_pipelines.specs.skeletons import NTU25, PARTS
from data_pipelines.synthesis.samples import filmed, takes
from data_pipelines.synthesis.skeleton_text import skeleton_text
from gapjax import classify
from gapjax.experiment import model
from gapjax.experiment.config_dict import plan_of
from gapjax.prompts.descriptions import from_name, load_all
from gapjax.serving import bundle, class_names, classification

JOINTS = NTU25.joints


def walk(frames: int = 40, persons: int = 2) -> np.ndarray:
    """Return a raw clip, frames first."""
    draw = np.random.default_rng(frames).normal(size=(frames, persons, 25, 3))
    draw[:, 1:] /= 2  # The first person moves most.
    return draw.astype(np.float32)


def described(label: str) -> dict:
    parts = {part: f"{part} of {label}" for part in PARTS}
    return {"label": label, "synonyms": ["it"], "paragraph": f"They {label}.", "parts": parts}


def write_descriptions(path: pathlib.Path, *labels: str) -> pathlib.Path:
    path.write_text(yaml.safe_dump({"classes": [described(label) for label in labels]}))
    return path


@pytest.fixture
def saved(tmp_path: pathlib.Path) -> pathlib.Path:
    np.save(tmp_path / "walk.npy", walk())
    return tmp_path / "walk.npy"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str]]]:
    """Return the function that runs the command: exit status, and the lines it printed."""

    def call(*arguments: object) -> tuple[int, list[str]]:
        status = classify.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, (printed.out or printed.err).splitlines()

    return call


def test_any_classes_with_the_evidence_of_parts(
    run: Callable, star_bundle: pathlib.Path, saved: pathlib.Path
) -> None:
    flags = f"--bundle={star_bundle}", "--classes=wave;  ride a bicycle ; bow"
    status, lines = run(*flags, saved, "--top=2")
    assert status == 0
    assert lines[0] == str(saved)
    assert [line.split(".")[0].strip() for line in lines[1:]] == ["1", "2"]
    scores = [float(line.split("  ")[-7].split()[-1]) for line in lines[1:]]
    assert scores == sorted(scores, reverse=True)
    for line in lines[1:]:
        assert any(name in line for name in ("wave", "ride a bicycle", "bow"))
        assert all(f"  {part} " in line for part in PARTS)


def test_classes_of_the_bundle_and_others_side_by_side(star_bundle: pathlib.Path) -> None:
    """A class of the bundle has its own embeddings; others are embedded as training embeds them."""
    opened = bundle.open_bundle(star_bundle)
    names = ["drink", "ride a bicycle", "wave"]
    embeddings = classification.class_embeddings(opened, names, {})
    for key, rows in embeddings.items():
        assert rows.shape == (3, *opened.embeddings[key].shape[1:])
        for row, index in ((0, 5), (2, 0)):
            np.testing.assert_array_equal(rows[row], opened.embeddings[key][index])
        assert not (rows[1] == opened.embeddings[key]).all(axis=-1).any()
    assert opened.metadata["labels"][5] == "drink"
    both = opened.recognize([walk().swapaxes(0, 1)], embeddings)
    alone = opened.recognize([walk().swapaxes(0, 1)])
    for key, outputs in both.items():
        np.testing.assert_allclose(outputs[0, [0, 2]], alone[key][0, [5, 0]], atol=1e-6)


def test_unseen_classes_are_embedded_as_in_training(star_bundle: pathlib.Path) -> None:
    """The dataset's own description of an unseen class, given as a file would, is the same row."""
    opened = bundle.open_bundle(star_bundle)
    label = next(
        name for name in opened.metadata["labels"] if name not in opened.metadata["trained_on"]
    )
    texts = {text.label: text for text in load_all("synthetic")}
    embeddings = classification.class_embeddings(opened, [label], {label: texts[label]})
    for key, rows in embeddings.items():
        expected = opened.embeddings[key][opened.metadata["labels"].index(label)]
        np.testing.assert_allclose(rows[0], expected, atol=1e-6)


def test_gamma_is_taken_from_trained_classes_alone(star_bundle: pathlib.Path) -> None:
    opened = bundle.open_bundle(star_bundle)
    metadata = {**opened.metadata, "gamma": {"value": 0.25, "source": "validation"}}
    opened = dataclasses.replace(opened, metadata=metadata)
    score = classification.calibrated(
        opened, np.ones((1, 2), np.float32), ["wave", "ride a bicycle"]
    )
    np.testing.assert_array_equal(score, [[0.75, 1.0]])


def test_trained_classes_of_gap(
    run: Callable, gap_bundle: pathlib.Path, saved: pathlib.Path
) -> None:
    status, lines = run(f"--bundle={gap_bundle}", saved, saved, "--top=24")
    assert status == 0
    assert len(lines) == 50
    assert lines[:25] == lines[25:]
    shares = [float(line.split()[-1]) for line in lines[1:25]]
    assert sum(shares) == pytest.approx(1, abs=0.02)
    assert shares == sorted(shares, reverse=True)


def fixed_bundle(gamma: dict | None) -> bundle.Bundle:
    """Return a bundle of CADA-VAE with two classes, of which the first was trained on."""
    metadata = {
        "labels": ["wave", "bow"],
        "trained_on": ["wave"],
        "text": {"encoder": "hashed", "checkpoint": "", "digest": "0"},
        "gamma": gamma,
        "parts": [],
        "run": {"method": "cada_vae"},
        "input": {"shape": [2, 60, 25, 3], "joints": list(JOINTS), "space": 3},
    }
    return bundle.Bundle(
        pathlib.Path("cada"), metadata, {}, {}, lambda *_: {"score": np.float32([[2.0, 1.5]])}
    )


def test_classes_that_are_fixed_may_be_calibrated(saved: pathlib.Path) -> None:
    """CADA-VAE and SynSE take no other classes, and yet seen classes lose γ."""
    opened = fixed_bundle({"value": 1.0, "source": "validation"})
    found = classification.classify(opened, [saved], None, "")
    assert found.measure == "score"
    np.testing.assert_array_equal(found.score, [[1.0, 1.5]])
    with pytest.raises(UserError, match="a bundle of cada_vae has its own classes alone"):
        classification.classify(opened, [saved], "wave; sit", "")
    found = classification.classify(fixed_bundle(None), [saved], None, "")
    assert found.measure == "probability"
    np.testing.assert_allclose(found.score.sum(), 1, rtol=1e-6)


def test_a_name_is_no_verb_and_no_noun(tmp_path: pathlib.Path) -> None:
    """JPoSE reads both, so that descriptions must have them."""
    plan = plan_of(star_demo.get_config("jpose"))
    (tmp_path / "config.json").write_text(json.dumps(plan.flat()))
    text = {"recipe": {}, "encoder": "hashed", "digest": model.text_embedder(plan).digest}
    rows = np.eye(1, 256, dtype=np.float32)
    opened = bundle.Bundle(
        tmp_path,
        {"labels": ["wave"], "run": {"method": "jpose"}, "text": text},
        {},
        {"verb": rows, "noun": rows},
        lambda *_: {},
    )
    with pytest.raises(UserError, match=r"'kick a ball' has no verb .*--descriptions of gapjax"):
        classification.class_embeddings(opened, ["wave", "kick a ball"], {})
    described = dataclasses.replace(from_name("kick a ball"), verb="kick", noun="ball")
    found = classification.class_embeddings(
        opened, ["wave", "kick a ball"], {"kick a ball": described}
    )
    for word, other in (("verb", "noun"), ("noun", "verb")):
        np.testing.assert_array_equal(found[word][0], rows[0])
        assert np.abs(found[word][1] - found[other][1]).max() > 0.01


def test_descriptions_name_the_classes(tmp_path: pathlib.Path) -> None:
    path = write_descriptions(tmp_path / "mine.yaml", "skate", "dive")
    names, texts = class_names.requested_classes(None, str(path))
    assert names == ["skate", "dive"]
    assert texts["dive"].parts["hip"] == "hip of dive"
    assert class_names.requested_classes("dive", str(path))[0] == ["dive"]
    with pytest.raises(UserError, match=r"mine.yaml: class 'dance' is not described"):
        class_names.requested_classes("dive; dance", str(path))
    with pytest.raises(UserError, match="names 'dive' twice"):
        class_names.requested_classes("dive; dive ", "")
    with pytest.raises(UserError, match="--classes names no class"):
        class_names.requested_classes(" ; ", "")


@pytest.mark.parametrize("written", ["Drink", "DRINK", " drink ", "dri-nk"])
def test_a_class_is_the_trained_one_however_it_is_written(
    run: Callable, star_bundle: pathlib.Path, saved: pathlib.Path, written: str
) -> None:
    """With its embedding, and with γ taken from it."""
    flags = f"--bundle={star_bundle}", saved, "--format=json"
    expected = json.loads("\n".join(run(*flags, "--classes=jump up; drink")[1]))
    assert run(*flags, f"--classes=jump_up; {written}")[0] == 0
    got = json.loads("\n".join(run(*flags, f"--classes=Jump_Up; {written}")[1]))
    assert (got == expected) == (written != "dri-nk")


def test_descriptions_of_a_trained_class_keep_its_name(tmp_path: pathlib.Path) -> None:
    path = write_descriptions(tmp_path / "mine.yaml", "Sky Dive", "skate")
    names, texts = class_names.requested_classes(None, str(path), ["sky_dive", "wave"])
    assert names == ["sky_dive", "skate"]
    assert texts["sky_dive"].label == "Sky Dive"
    with pytest.raises(UserError, match="names 'wave' twice"):
        class_names.requested_classes("wave; Wave", "", ["wave"])


def test_doubtful_names_get_a_hint(
    star_bundle: pathlib.Path, saved: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The advice works: the separated classes are two."""
    bundled = [f"--bundle={star_bundle}", str(saved), "--format=csv"]

    def said() -> list[str]:
        # That the clip is random noise is said, too.
        return [line for line in capsys.readouterr().err.splitlines() if "unlike" not in line]

    assert classify.main([*bundled, "--classes=drnk; ride a bicycle; wave"]) == 0
    (line,) = said()
    assert "'drnk' is none of the bundle's classes" in line
    assert "did you mean 'drink'?" in line
    assert classify.main([*bundled, "--classes=ride a bicycle, fly a kite"]) == 0
    (line,) = said()
    advice = re.search('--classes=".*"', line)[0].replace('"', "")
    assert classify.main([*bundled, advice]) == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), len(err.splitlines())) == (3, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gap", "star"])
def test_the_same_numbers_in_every_format(
    kind: str, run: Callable, saved: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    flags = f"--bundle={request.getfixturevalue(f'{kind}_bundle')}", saved, saved, "--top=3"
    text = [line.split("  ")[1:] for line in run(*flags)[1] if line[0] == " "]
    rows = list(csv.DictReader(run(*flags, "--format=csv")[1]))
    content = json.loads("\n".join(run(*flags, "--format=json")[1]))
    listed = [entry for file in content for entry in file["classes"]]
    measure = {"gap": "probability", "star": "score"}[kind]
    assert len(text) == len(rows) == len(listed) == 6
    assert [file["file"] for file in content] == [str(saved)] * 2
    for line, row, entry in zip(text, rows, listed, strict=True):
        assert f"{row['rank']}. {row['class']}" == line[0].strip()
        assert row["class"] == entry["class"]
        assert float(row[measure]) == pytest.approx(entry[measure], rel=1e-5)
        assert f"{entry[measure]:.3f}" in "  ".join(line)
        parts = entry.get("parts", {})
        assert list(parts) == (list(PARTS) if kind == "star" else [])
        assert all(float(row[part]) == pytest.approx(parts[part], abs=1e-5) for part in parts)


def test_a_reader_may_leave(tmp_path: pathlib.Path) -> None:
    """`classify | head` ends quietly; so do all commands, which share what guards them."""
    code = "import sys; from data_pipelines import command\n"
    code += "sys.exit(command.guarded(lambda: print('x\\n' * {}) or 0)())"
    for lines in (1, 10**6):
        line = (
            f"{sys.executable} -c {shlex.quote(code.format(lines))} | true; echo ${{PIPESTATUS[0]}}"
        )
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_name_is_a_description() -> None:
    text = from_name("wave")
    assert set(text.parts) == set(PARTS)
    assert "wave" in text.parts["foot"]


@pytest.mark.parametrize("flag", ["--classes=wave; bow", "--descriptions=mine.yaml"])
def test_gap_takes_no_classes(
    run: Callable, gap_bundle: pathlib.Path, saved: pathlib.Path, flag: str
) -> None:
    status, (line,) = run(f"--bundle={gap_bundle}", flag, saved)
    assert status == 2
    assert "a bundle of gap has its own classes alone; leave out --classes" in line


def test_bad_input_gets_one_line(
    run: Callable, star_bundle: pathlib.Path, saved: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    status, (line,) = run(f"--bundle={star_bundle}", saved, tmp_path / "none.npy")
    assert (status, line) == (2, f"gapjax: {tmp_path / 'none.npy'}: there is no such file")
    np.save(tmp_path / "long.npy", walk(121))
    status, (line,) = run(f"--bundle={star_bundle}", tmp_path / "long.npy")
    assert status == 2
    assert "takes at most 120; cut it, or export again with --frames=121" in line
    status, (line,) = run(f"--bundle={tmp_path}", saved)
    assert (status, "is no bundle" in line) == (2, True)
    status, (line,) = run(f"--bundle={star_bundle}", saved, "--top=0")
    assert (status, "at least 1" in line) == (2, True)


def test_another_text_encoder_is_refused(star_bundle: pathlib.Path) -> None:
    opened = bundle.open_bundle(star_bundle)
    text = {**opened.metadata["text"], "digest": "0"}
    other = dataclasses.replace(opened, metadata={**opened.metadata, "text": text})
    with pytest.raises(UserError, match="the text encoder hashed here has other weights"):
        classification.class_embeddings(other, ["ride a bicycle"], {})


def test_arrays_frames_or_persons_first(tmp_path: pathlib.Path) -> None:
    frames = walk()
    forms = {
        "frames.npy": frames,
        "persons.npy": frames.swapaxes(0, 1),
        "one.npy": frames[:, 0],
        "short.npy": frames[:2],
    }
    for name, array in forms.items():
        np.save(tmp_path / name, array)
        read = clip.read(tmp_path / name, JOINTS, 3, 2)
        expected = {"one.npy": frames[:, :1], "short.npy": frames[:2]}.get(name, frames)
        np.testing.assert_array_equal(read, expected)
    np.savez(tmp_path / "only.npz", frames)
    np.savez_compressed(tmp_path / "named.npz", label=3, skeleton=frames)
    for name in ("only.npz", "named.npz"):
        np.testing.assert_array_equal(clip.read(tmp_path / name, JOINTS, 3, 2), frames)


def test_a_skeleton_file_is_what_a_conversion_makes_of_it(tmp_path: pathlib.Path) -> None:
    """Two persons, cleaned and centered."""
    action = synthetic.SPEC.labels.index("hug")
    take = takes(subjects=1, repetitions=1)[action]
    path = tmp_path / f"S001C001P001R001A{action + 1:03d}.skeleton"
    path.write_text(skeleton_text(next(filmed(take))[1]))
    (source,) = ntu60.items(tmp_path)
    (record,) = ntu60.read(source)
    assert record.skeleton.shape[1] == 2
    np.testing.assert_array_equal(clip.read(path, JOINTS, 3, 2), record.skeleton)


BAD = {
    "wide.npy": (np.ones((4, 5, 25, 3)), r"is 4 x 5 x 25 x 3, not frames \(x at most 2 persons"),
    "other.npy": (np.ones((4, 20, 3)), "x 25 joints x 3; correct the array"),
    "nan.npy": (np.full((4, 25, 3), np.nan), "frame 0, joint 'spine base' is not finite"),
    "zero.npy": (np.zeros((4, 25, 3)), "has no frame in which anybody is seen"),
    "words.npy": (np.array(["a"]), "is not an array of numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_array_is_named(tmp_path: pathlib.Path, name: str) -> None:
    array, demand = BAD[name]
    np.save(tmp_path / name, array)
    with pytest.raises(FileError, match=f"{name}: .*{demand}"):
        clip.read(tmp_path / name, JOINTS, 3, 2)


def test_names_of_joints_decide(tmp_path: pathlib.Path) -> None:
    """As many joints are not enough; the case and the spaces of names do not matter."""
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_text(skeleton_text(next(filmed(takes(subjects=1, repetitions=1)[0]))[1]))
    written = [name.title().replace(" ", "_") for name in JOINTS]
    assert clip.read(path, written, 3, 2).shape[2] == 25
    other = (*JOINTS[:3], "nose", *JOINTS[4:])
    with pytest.raises(FileError, match=r"Kinect v2 \(joint 3 is 'head', not 'nose'\); save the"):
        clip.read(path, other, 3, 2)
    with pytest.raises(FileError, match="joint 20 is 'spine shoulder', not 'missing'"):
        clip.read(path, JOINTS[:20], 3, 2)


def test_a_bad_file_is_named(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "two.npz", a=walk(), b=walk())
    contents = {"cut.npz": b"PK\3\4", "cut.npy": b"\x93NUMPY", "a.skeleton": b"x", "a.txt": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name in ("two.npz", *contents):
        with pytest.raises(FileError, match=f"{name}: "):
            clip.read(tmp_path / name, JOINTS, 3, 2)
