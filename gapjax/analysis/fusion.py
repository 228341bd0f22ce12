"""Fusing the scores of several streams: the weighted sum of their raw logits.

The weights are given, or the published ones of four streams (0.8 joint, 0.8 bone, 0.2 joint
motion, 0.2 bone motion: GAP, ICCV 2023, facts A.8), or equal, or chosen on the scores of
validation samples; never on test samples.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import UserError
from gapjax.workdir.scores import Scores, read_scores, scores_path

PUBLISHED = {"joint": 0.8, "bone": 0.8, "joint_motion": 0.2, "bone_motion": 0.2}

# A search tries as many weightings as are on the finest of these grids that has at most so many.
GRIDS = (20, 10, 5, 4, 2, 1)
MOST_WEIGHTINGS = 5000

# Facts in which the streams of an ensemble must agree, where both have them.
SHARED_FACTS = (
    *("dataset", "index", "protocol", "protocol_digest"),
    *("split", "split_digest", "unseen", "fold", "evaluation"),
)

# Facts whose lack tells something, too: every class was seen, and the samples are those of no fold.
UNSPLIT = {"split": "none", "unseen": "none", "fold": "none"}


@dataclass(frozen=True)
class Weighting:
    """Weights of the streams, and where they come from."""

    weights: tuple[float, ...]
    source: str


def align(streams: Sequence[Scores], titles: Sequence[str]) -> list[Scores]:
    """Return the streams with their samples in the order of the first one's.

    Args:
        streams: scores of the same samples, in any order.
        titles: what to call each stream in a message.

    Raises:
        UserError: the samples, their labels, the classes or a shared fact differ.
    """
    first = streams[0]
    aligned = []
    for stream, title in zip(streams, titles, strict=True):
        _check_same_evaluation(first, stream, titles[0], title)
        rows = {name: row for row, name in enumerate(stream.name)}
        aligned.append(stream.take(np.array([rows[name] for name in first.name])))
        differs = np.flatnonzero(aligned[-1].label != first.label)
        if len(differs):
            row = differs[0]
            there, here = first.label[row], aligned[-1].label[row]
            raise UserError(
                f"{first.name[row]} has label {there} in {titles[0]}, but {here} in {title}"
            )
    return aligned


def _check_same_evaluation(first: Scores, other: Scores, first_title: str, title: str) -> None:
    """Raise UserError where two streams cannot be of the same evaluation."""
    for fact in SHARED_FACTS:
        there, here = ({**UNSPLIT, **each.facts}.get(fact) for each in (first, other))
        if None not in (there, here) and there != here:
            there, here = there or "none", here or "none"
            raise UserError(f"{fact} is {there} in {first_title}, but {here} in {title}")
    if first.score.shape[1] != other.score.shape[1]:
        here, there = other.score.shape[1], first.score.shape[1]
        raise UserError(f"{first_title} has {there} classes, but {title} has {here}")
    pairs = (first, other, first_title, title), (other, first, title, first_title)
    for whole, part, whole_title, part_title in pairs:
        lacking = sorted(set(whole.name) - set(part.name))
        if lacking:
            raise UserError(
                f"{part_title} lacks {len(lacking)} samples of {whole_title}, {lacking[0]} first"
            )


def fuse(streams: Sequence[Scores], weights: Sequence[float]) -> Float[np.ndarray, "n k"]:
    """Return the weighted sum of aligned streams' logits."""
    return sum(weight * stream.score for weight, stream in zip(weights, streams, strict=True))


def simplex_grid(streams: int, divisions: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to share `divisions` among `streams`.

    >>> list(simplex_grid(2, 2))
    [(0, 2), (1, 1), (2, 0)]
    """
    slots = divisions + streams - 1
    for bars in itertools.combinations(range(slots), streams - 1):
        ends = (-1, *bars, slots)
        yield tuple(after - before - 1 for before, after in itertools.pairwise(ends))


def search_weights(streams: Sequence[Scores]) -> tuple[float, ...]:
    """Return the weights, summing to 1, with the highest top-1 on aligned validation streams.

    All weightings of a grid are tried; of equally good ones, the most even is taken.
    """
    number = len(streams)
    sizes = {grid: math.comb(grid + number - 1, number - 1) for grid in GRIDS}
    divisions = next(grid for grid in GRIDS if sizes[grid] <= MOST_WEIGHTINGS or grid == 1)
    stacked = np.stack([stream.score for stream in streams])
    label = streams[0].label

    def rank(shares: tuple[int, ...]) -> tuple[int, int]:
        """Return how many samples are right, then how even the shares are: more is better."""
        right = np.tensordot(np.array(shares, np.float32), stacked, axes=1).argmax(axis=1) == label
        return int(right.sum()), -sum(share**2 for share in shares)

    best = max(simplex_grid(number, divisions), key=rank)
    return tuple(share / divisions for share in best)


def default_weights(streams: Sequence[Scores]) -> Weighting:
    """Return the published weights of four streams, else equal ones.

    Streams that say they are the four modalities get theirs, others in the published order.
    """
    if len(streams) != len(PUBLISHED):
        return Weighting((1 / len(streams),) * len(streams), "equal")
    names = [str(stream.facts.get("modality")) for stream in streams]
    if set(names) == set(PUBLISHED):
        return Weighting(tuple(PUBLISHED[name] for name in names), "of the paper, by modality")
    order = ", ".join(PUBLISHED)
    return Weighting(tuple(PUBLISHED.values()), f"of the paper, for {order} in this order")


def given_weights(text: str, streams: int) -> Weighting:
    """Return the weights of a comma-separated list.

    Raises:
        UserError: they are not one finite number for each stream.
    """
    try:
        weights = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--weights={text} is not a comma-separated list of numbers") from error
    if len(weights) != streams or not all(map(math.isfinite, weights)) or not any(weights):
        raise UserError(f"--weights={text} must be {streams} numbers, one a directory, not all 0")
    return Weighting(weights, "given")


def selected_weights(workdirs: Sequence[Path], evaluation: str, evaluated: Scores) -> Weighting:
    """Return weights chosen on the evaluation of that name of every working directory.

    Raises:
        UserError: that would be choosing on samples that are `evaluated`, or on test samples.
    """
    _check_not_test(evaluation, "test samples", evaluation == "test")
    streams = read_streams(workdirs, evaluation)
    common = sorted(set(streams[0].name) & set(evaluated.name))
    _check_not_test(evaluation, f"evaluated samples ({', '.join(common[:1])})", bool(common))
    return Weighting(search_weights(streams), f"chosen on {evaluation}, n={len(streams[0].name)}")


def _check_not_test(evaluation: str, samples: str, forbidden: bool) -> None:
    """Raise UserError where weights would be chosen on the samples that are then evaluated."""
    if forbidden:
        raise UserError(
            f"--select-on={evaluation} would choose the weights on {samples}; "
            "choose them on validation scores, such as --select-on=validation"
        )


def read_streams(workdirs: Sequence[Path], evaluation: str) -> list[Scores]:
    """Return the aligned scores of an evaluation of several working directories."""
    paths = [scores_path(workdir, evaluation) for workdir in workdirs]
    return align([read_scores(path) for path in paths], [str(path) for path in paths])
