"""The command's mistakes, and real bundles: windows have the scores that files have."""

import asyncio
import pathlib
import re
import socket
import sys

import numpy as np
import pytest
import yaml

from data_pipelines.errors import DataError, UserError
from data_pipelines.parsers import clip as clip_file
from data_pipelines.specs.skeletons import PARTS
from gapjax import live
from gapjax.serving.bundle import open_bundle
from gapjax.serving.classification import classify
from gapjax.streaming import greeting, recognizer, server
from gapjax.streaming.recognizer import BATCH, Recognizer, padded
from gapjax.streaming.replays import as_sent, replays
from stress import live_windows
from support.ways_in import footage


@pytest.mark.parametrize(
    ("flag", "line"),
    [
        ("--port=70000", "give a number from 0 to 65535"),
        ("--host=0.0.0.0", "name the address by which clients know this machine"),
        ("--host=0", "name the address by which clients know this machine"),
        ("--host=", "name the address by which clients know this machine"),
        ("--host=::1", "--host=::1: IPv6 is not served"),
        ("--window=0", "not a number from 1"),
        ("--bundle=nothing", "nothing"),
    ],
)
def test_mistakes_are_one_line(
    flag: str, line: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--bundle={tmp_path}", flag]
    try:
        status = live.main(arguments)
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert line in capsys.readouterr().err.splitlines()[-1]


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(UserError, match=r"pip install 'gapjax\[live\]'"):
        server.require()


def test_addresses_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serve = server.serve(None, None, "127.0.0.1", port, print)
        with pytest.raises(UserError, match=f"port={port}: .*; choose another --port"):
            asyncio.run(serve)

    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_server", unknown)
    with pytest.raises(UserError, match=r"nobody .*not known; choose another --host"):
        asyncio.run(server.serve(None, None, "nobody", 0, print))


def test_padding_repeats_the_first_class() -> None:
    rows = np.arange(34, dtype=np.float32).reshape(17, 2)
    found = padded({"a": rows}, 17)["a"]
    np.testing.assert_array_equal(found[:17], rows)
    np.testing.assert_array_equal(found[17:], np.repeat(rows[:1], 15, axis=0))
    assert len(padded({"a": rows}, 17, fewest=33)["a"]) == 64
    assert len(padded({"a": rows[:16]}, 16)["a"]) == len(padded({"a": rows[:1]}, 1)["a"]) == 16


@pytest.fixture
def saved(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    """Return files of three clips."""
    paths = [tmp_path / f"{count}.npy" for count in (8, 14, 20)]
    for path in paths:
        np.save(path, footage(2)[: int(path.stem)])
    return paths


@pytest.mark.parametrize("classes", ["wave; fall down; bow", None])
def test_windows_have_the_scores_of_files(
    classes: str | None, star_bundle: pathlib.Path, saved: list[pathlib.Path]
) -> None:
    """Padded classes and batches change nothing, and persons are ordered as in a conversion."""
    bundle = open_bundle(star_bundle)
    expected = classify(bundle, saved, classes, "")
    live_one = Recognizer(bundle, top=100)
    chosen = live_one.classes(classes)
    assert live_one.classes(classes) is chosen
    shape = greeting.limits(bundle).shape
    clips = []
    for path in saved:
        frames = np.load(path)
        window = np.zeros((len(frames) + 3, *shape), np.float32)
        # Nobody in three frames, then the persons in other places.
        window[3:, [1, 4]] = frames
        clips.append(live_one.clip(window))
    together, alone = live_one.recognize(clips, chosen), live_one.recognize(clips[1:2], chosen)
    for row, found in enumerate(together):
        for rank, k in enumerate(expected.best(row, len(expected.classes))):
            assert found.names[rank] == expected.classes[k]
            assert found.scores[rank] == pytest.approx(expected.score[row, k], rel=1e-4, abs=1e-5)
            assert found.parts[rank] == pytest.approx(expected.part[row, k], rel=1e-4, abs=1e-5)
        assert found.lowest == found.scores[-1]
    assert alone[0].scores == pytest.approx(together[1].scores, rel=1e-4, abs=1e-5)
    assert live_one.clip(np.zeros((5, *shape), np.float32)) is None
    assert len(saved) < BATCH


def test_descriptions_of_a_file(star_bundle: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """They describe what they have, whatever else is typed, and are the classes of the start."""
    parts = {part: f"{part} sinks to the ground" for part in PARTS}
    described = {"label": "fall down", "synonyms": ["drop"], "paragraph": "Down.", "parts": parts}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({"classes": [described]}))
    bundle = open_bundle(star_bundle)
    with_file, by_name = Recognizer(bundle, str(tmp_path / "x.yaml")), Recognizer(bundle)
    assert with_file.classes(None).names == ("fall down",)
    found, named = (each.classes("Fall_down; kick a ball") for each in (with_file, by_name))
    assert (found.names[0], named.names[0]) == ("fall down", "Fall_down")
    same = [
        np.array_equal(rows[k], named.embeddings[key][k])
        for key, rows in found.embeddings.items()
        for k in (0, 1)
    ]
    assert not all(same)
    assert any(same)


def test_bundles_of_fixed_classes(gap_bundle: pathlib.Path, saved: list[pathlib.Path]) -> None:
    bundle = open_bundle(gap_bundle)
    expected = classify(bundle, saved[:1], None, "")
    own = Recognizer(bundle)
    clip = clip_file.read(saved[0], bundle.metadata["input"]["joints"], 3, 2, sort=False)
    (found,) = own.recognize([clip.swapaxes(0, 1)], own.classes(None))
    best = expected.best(0, 10)
    assert [*found.names] == [expected.classes[k] for k in best]
    assert found.scores == pytest.approx(expected.score[0, best], rel=1e-4, abs=1e-6)
    with pytest.raises(UserError, match="its own classes alone"):
        own.classes("wave")
    with pytest.raises(UserError, match="its own classes alone"):
        recognizer.Recognizer(bundle, "file.yaml")
    facts = greeting.greeting(own, 20, 5)
    assert (facts["any_classes"], facts["measure"], facts["parts"]) == (False, "probability", [])


def test_replays(
    star_bundle: pathlib.Path,
    data: pathlib.Path,
    saved: list[pathlib.Path],
    tiny: pathlib.Path,
    tiny_known: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = open_bundle(star_bundle)
    found = replays(bundle, [saved[0], data / "synthetic"], most=5)
    assert found[0].label == ""
    assert len(found) == 6
    # The protocol's test subjects are the even ones.
    assert all(int(each.name[9:12]) % 2 == 0 for each in found[1:])
    for each in found:
        sent = as_sent(each)
        assert np.prod(sent["shape"]) * 4 == len(sent["frames"]) // 4 * 3 - sent["frames"].count(
            "="
        )
        assert sent["shape"][2:] == (25, 3)
    flags = f"--bundle={star_bundle}", "--windows=8,120", "--clips=9"
    assert live_windows.main([str(data / "synthetic"), *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    share = r"[\d.]+"
    assert len(lines) == 2
    for line in lines:
        wanted = (
            f"all windows {share}, last {share}, last, seen {share}, last, unseen {share} % of 9"
        )
        assert re.search(wanted, line)
    with pytest.raises(UserError, match="its body is"):
        replays(bundle, [tiny], most=5)
    with pytest.raises(DataError, match="no such file"):
        replays(bundle, [tiny / "none.npy"], most=5)
