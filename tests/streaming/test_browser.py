"""The live page in headless Chromium, where there is one: it moves, and what is typed counts."""

import pathlib
import re
from collections.abc import Iterator

import numpy as np
import pytest

from gapjax.streaming.landmarks import LANDMARKS
from gapjax.streaming.replays import Replay
from gapjax.streaming.site import Site
from support import browser, devtools, live_server
from support.live_server import SHAPE

pytestmark = pytest.mark.slow

NAME = "<b>x</b> & co"
BEST = "document.querySelector('#best .name')?.textContent"
INKED = """(() => { const stage = document.getElementById("stage");
const image = stage.getContext("2d").getImageData(0, 60, stage.width, stage.height - 60);
return [0, 1].map((half) => image.data.some((value, i) => value > 0 && i % 4 === 3 &&
  (i / 4 % stage.width < stage.width / 2) === (half === 0))); })()"""


def type_classes(text: str) -> str:
    return (
        f"(() => {{ const box = document.getElementById('classes'); box.value = {text!r}; "
        "box.dispatchEvent(new Event('input')); return true; })()"
    )


def press(name: str) -> str:
    return (
        "[...document.querySelectorAll('button')].find((each) => each.textContent === "
        f"{name!r}).click()"
    )


@pytest.fixture(scope="module")
def clips() -> list[Replay]:
    """Return two clips, whose frames are 4 and 7 on the average."""
    draw = np.random.default_rng(0).normal(size=(42, 1, *SHAPE[2:]))
    draw -= draw.mean(axis=(1, 2, 3), keepdims=True)
    return [
        Replay(f"{value}.npy", NAME, lambda value=value: (draw + value).astype(np.float32))
        for value in (4, 7)
    ]


@pytest.fixture(scope="module")
def page(
    clips: list[Replay], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[devtools.Page, int]]:
    """Return the page of a server with two clips and a pose model that sees one pose, its port."""
    browser.chromium()
    pose = tmp_path_factory.mktemp("pose")
    (pose / "pose.js").write_text(POSE)
    flags = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"
    profile = tmp_path_factory.mktemp("profile")
    with pytest.MonkeyPatch.context() as patch:
        toy = live_server.recognizer(patch)
        with (
            live_server.serving(toy, Site(clips, str(pose)), window=50) as port,
            devtools.opened(f"http://127.0.0.1:{port}/", profile, *flags) as page,
        ):
            page.wait("document.body.dataset.ready === 'yes'")
            yield page, port


# A pose model like MediaPipe's: landmark n is at (n, 2n, 3n) centimeters, and half visible.
POSE = """class Pose {
  constructor(options) { this.file = options.locateFile("x.wasm"); }
  setOptions() {}
  onResults(listener) { this.listener = listener; }
  async initialize() {}
  async send({image}) {
    const marks = Array.from({length: 33}, (_, n) =>
      ({x: n / 100, y: n / 50, z: 3 * n / 100, visibility: 0.5}));
    this.listener({image, poseWorldLandmarks: marks, poseLandmarks: marks});
  }
}"""


def test_clips_move_and_are_recognized(page: tuple[devtools.Page, int]) -> None:
    shown, _ = page
    shown.wait(f"{BEST} === 'wave' || {BEST} === 'clap'")
    assert shown.run(INKED) == [True, True]
    shown.wait("STAGE.shown > 10")
    assert shown.run("document.querySelectorAll('#mapping tr').length") == SHAPE[2]
    # One after another: the second clip is another class.
    shown.wait(f"{BEST} === 'kick it'")
    numbers = shown.wait(
        "document.getElementById('numbers').textContent.includes('frames/s')"
        " && document.getElementById('numbers').textContent"
    )
    assert "delay" in numbers
    assert re.search(r"\b0 frames dropped", numbers)


def test_typed_classes_take_effect(page: tuple[devtools.Page, int]) -> None:
    shown, _ = page
    shown.run(type_classes(f"{NAME}; ab"))
    shown.wait(f"{BEST} === 'ab' || {BEST} === {NAME!r}")
    assert shown.run("document.querySelectorAll('#best b').length") == 0
    shown.run(type_classes("ab; ab"))
    shown.wait("document.getElementById('messages').textContent.includes('twice')")
    shown.run(type_classes("go on"))
    shown.wait(f"{BEST} === 'go on'")
    assert shown.run("document.getElementById('messages').textContent") == ""
    shown.run(type_classes(""))
    shown.wait("document.querySelectorAll('#best li').length === 3")


