"""Ensembles of streams: the weighted sum of their logits, sample by sample.

Weights are given; or chosen on the scores of validation samples, never on test samples. By default
they are the published ones for the four streams (0.8 joint, 0.8 bone, 0.2 joint motion, 0.2 bone
motion: GAP, ICCV 2023; facts A.8), and equal for any other runs. Their order does not matter.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import UserError
from gapjax.workdir import data_file
from gapjax.workdir.scores import Scores, read_scores, scores_path

PUBLISHED = {"joint": 0.8, "bone": 0.8, "joint_motion": 0.2, "bone_motion": 0.2}

# A search tries all weightings of the finest of these grids that has at most MOST_WEIGHTINGS.
GRIDS = (20, 10, 5, 4, 2, 1)
MOST_WEIGHTINGS = 5000

# Metadata in which the streams of an ensemble must agree, if both have it.
SHARED = (
    *("dataset", "index", "protocol", "protocol_digest"),
    *("split", "split_digest", "unseen", "fold", "evaluation"),
)

# Defaults of missing metadata.
UNSPLIT = {"split": "none", "unseen": "none", "fold": "none"}


@dataclass(frozen=True)
class Weighting:
    """The weights of the streams, and where they come from."""

    weights: tuple[float, ...]
    source: str


def read_streams(workdirs: Sequence[Path], evaluation: str) -> list[Scores]:
    """Return the aligned scores of one evaluation of several working directories."""
    data_file.check_same(workdirs)
    paths = [scores_path(workdir, evaluation) for workdir in workdirs]
    return align([read_scores(path) for path in paths], [str(path) for path in paths])


def align(streams: Sequence[Scores], titles: Sequence[str]) -> list[Scores]:
    """Return streams with their samples in the order of the first stream.

    Args:
        streams: scores of the same samples, in any order.
        titles: the streams' names in messages.

    Raises:
        UserError: the samples, their labels, the classes or shared metadata differ.
    """
    first = streams[0]
    aligned = []
    for stream, title in zip(streams, titles, strict=True):
        _check_same_evaluation(first, stream, titles[0], title)
        rows = {name: row for row, name in enumerate(stream.name)}
        stream = stream.take(np.array([rows[name] for name in first.name]))
        for row in np.flatnonzero(stream.label != first.label)[:1]:
            labels = f"label {first.label[row]} in {titles[0]}, but {stream.label[row]} in {title}"
            raise UserError(f"{first.name[row]} has {labels}")
        aligned.append(stream)
    return aligned


def _check_same_evaluation(first: Scores, other: Scores, first_title: str, title: str) -> None:
    for key in SHARED:
        expected, value = ({**UNSPLIT, **scores.facts}.get(key) for scores in (first, other))
        if None not in (expected, value) and expected != value:
            values = f"{expected or 'none'} in {first_title}, but {value or 'none'} in {title}"
            raise UserError(f"{key} is {values}")
    expected, classes = first.score.shape[1], other.score.shape[1]
    if expected != classes:
        raise UserError(f"{first_title} has {expected} classes, but {title} has {classes}")
    _check_contains(other, first, title, first_title)
    _check_contains(first, other, first_title, title)


def _check_contains(scores: Scores, required: Scores, title: str, required_title: str) -> None:
    missing = sorted(set(required.name) - set(scores.name))
    if missing:
        samples = f"{len(missing)} samples of {required_title}, {missing[0]} first"
        raise UserError(f"{title} lacks {samples}")


def fuse(streams: Sequence[Scores], weights: Sequence[float]) -> Float[np.ndarray, "n k"]:
    """Return the weighted sum of the logits of aligned streams."""
    return sum(weight * stream.score for weight, stream in zip(weights, streams, strict=True))


def combine(streams: Sequence[Scores], weighting: Weighting, workdirs: Sequence[Path]) -> Scores:
    """Return the scores of an ensemble; their metadata has the streams and their weights."""
    first = streams[0]
    metadata = {key: first.facts[key] for key in SHARED if key in first.facts}
    metadata |= {
        "streams": [str(workdir) for workdir in workdirs],
        "weights": list(weighting.weights),
        "weights_source": weighting.source,
    }
    return Scores(fuse(streams, weighting.weights), first.label, first.name, metadata)


def default_weights(streams: Sequence[Scores]) -> Weighting:
    """Return the published weights of the four streams by name, for any other runs equal ones."""
    names = [str(stream.facts.get("modality")) for stream in streams]
    if sorted(names) == sorted(PUBLISHED):
        return Weighting(tuple(PUBLISHED[name] for name in names), "of the paper, by stream")
    return Weighting((1 / len(streams),) * len(streams), "equal")


def parse_weights(text: str, streams: int) -> Weighting:
    """Return the weights of a comma-separated list.

    Raises:
        UserError: they are not one finite number per stream.
    """
    try:
        weights = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--weights={text} is not a comma-separated list of numbers") from error
    if len(weights) != streams or not all(map(math.isfinite, weights)) or not any(weights):
        raise UserError(f"--weights={text} must be {streams} numbers, one a directory, not all 0")
    return Weighting(weights, "given")


def selected_weights(workdirs: Sequence[Path], evaluation: str, evaluated: Scores) -> Weighting:
    """Return weights chosen on an evaluation of every working directory.

    Args:
        workdirs: the working directories.
        evaluation: the evaluation to choose on, such as `validation`.
        evaluated: the scores that are then fused.

    Raises:
        UserError: the evaluation has test samples or samples that are `evaluated`.
    """
    samples = "test samples"
    if evaluation != "test":
        streams = read_streams(workdirs, evaluation)
        names = streams[0].name
        common = sorted(set(names) & set(evaluated.name))
        if not common:
            return Weighting(search_weights(streams), f"chosen on {evaluation}, n={len(names)}")
        samples = f"evaluated samples ({common[0]})"
    raise UserError(
        f"--select-on={evaluation} would choose the weights on {samples}; "
        "choose them on validation scores, such as --select-on=validation"
    )


def search_weights(streams: Sequence[Scores]) -> tuple[float, ...]:
    """Return the weights, summing to 1, with the highest top-1 on aligned validation streams.

    All weightings of a grid are tried; of equally good ones, the most even is taken.
    """
    count = len(streams)
    sizes = {grid: math.comb(grid + count - 1, count - 1) for grid in GRIDS}
    divisions = next(grid for grid in GRIDS if sizes[grid] <= MOST_WEIGHTINGS or grid == 1)
    stacked = np.stack([stream.score for stream in streams])
    label = streams[0].label

    def rank(shares: tuple[int, ...]) -> tuple[int, int]:
        """Return what the best shares maximize: correct samples, then evenness."""
        score = np.tensordot(np.array(shares, np.float32), stacked, axes=1)
        return int((score.argmax(axis=1) == label).sum()), -sum(share**2 for share in shares)

    best = max(simplex_grid(count, divisions), key=rank)
    return tuple(share / divisions for share in best)


def simplex_grid(streams: int, divisions: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to share `divisions` among `streams`.

    >>> list(simplex_grid(2, 2))
    [(0, 2), (1, 1), (2, 0)]
    """
    slots = divisions + streams - 1
    for bars in itertools.combinations(range(slots), streams - 1):
        ends = (-1, *bars, slots)
        yield tuple(after - before - 1 for before, after in itertools.pairwise(ends))
