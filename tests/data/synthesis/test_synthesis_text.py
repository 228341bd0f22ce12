"""NTU `.skeleton` text: read back by a slow and obvious reader."""

from pathlib import Path

import numpy as np
import pytest

from data_pipelines.synthesis.__main__ import main
from data_pipelines.synthesis.camera import Footage, film
from data_pipelines.synthesis.performance import Take, perform
from data_pipelines.synthesis.programs import LABELS, PROGRAMS
from data_pipelines.synthesis.skeleton_text import skeleton_text


def read(text: str) -> list[dict[str, list[list[str]]]]:
    """Return, for every frame, body id → its joints' twelve fields, and check every count."""
    lines = text.splitlines()
    position = 0

    def take() -> str:
        nonlocal position
        position += 1
        return lines[position - 1]

    frames = []
    for _ in range(int(take())):
        bodies = {}
        for _ in range(int(take())):
            metadata = take().split()
            assert len(metadata) == 10
            joints = [take().split() for _ in range(int(take()))]
            assert [len(fields) for fields in joints] == [12] * 25
            bodies[metadata[0]] = joints
        frames.append(bodies)
    assert position == len(lines)
    return frames


def footage_of(label: str, subject: int = 2, camera: int = 3) -> Footage:
    take = Take(seed=0, action=LABELS.index(label), subject=subject, repetition=1)
    return film(perform(take), take, camera)


@pytest.mark.parametrize("label", ["wave", "hug", "kick another person"])
def test_coordinates_survive(label: str) -> None:
    footage = footage_of(label)
    frames = read(skeleton_text(footage))
    assert len(frames) == len(footage.skeleton)
    for t, bodies in enumerate(frames):
        assert len(bodies) == (0 if footage.lost[t] else footage.skeleton.shape[1])
        for m, joints in enumerate(bodies.values()):
            coordinates = np.array([fields[:3] for fields in joints], np.float32)
            np.testing.assert_array_equal(coordinates, footage.skeleton[t, m])
            tracked = [int(fields[11]) for fields in joints]
            assert tracked == [1 if guess else 2 for guess in footage.guessed[t, m]]


def test_bodies_keep_their_ids() -> None:
    ids = [tuple(bodies) for bodies in read(skeleton_text(footage_of("shake hands"))) if bodies]
    assert len(set(ids)) == 1
    assert len(ids[0]) == 2


def test_pictures_are_where_a_pinhole_puts_them() -> None:
    for bodies in read(skeleton_text(footage_of("squat"))):
        for joints in bodies.values():
            x, y, z, depth_x, depth_y, color_x, color_y = np.array(joints)[:, :7].astype(float).T
            np.testing.assert_allclose((depth_x - 256) * z, 365.5 * x, rtol=1e-3, atol=1e-2)
            np.testing.assert_allclose((212 - depth_y) * z, 365.5 * y, rtol=1e-3, atol=1e-2)
            assert (color_x > 0).all()
            assert (color_x < 1920).all()
            assert (color_y > 0).all()


def test_some_frames_are_lost_and_have_no_bodies() -> None:
    frames = [f for label in LABELS[:12] for f in read(skeleton_text(footage_of(label)))]
    assert 0 < sum(not bodies for bodies in frames) < 0.05 * len(frames)


def test_the_command_writes_every_file(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "new" / "folder"
    assert main([f"--out={out}", "--subjects=1", "--repetitions=1"]) == 0
    names = sorted(path.name for path in out.iterdir())
    assert len(names) == 3 * len(PROGRAMS)
    assert names[0] == "S001C001P001R001A001.skeleton"
    assert names[-1] == "S001C003P001R001A024.skeleton"
    assert f"{len(names)} files" in capsys.readouterr().out
    written = read((out / "S001C003P001R001A004.skeleton").read_text())
    assert len(written) == len(footage_of(LABELS[3], subject=1).skeleton)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--subjects=0"], "--subjects=0"),
        (["--subjects=1000"], "--subjects=1000"),
        (["--repetitions=-1"], "--repetitions=-1"),
        (["--seed=-1"], "--seed=-1"),
    ],
)
def test_a_wrong_number_is_answered_in_one_line(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([f"--out={tmp_path}", *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder_is_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "taken").write_text("")
    assert main([f"--out={tmp_path / 'taken'}"]) == 2
    assert "taken" in capsys.readouterr().err


def test_a_missing_folder_option_exits_with_2() -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([])
    assert exit_info.value.code == 2
