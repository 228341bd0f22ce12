"""What clients send: what is right is taken, and what is wrong is one line."""

import json
import tracemalloc

import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.streaming import messages
from gapjax.streaming.messages import Limits, parse

LIMITS = Limits(persons=2, joints=3, coordinates=4)
JOINTS = [[j + c / 10 for c in range(4)] for j in range(3)]


def sent(**content: object) -> messages.Message:
    return parse(json.dumps(content), LIMITS)


def test_frames() -> None:
    one = sent(frame=JOINTS, time=12.5)
    assert (one.joints.shape, one.joints.dtype, one.time) == ((1, 3, 4), np.float32, 12.5)
    np.testing.assert_allclose(one.joints[0], JOINTS, rtol=1e-6)
    assert sent(frame=[JOINTS, JOINTS]).joints.shape == (2, 3, 4)
    nobody = sent(frame=[])
    assert (nobody.joints.shape, nobody.time) == ((0, 3, 4), None)


def test_other_messages() -> None:
    assert sent(classes=" wave; bow") == messages.Classes(" wave; bow")
    assert sent(clear=True) == messages.Clear()
    assert sent(watch=3) == messages.Watch(3)
    assert parse(b'{"watch": 0}', LIMITS) == messages.Watch(0)


BAD = {
    "{": "no JSON",
    "\x00\xff": "no JSON",
    "[" * 100_000: "no JSON",
    "[]": "an object with one of the keys frame, classes, clear, watch",
    "3": "an object",
    "{}": "one of the keys",
    '{"frame": [], "classes": ""}': "one of the keys",
    '{"frame": 3}': "a single number",
    '{"frame": null}': "something else than numbers",
    '{"frame": {"a": 1}}': "something else than numbers",
    '{"frame": "aaa"}': "something else than numbers",
    '{"frame": [[1, 2], [3]]}': "different lengths",
    '{"frame": [[[1, 2]], [3]]}': "different lengths",
    '{"frame": [["a", 2]]}': "something else than numbers",
    '{"frame": [[true, false]]}': "something else than numbers",
    '{"frame": [[1, 2]]}': "1 x 2; send 3 joints x 4 coordinates",
    '{"classes": 3}': "classes are a text",
    '{"watch": "3"}': "number of a stream",
    '{"watch": true}': "number of a stream",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_one_line(text: str) -> None:
    with pytest.raises(UserError, match=BAD[text]) as error:
        parse(text, LIMITS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e7, -1e300, 10**400])
def test_numbers_that_are_no_positions(value: float) -> None:
    with pytest.raises(UserError, match=r"not finite|something else"):
        sent(frame=[[value] * 4] * 3)


def test_bounds() -> None:
    with pytest.raises(UserError, match=r"3 x 3 x 4; .* at most 2"):
        sent(frame=[JOINTS] * 3)
    with pytest.raises(UserError, match="at most 20000"):
        sent(classes="a" * 20_001)
    with pytest.raises(UserError, match="time is no number"):
        sent(frame=JOINTS, time="now")
    with pytest.raises(UserError, match="time is no number"):
        sent(frame=JOINTS, time=float("nan"))
    assert isinstance(sent(classes="\U0001f600" * 20_000), messages.Classes)


def test_the_longest_messages_are_let_in() -> None:
    """Numbers of a large body, and characters that JSON escapes twice."""
    large = Limits(persons=6, joints=500, coordinates=4)
    frame = [[[-1.2345678901234567e-100] * 4] * 500] * 6
    assert LIMITS.bytes < len(json.dumps({"frame": frame})) < large.bytes
    assert len(json.dumps({"classes": "\U0001f600" * 20_000})) < LIMITS.bytes


def test_long_texts_cost_no_memory() -> None:
    """An array of texts has room for the longest one everywhere."""
    text = json.dumps({"frame": ["a" * 40_000, *[""] * 10_000]})
    tracemalloc.start()
    with pytest.raises(UserError, match="something else than numbers"):
        parse(text, LIMITS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6
