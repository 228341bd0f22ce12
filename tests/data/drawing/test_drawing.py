"""Pictures of skeletons: what is drawn where, how, and in which frames."""

import dataclasses
import io

import numpy as np
import pytest
from jaxtyping import Bool, Float
from matplotlib.collections import Collection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from data_pipelines.drawing import pictures, scene
from data_pipelines.drawing.pictures import PERSONS, animation, strip
from data_pipelines.drawing.scene import Scene, evenly, limits, side_of
from data_pipelines.specs.skeletons import KINECT20, NTU25, Skeleton

BODY = Skeleton(
    name="cross",
    joints=("chest", "head", "left hand", "right hand", "foot"),
    bones=((1, 0), (2, 0), (3, 0), (4, 0)),
    root=0,
    center=0,
    shoulders=(2, 3),
    partitions={},
)
# Somebody three meters away who faces the camera and reaches for it with the left hand.
STANDING = np.array([[0, 0, 3], [0, 0.6, 3], [-0.7, 0.1, 2.4], [0.7, 0.1, 3], [0, -1, 3]])
LEFT, MIDDLE, RIGHT = range(3)


def sequence(frames: int, persons: int = 1) -> Scene:
    """Return a scene of persons who stand still, side by side."""
    people = [STANDING + 1.6 * person * np.eye(3)[:1] for person in range(persons)]
    skeleton = np.repeat(np.stack(people)[None], frames, axis=0).astype(np.float32)
    return Scene(skeleton, BODY, "reach", ("cross", "sample 1"))


def with_skeleton(drawn: Scene, skeleton: np.ndarray) -> Scene:
    return dataclasses.replace(drawn, skeleton=skeleton.astype(np.float32))


def pixels(png: bytes) -> Float[np.ndarray, "h w 3"]:
    """Return a picture without the legend at its foot."""
    values = np.array(Image.open(io.BytesIO(png)).convert("RGB")) / 255
    return values[:-80]


def painted(picture: Float[np.ndarray, "h w 3"], person: int, side: int) -> Bool[np.ndarray, "h w"]:
    """Return where a picture has the color of a side of a person."""
    color = np.array(to_rgb(PERSONS[person][side]))
    return np.abs(picture - color[None, None]).max(axis=-1) < 0.02


def place(mask: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
    """Return the mean (row, column) of what is marked; something must be."""
    assert mask.any()
    row, column = np.argwhere(mask).mean(axis=0)
    return float(row), float(column)


def rows(png: bytes) -> list[Float[np.ndarray, "h w 3"]]:
    """Return the front and the side view of one person's strip, without titles and labels."""
    picture = np.array(Image.open(io.BytesIO(png)).convert("RGB")) / 255
    head, foot, around = 0.62 + 0.19, 0.12 + 0.2, pictures._OVER + pictures._UNDER
    high = (len(picture) / 120 - head - foot - 2 * around) / 2
    tops = [head + pictures._OVER + row * (high + around) for row in range(2)]
    left = round(120 * pictures._LEFT)
    return [picture[round(120 * top) : round(120 * (top + high)), left:] for top in tops]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 300])
@pytest.mark.parametrize("wanted", [1, 3, 8])
def test_frames_are_spread_evenly(count: int, wanted: int) -> None:
    chosen = evenly(count, wanted)
    assert len(chosen) == min(count, wanted)
    assert chosen[0] == 0
    assert wanted == 1 or chosen[-1] == count - 1
    assert np.ptp(np.diff(chosen)) <= 1 if len(chosen) > 1 else True


@pytest.mark.parametrize("body", [NTU25, KINECT20])
def test_sides_of_the_bodies_there_are(body: Skeleton) -> None:
    words = [
        name.split()[0] if name.split()[0] in scene.SIDES else "middle" for name in body.joints
    ]
    assert [scene.SIDES[side_of(name)] for name in body.joints] == words
    assert words.count("left") == words.count("right") > 7


@pytest.mark.parametrize(
    ("name", "side"),
    [
        *(("LeftArm", LEFT), ("l_hip", LEFT), ("Hip.L", LEFT), ("lShoulder", LEFT)),
        *(("LANKLE", MIDDLE), ("RIBS", MIDDLE), ("Root", MIDDLE), ("lumbar", MIDDLE)),
        *(("right eye", RIGHT), ("RKnee", RIGHT), ("knee-r", RIGHT), ("R ear", RIGHT)),
    ],
)
def test_sides_by_other_names(name: str, side: int) -> None:
    assert side_of(name) == side


