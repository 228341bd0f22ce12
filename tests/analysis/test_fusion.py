"""Fusing streams: samples are matched by name, and weights are never chosen on test samples."""

import dataclasses
import itertools

import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.analysis import fusion
from gapjax.workdir.scores import Scores


def stream(seed: int, samples: int = 30, classes: int = 4, **facts: str) -> Scores:
    rng = np.random.default_rng(seed)
    return Scores(
        score=rng.normal(size=(samples, classes)).astype(np.float32),
        label=np.arange(samples, dtype=np.int32) % classes,
        name=np.array([f"s{i:02}" for i in range(samples)]),
        facts=facts,
    )


def test_samples_are_matched_by_name_in_any_order() -> None:
    first, second = stream(0), stream(1)
    shuffled = second.take(np.random.default_rng(2).permutation(30))
    aligned = fusion.align([first, shuffled], ["a", "b"])
    assert aligned[1].name.tolist() == first.name.tolist()
    expected = 0.3 * first.score + 0.7 * second.score
    np.testing.assert_allclose(fusion.fuse(aligned, [0.3, 0.7]), expected, rtol=1e-5)


def relabeled(scores: Scores) -> Scores:
    label = scores.label.copy()
    label[7] = 0
    return dataclasses.replace(scores, label=label)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (stream(1).take(np.arange(28)), "^b lacks 2 samples of a, s28 first$"),
        (stream(1, samples=31), "^a lacks 1 samples of b, s30 first$"),
        (stream(1, classes=5), "^a has 4 classes, but b has 5$"),
        (relabeled(stream(1)), "^s07 has label 3 in a, but 0 in b$"),
        (stream(1, protocol="xview"), "^protocol is xsub in a, but xview in b$"),
    ],
)
def test_streams_of_different_samples_are_refused(other: Scores, message: str) -> None:
    with pytest.raises(UserError, match=message):
        fusion.align([stream(0, protocol="xsub"), other], ["a", "b"])


ZERO_SHOT = {"split": "2_2", "split_digest": "7a", "unseen": "1 3"}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({**ZERO_SHOT, "split": "random:2:1"}, "^split is 2_2 in a, but random:2:1 in b$"),
        ({**ZERO_SHOT, "split_digest": "c0"}, "^split_digest is 7a in a, but c0 in b$"),
        ({**ZERO_SHOT, "unseen": "0 1"}, "^unseen is 1 3 in a, but 0 1 in b$"),
        ({**ZERO_SHOT, "unseen": ""}, "^unseen is 1 3 in a, but none in b$"),
        ({**ZERO_SHOT, "fold": "1"}, "^fold is none in a, but 1 in b$"),
        ({}, "^split is 2_2 in a, but none in b$"),
    ],
)
def test_streams_of_different_zero_shot_problems_are_refused(
    other: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        fusion.align([stream(0, **ZERO_SHOT), stream(1, **other)], ["a", "b"])


def test_scores_from_before_there_were_digests_are_fused() -> None:
    before = {fact: ZERO_SHOT[fact] for fact in ("split", "unseen")}
    assert len(fusion.align([stream(0, **ZERO_SHOT), stream(1, **before)], ["a", "b"])) == 2


def test_the_grid_has_every_share_once() -> None:
    shares = list(fusion.simplex_grid(3, 5))
    assert len(shares) == len(set(shares)) == 21
    assert all(sum(share) == 5 and min(share) >= 0 for share in shares)
    assert list(fusion.simplex_grid(1, 5)) == [(5,)]


def test_the_search_finds_the_best_weights_of_the_grid() -> None:
    rng = np.random.default_rng(5)
    streams = [stream(seed) for seed in (3, 4, 5)]
    for scores, skill in zip(streams, (0.2, 1.5, 0.9), strict=True):
        scores.score[np.arange(30), scores.label] += skill + rng.normal(size=30) * 0.1
    weights = fusion.search_weights(streams)
    assert sum(weights) == pytest.approx(1)
    right = {
        shares: (
            fusion.fuse(streams, [float(share) for share in shares]).argmax(axis=1)
            == streams[0].label
        ).sum()
        for shares in fusion.simplex_grid(3, 20)
    }
    best = [shares for shares, count in right.items() if count == max(right.values())]
    assert tuple(round(20 * weight) for weight in weights) in best
    chosen = sum(weight**2 for weight in weights)
    assert chosen == pytest.approx(min(sum((s / 20) ** 2 for s in shares) for shares in best))


def test_the_search_takes_equal_weights_where_all_are_equally_good() -> None:
    assert fusion.search_weights([stream(3)] * 4) == (0.25,) * 4


def test_the_search_stays_small_for_many_streams() -> None:
    weights = fusion.search_weights([stream(seed, samples=6) for seed in range(12)])
    assert len(weights) == 12
    assert sum(weights) == pytest.approx(1)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_the_order_of_runs_decides_nothing(order: tuple[int, ...]) -> None:
    names = ("joint", "bone", "joint_motion", "bone_motion")
    published = dict(zip(names, (0.8, 0.8, 0.2, 0.2), strict=True))
    weighting = fusion.default_weights([stream(0, modality=names[i]) for i in order])
    assert weighting.weights == tuple(published[names[i]] for i in order)
    assert weighting.source == "of the paper, by stream"
    # Three streams and one of them again, a part of them, and another k: none are the four streams.
    for others in (
        ("joint", "bone", "bone", "bone_motion"),
        ("joint", "bone", "joint_motion"),
        ("joint", "joint, k=2", "joint_motion", "bone_motion"),
        ("joint",) * 4,
    ):
        runs = [stream(0, modality=others[i % len(others)]) for i in order]
        assert fusion.default_weights(runs) == fusion.Weighting((0.25,) * 4, "equal")
    assert fusion.default_weights([stream(0)] * 4).source == "equal"


def test_weights_are_one_number_a_stream() -> None:
    assert fusion.parse_weights("0.6, 0.4", 2).weights == (0.6, 0.4)
    with pytest.raises(UserError, match=r"--weights=0\.6 must be 2 numbers"):
        fusion.parse_weights("0.6", 2)
    for text in ("0,0", "nan,1", "inf,1"):
        with pytest.raises(UserError, match="must be 2 numbers, one a directory, not all 0"):
            fusion.parse_weights(text, 2)
    with pytest.raises(UserError, match="--weights=a,b is not a comma-separated list"):
        fusion.parse_weights("a,b", 2)
