"""Cached features: one for each view, computed once, and written atomically."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gapjax.inputs.clips import eval_clips
from gapjax.inputs.feed import ResidentFeed, first_step
from gapjax.parallel.sharding import make_layout
from gapjax.training import feature_cache
from gapjax.training.feature_cache import Source, feature_inputs, prepare
from support import small_features
from support.small_features import RECIPE, SAMPLES, VIEWS


@pytest.fixture(scope="module")
def feed() -> ResidentFeed:
    return small_features.feed()


@pytest.fixture(scope="module")
def source() -> Source:
    return small_features.source()


@pytest.fixture(scope="module")
def items() -> np.ndarray:
    return small_features.items()


@pytest.fixture(scope="module")
def values(
    source: Source, items: np.ndarray, feed: ResidentFeed, tmp_path_factory: pytest.TempPathFactory
) -> np.ndarray:
    folder = tmp_path_factory.mktemp("features")
    return prepare(source, items, lambda: feed, SAMPLES, 3, folder)


def test_the_items_are_all_views_of_training_samples(items: np.ndarray) -> None:
    first = [0, 1, 2, 3, 4, 7, 9, 10]
    train = np.array([0, 2, 3, 7, 9])
    np.testing.assert_array_equal(items, [*first, *(train + SAMPLES), *(train + 2 * SAMPLES)])


def test_the_first_view_is_the_evaluated_clip(
    source: Source, items: np.ndarray, values: np.ndarray, feed: ResidentFeed
) -> None:
    assert values.shape == (18, 8, 25, 8)
    store, encoder = feed.store, source.encoder

    @jax.jit
    def alone(frames: jax.Array, count: jax.Array) -> jax.Array:
        return encoder.encode(encoder.variables, eval_clips(RECIPE, frames, count))[0]

    for place, row in enumerate(items[:8]):
        start, count = int(store.start[row]), int(store.length[row])
        frames = jnp.zeros((1, 2, 15, 25, 3))
        frames = frames.at[0, 0, :count].set(
            store.frames[start : start + count].reshape(count, 25, 3)
        )
        expected = alone(frames, jnp.array([count]))
        np.testing.assert_allclose(values[place], expected, rtol=1e-4, atol=1e-5)


def test_further_views_differ(items: np.ndarray, values: np.ndarray) -> None:
    mine = [values[np.searchsorted(items, 7 + view * SAMPLES)] for view in range(VIEWS)]
    assert not np.allclose(mine[0], mine[1], atol=1e-3)
    assert not np.allclose(mine[1], mine[2], atol=1e-3)


def test_features_are_computed_once(
    source: Source, items: np.ndarray, feed: ResidentFeed, tmp_path: Path, monkeypatch: object
) -> None:
    first = np.array(prepare(source, items, lambda: feed, SAMPLES, 18, tmp_path))
    monkeypatch.setattr(feature_cache, "_write", None)
    again = prepare(source, items, _no_feed, SAMPLES, 18, tmp_path)
    np.testing.assert_array_equal(again, first)


def test_features_of_a_cut_file_are_computed_again(
    source: Source, items: np.ndarray, values: np.ndarray, feed: ResidentFeed, tmp_path: Path
) -> None:
    prepare(source, items, lambda: feed, SAMPLES, 3, tmp_path)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-1000])
    again = prepare(source, items, lambda: feed, SAMPLES, 3, tmp_path)
    np.testing.assert_array_equal(again, values)


def _no_feed() -> ResidentFeed:
    raise AssertionError("features that are there need no frames")


def test_what_they_depend_on_names_the_file(
    source: Source, items: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [
        dataclasses.replace(source, recipe="other"),
        dataclasses.replace(source, index_digest="other"),
        dataclasses.replace(source, contents_digest="other"),
        dataclasses.replace(source, seed=1),
        dataclasses.replace(source, views=2),
        dataclasses.replace(
            source, encoder=dataclasses.replace(source.encoder, person_merge="released")
        ),
    ]
    digests = {variant.digest(items) for variant in [source, *others]} | {source.digest(items[1:])}
    assert len(digests) == 8
    one_view = [dataclasses.replace(source, views=1, seed=seed) for seed in (0, 1)]
    assert one_view[0].digest(items) == one_view[1].digest(items)
    monkeypatch.setattr(feature_cache.registry, "code_digest", lambda *packages: "other")
    assert source.digest(items) not in digests


def test_nothing_is_left_of_an_interrupted_write(
    source: Source, items: np.ndarray, feed: ResidentFeed, tmp_path: Path, monkeypatch: object
) -> None:
    encode_all = feature_cache._encode_all

    def interrupted(*arguments: object) -> Iterator[np.ndarray]:
        yield next(encode_all(*arguments))
        assert list(tmp_path.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(feature_cache, "_encode_all", interrupted)
    # What a killed process left is removed by the next.
    (tmp_path / f".{source.digest(items)}.npy.partial").write_text("left")
    with pytest.raises(KeyboardInterrupt):
        prepare(source, items, lambda: feed, SAMPLES, 3, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_feed_shows_every_view_by_its_item(items: np.ndarray, values: np.ndarray) -> None:
    label = (np.arange(SAMPLES) % 4).astype(np.int32)
    feed = feature_inputs(values, items, label, VIEWS, make_layout(1)).feed
    wanted = np.array([[2 + SAMPLES, 9], [3 + 2 * SAMPLES, 7 + 3 * SAMPLES]])
    requests = list(feed.requests(wanted, 5, [1, 1]))
    for request, row in zip(requests, wanted, strict=True):
        batch = first_step(request)
        np.testing.assert_array_equal(batch.label, label[row % SAMPLES])
        for i, item in enumerate(row):
            place = np.searchsorted(items, item % (SAMPLES * VIEWS))
            np.testing.assert_array_equal(batch.frames[i], values[place])
