"""A clip has the same logits, whichever way it comes in: converted, or as a file to classify."""

import functools
import pathlib
from collections.abc import Callable, Sequence

import jax
import numpy as np
import pytest

from data_pipelines.specs.skeletons import NTU25
from gapjax.backbones import ctr_gcn
from gapjax.inputs.clips import ClipRecipe, eval_clips
from gapjax.inputs.feed import ResidentFeed, Store
from gapjax.nn.heads import Recognizer
from gapjax.parallel.sharding import make_layout
from gapjax.serving.bundle import Bundle
from gapjax.serving.classification import read_clips
from support import ways_in

pytestmark = pytest.mark.slow

LONGEST = 40
# The persons of a clip, and how its files have it: every way takes these.
CASES = [(1, "second slot, empty before"), (2, "empty before, between and after")]
FILES = (ways_in.write_array, ways_in.write_archive, ways_in.write_skeleton)
Function = Callable[..., dict[str, jax.Array]]


@pytest.fixture(scope="module")
def recognize() -> Function:
    """Return a small network on raw frames, as a bundle has it."""
    network = Recognizer(ctr_gcn.Backbone(NTU25, width=8, stages=(1,)), 5)
    recipe = ClipRecipe(NTU25, window=8, origin="first_frame")
    clips = np.zeros((1, 2, 8, 25, 3), np.float32)
    variables = jax.jit(functools.partial(network.init, train=False))(jax.random.key(0), clips)

    def function(_: object, frames: jax.Array, length: jax.Array, __: object) -> dict:
        """Return the logits."""
        clips = eval_clips(recipe, frames, length)
        return {"score": network.apply(variables, clips, train=False)}

    return jax.jit(function)


def trained_on(recognize: Function, skeletons: Sequence[np.ndarray]) -> np.ndarray:
    """Return the logits of converted samples (t m v c), which a feed loads."""
    count = np.array([len(skeleton) for skeleton in skeletons], np.int32)
    persons = np.array([skeleton.shape[1] for skeleton in skeletons], np.int32)
    rows = [skeleton.swapaxes(0, 1).reshape(-1, 75) for skeleton in skeletons]
    start = np.cumsum(persons * count) - persons * count
    store = Store(np.concatenate(rows), start.astype(np.int32), count, persons, 0 * count)
    layout = make_layout(1)
    feed = ResidentFeed(layout.replicate(store), layout, 2, LONGEST, 25)
    item = jax.numpy.arange(len(count))
    batch = feed.load(feed.store, {"item": item, "epoch": 0 * item})
    return np.asarray(recognize({}, batch.frames, batch.length, {})["score"])


def classified(recognize: Function, paths: Sequence[pathlib.Path]) -> np.ndarray:
    """Return the logits of raw files by a bundle."""
    facts = {"shape": [2, LONGEST, 25, 3], "joints": list(NTU25.joints), "space": 3}
    bundle = Bundle(pathlib.Path("bundle"), {"input": facts}, {}, {}, recognize)
    return bundle.recognize(read_clips(bundle, paths))["score"]


@pytest.mark.parametrize(("persons", "form"), CASES)
def test_every_way_in_gives_the_same_logits(
    recognize: Function, persons: int, form: str, tmp_path: pathlib.Path
) -> None:
    clean = ways_in.footage(persons)
    frames = ways_in.FORMS[form][1](clean)
    ways = [way for name, way in ways_in.WAYS.items() if name.startswith("from_")]
    by_feed = trained_on(recognize, [clean, *(way(tmp_path, frames) for way in ways)])
    by_file = classified(recognize, [write(tmp_path, frames) for write in FILES])
    assert np.ptp(by_feed[0]) > 1e-3
    for logits in (*by_feed[1:], *by_file):
        # Programs for other numbers of clips add up in another order.
        np.testing.assert_allclose(logits, by_feed[0], rtol=1e-5, atol=1e-6)
    # The network would notice what the clip rule mends.
    assert not np.allclose(trained_on(recognize, [frames]), by_feed[0], rtol=1e-2, atol=1e-2)