def test_another_program_is_shown(page: tuple[devtools.Page, int]) -> None:
    shown, port = page
    shown.run(press("another program"))
    shown.wait("document.getElementById('controls').textContent.includes('/stream')")
    with live_server.joined(port) as client:
        client.frames(9, 1)
        shown.wait("LINK.watched > 0 && document.querySelector('#controls select')")
        before = shown.run("STAGE.shown")
        client.frames(9, 7, first=1)
        shown.wait(f"STAGE.shown >= {before} + 7")
        shown.wait(f"{BEST} === 'kick it'")
        # What is typed is the other program's, until it goes.
        shown.run(type_classes("jumping"))
        assert client.receive("classes")["classes"] == list(live_server.LABELS)
        assert client.receive("classes")["classes"] == ["jumping"]
        shown.run("document.getElementById('classes').blur()")
    shown.wait("LINK.watched === 0")
    shown.wait(f"document.getElementById('classes').value === {'; '.join(live_server.LABELS)!r}")
    assert not shown.run(BEST)


def test_a_replay_ends_with_its_source(page: tuple[devtools.Page, int]) -> None:
    """Also while its clip is on the way; and who comes back sees it go on."""
    shown, _ = page
    shown.run(press("clips"))
    shown.wait("REPLAY.timer !== null")
    shown.run("document.getElementById('pause').click()")
    shown.run(f"{press('clips')}; {press('another program')}; window.late = performance.now()")
    shown.wait("performance.now() > late + 500")
    assert shown.run("REPLAY.timer === null")
    shown.run(press("clips"))
    shown.wait("REPLAY.timer !== null && REPLAY.next > 0 && !REPLAY.paused")


def test_the_end_of_a_clip_is_recognized(page: tuple[devtools.Page, int]) -> None:
    """Its 42 frames, of which the last are too few for another turn."""
    shown, _ = page
    shown.run(
        "window.ends = []; window.told = showRecognized; "
        "showRecognized = (each) => { ends.push(each.frames); told(each); }; true"
    )
    shown.wait("ends.includes(42)")


def test_typed_classes_outlive_a_connection(page: tuple[devtools.Page, int]) -> None:
    shown, _ = page
    shown.run(type_classes("go on"))
    shown.wait(f"{BEST} === 'go on'")
    shown.run("window.before = LINK.stream; LINK.socket.close()")
    shown.wait("LINK.stream !== before")
    shown.wait(f"{BEST} === 'go on'")
    shown.run(type_classes(""))
    shown.wait("document.querySelectorAll('#best li').length === 3")


def test_a_camera(page: tuple[devtools.Page, int]) -> None:
    """Chromium's fake camera, and a pose model that always sees the same pose."""
    shown, _ = page
    shown.run(press("webcam"))
    shown.wait("CAMERA.frames > 10")
    joints = shown.run(
        "jointsOf(Array.from({length: 33}, (_, n) => ({x: n / 100, y: n / 50, z: 3 * n / 100})), "
        "TOLD.hello.body, 3, [640, 480])"
    )
    knee = LANDMARKS.index("left knee") / 100
    names = shown.run("TOLD.hello.body.joints")
    np.testing.assert_allclose(joints[names.index("left knee")], [-knee, -2 * knee, 3 * knee])
    # Two coordinates are pixels, and a confidence is the visibility.
    flat = shown.run(
        "jointsOf(Array.from({length: 33}, (_, n) => ({x: n / 100, y: n / 50, z: 0, "
        "visibility: 1 - n / 100})), {...TOLD.hello.body, space: 2}, 3, [640, 480])"
    )
    wanted = [640 * knee, 480 * 2 * knee, 1 - knee]
    np.testing.assert_allclose(flat[names.index("left knee")], wanted)
    shown.wait("document.querySelector('#best .name') !== null")
    assert shown.run("CAMERA.pose.file") == "/pose/x.wasm"
    shown.run(press("clips"))
    shown.wait("!CAMERA.running")
    assert shown.console == []


def test_fixed_classes(clips: list[Replay], tmp_path: pathlib.Path) -> None:
    browser.chromium()
    with pytest.MonkeyPatch.context() as patch:
        toy = live_server.recognizer(patch, any_classes=False)
        with (
            live_server.serving(toy, Site(clips)) as port,
            devtools.opened(f"http://127.0.0.1:{port}/", tmp_path) as shown,
        ):
            shown.wait("document.getElementById('about-classes').textContent.includes('fixed')")
            assert shown.run("document.getElementById('classes').disabled")
            shown.wait(BEST)
            shown.run(press("webcam"))
            shown.wait("document.getElementById('controls').textContent.includes('--pose')")
            assert shown.console == []