def test_joints_that_are_not_seen_are_not_drawn() -> None:
    """Neither they nor their bones; nor do they stretch the limits, wherever they are stored."""
    whole = sequence(2)
    moved = whole.skeleton + np.float32(50)
    seen = np.ones(moved.shape[:3], bool)
    seen[:, 0, [0, 2]] = False
    moved[:, 0, [0, 2]] = 0
    drawn = dataclasses.replace(whole, skeleton=moved, seen=seen)
    shown = limits(drawn, np.array([0, 1]), min_aspect=0.5)
    assert (shown[:, 0] > 40).all()
    axes = Figure().add_subplot()
    artists = pictures._draw(axes, drawn.views[0], drawn, 0)
    bones, joints = (each for each in artists if isinstance(each, Collection))
    assert bones.get_segments() == []
    np.testing.assert_allclose(joints.get_offsets(), moved[0, 0, [1, 3, 4], :2])
    assert axes.lines[:] == [], "the root is not seen"
    drawn.seen[:, 0, 0] = True
    bones, *_ = (each for each in pictures._draw(axes, drawn.views[0], drawn, 1)[1:])
    assert len(bones.get_segments()) == 3
    drawn.seen[:] = False
    assert len(pictures._draw(axes, drawn.views[0], drawn, 0)) == 1
    assert strip(drawn, 2)
    assert animation(drawn)


def test_limits_hold_every_body_that_is_there() -> None:
    drawn = sequence(4, persons=2)
    drawn.skeleton[1:, 1] = 0
    drawn.skeleton[2] += np.float32(5)
    shown = limits(drawn, np.array([0, 1]), min_aspect=0.5)
    assert (shown[:, 0] < [-0.7, -1, 2.4]).all()
    assert (shown[:, 1] > [2.3, 0.6, 3]).all()
    assert shown[2, 0] > 0.5, "who is absent must not draw the limits to the camera"
    width, _, depth = np.ptp(shown, axis=1)
    assert width == pytest.approx(depth)
    assert width < 4
    later = limits(drawn, np.array([2]), min_aspect=0.5)
    assert (later[:, 1] > [5.7, 5.6, 8]).all()


def test_the_front_is_what_the_camera_sees_and_the_side_what_its_right_sees() -> None:
    front, side = rows(strip(sequence(1), 1))
    # Who faces the camera has the left hand at the picture's right, the head up, the foot down.
    left, right = (place(painted(front, 0, which)) for which in (LEFT, RIGHT))
    assert left[1] > right[1] + 40
    middle = painted(front, 0, MIDDLE)
    assert np.argwhere(middle)[:, 0].max() - left[0] > 1.2 * (
        left[0] - np.argwhere(middle)[:, 0].min()
    )
    # From the side, the left hand reaches to the camera, which is at the picture's left.
    assert place(painted(side, 0, LEFT))[1] < place(painted(side, 0, MIDDLE))[1] - 20


def test_wrong_axes_are_seen() -> None:
    standing = sequence(1)
    head_down = with_skeleton(standing, standing.skeleton * np.array([1, -1, 1]))
    lying = with_skeleton(standing, standing.skeleton[..., [1, 0, 2]])

    def extent(drawn: Scene) -> tuple[float, float, float]:
        front, _ = rows(strip(drawn, 1))
        found = np.argwhere(painted(front, 0, MIDDLE))
        return *np.ptp(found, axis=0), place(painted(front, 0, RIGHT))[0] - found[:, 0].min()

    tall, wide, shoulders = extent(standing)
    assert tall > 5 * wide
    assert shoulders < 0.5 * tall
    assert extent(head_down)[2] > 0.5 * tall
    assert extent(lying)[1] > 5 * extent(lying)[0]


@pytest.mark.parametrize("shown", [0, 3, 7])
def test_each_panel_shows_its_frame(shown: int) -> None:
    drawn = sequence(15)
    drawn.skeleton[np.arange(15) != 2 * shown] = 0
    picture = pixels(strip(drawn, 8))
    inches = picture.shape[1] / 120
    wide = (inches - pictures._LEFT - pictures._RIGHT - 7 * pictures._GAP) / 8
    start = pictures._LEFT + shown * (wide + pictures._GAP)
    columns = np.argwhere(painted(picture, 0, LEFT) | painted(picture, 0, RIGHT))[:, 1] / 120
    assert len(columns) > 50
    assert start < columns.min() < columns.max() < start + wide


def test_panels_are_headed_with_their_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    said, draw = [], pictures._draw

    def record(*given: object) -> list:
        artists = draw(*given)
        said.append(artists[0].get_text())
        return artists

    monkeypatch.setattr(pictures, "_draw", record)
    strip(sequence(30), 4)
    assert said == ["frame 0", "frame 10", "frame 19", "frame 29"] * 2
    said.clear()
    animation(sequence(3))
    assert said == [f"frame {frame}" for frame in (0, 0, 1, 1, 2, 2)]


def test_axes_say_what_they_are_and_where_they_grow() -> None:
    shown = limits(sequence(1), np.array([0]), min_aspect=0.5)
    said = {}
    for coordinates, views in scene.VIEWS.items():
        for view in views:
            axes = pictures.Figure().subplots()
            pictures._prepare(axes, view, shown)
            said[coordinates, view.across] = axes.get_xlabel(), axes.get_ylabel()
            assert axes.xaxis_inverted() == (view.rightwards < 0)
            assert axes.yaxis_inverted() == (view.upwards < 0)
    assert said == {
        (2, 0): ("x (as stored) →", "← y (as stored)"),
        (3, 0): ("← x (m)", "y (m) →"),
        (3, 2): ("z (m) →", "y (m) →"),
    }


def test_two_dimensions_are_an_image() -> None:
    in_space = sequence(2)
    flat = with_skeleton(in_space, 100 * STANDING[None, None, :, :2] * np.array([1, -1]))
    image, both = pixels(strip(flat, 1)), pixels(strip(in_space, 1))
    assert 1.6 * len(image) < 2 * len(both)
    # y grows downwards, so the foot (y = 100) is below; x grows to the right.
    assert place(painted(image, 0, LEFT))[1] < place(painted(image, 0, RIGHT))[1]
    middle = np.argwhere(painted(image, 0, MIDDLE))[:, 0]
    assert place(painted(image, 0, LEFT))[0] < middle.mean()
    assert Image.open(io.BytesIO(animation(flat))).n_frames == 1


def test_persons_have_their_own_colors_and_may_be_absent() -> None:
    drawn = sequence(1, persons=3)
    picture = pixels(strip(drawn, 1))[:-40]
    assert [painted(picture, person, LEFT).any() for person in range(4)] == [True] * 3 + [False]
    drawn.skeleton[:, 1] = 0
    picture = pixels(strip(drawn, 1))[:-40]
    assert [painted(picture, person, LEFT).any() for person in range(3)] == [True, False, True]


def test_nothing_is_drawn_of_who_is_absent() -> None:
    drawn = sequence(1, persons=3)
    drawn.skeleton[:, 1] = 0
    axes = pictures.Figure().subplots()
    assert len(pictures._draw(axes, drawn.views[0], drawn, 0)) == 1 + 3 * 2


def test_joints_whose_names_tell_no_side_have_one_color() -> None:
    body = dataclasses.replace(BODY, joints=tuple("abcde"))
    picture = pixels(strip(dataclasses.replace(sequence(1), body=body), 1))
    assert [painted(picture, 0, side).any() for side in range(3)] == [True, False, False]


def test_the_root_is_marked() -> None:
    def ring(body: Skeleton) -> float:
        """Return the row of the ring, the only thing in ink inside the panel."""
        picture = rows(strip(dataclasses.replace(sequence(1), body=body), 1))[0]
        return place(np.abs(picture - np.array(to_rgb(pictures.INK))).max(axis=-1) < 0.3)[0]

    assert ring(dataclasses.replace(BODY, root=4)) > ring(BODY) + 60


@pytest.mark.parametrize(("frames", "images", "pace"), [(1, 1, 0), (2, 2, 40), (301, 101, 120)])
def test_an_animation_has_the_frames(frames: int, images: int, pace: int) -> None:
    made = Image.open(io.BytesIO(animation(sequence(frames))))
    assert (made.format, made.n_frames) == ("GIF", images)
    assert images == 1 or (made.info["duration"], made.info["loop"]) == (pace, 0)


def test_an_animation_moves() -> None:
    drawn = sequence(3)
    moved = with_skeleton(drawn, drawn.skeleton + 0.4 * np.eye(3)[:, None, None])
    made = Image.open(io.BytesIO(animation(moved)))
    assert made.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    places = []
    for frame in range(3):
        made.seek(frame)
        picture = np.array(made.convert("RGB")) / 255
        half = picture[100:-60, : picture.shape[1] // 2]
        color = np.array(to_rgb(PERSONS[0][RIGHT]))[None, None]
        places.append(place(np.abs(half - color).max(axis=-1) < 0.06))
    (base, right), (up, same), (_, last) = places[2], places[1], places[0]
    assert last < right - 10, "x grows to the left"
    assert up < base - 10, "y grows upwards"
    assert same == pytest.approx(right, abs=4)


@pytest.mark.parametrize(
    "skeleton", [np.zeros((2, 1, 5, 3)), np.ones((1, 2, 5, 3)), 1e6 * STANDING[None, None]]
)
def test_odd_bodies_are_drawn(skeleton: np.ndarray) -> None:
    drawn = with_skeleton(sequence(1), skeleton)
    assert Image.open(io.BytesIO(strip(drawn, 8))).format == "PNG"
    assert Image.open(io.BytesIO(animation(drawn))).n_frames == len(skeleton)


def test_pictures_are_repeatable() -> None:
    drawn = sequence(2, persons=2)
    assert strip(drawn, 2) == strip(drawn, 2)
    assert animation(drawn) == animation(drawn)
