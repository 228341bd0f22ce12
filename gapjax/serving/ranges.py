"""The ranges of training data, and how far a clip is from them: units, axes, body and place.

A network classifies anything of the right shape. Millimeters where meters were trained on, a y axis
that points down, or joints in another order give sure and wrong answers, so that a bundle keeps
what bodies looked like in training.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

# The figures of the training samples between these percentiles are ordinary.
_ORDINARY = (1, 99)
# A body may be this many times larger or smaller than ordinary ones.
SIZE_FACTOR = 3.0
# The cosine of a posture may be smaller than the smallest ordinary one by this margin, and is never
# refused above this value: a few samples do not show all that is ordinary.
POSTURE_MARGIN, LEAST_ALIKE = 0.4, 0.35
# The relative lengths of bones may deviate this many times as much as ordinary ones, and this much.
BONES_FACTOR, MOST_DEVIATION = 2.5, 0.2
# A body may stand farther away than ordinary ones by their range and by this many sizes.
PLACE_SIZES = 3.0
# The most frames of a clip that are measured.
_FRAMES = 64

Bones = Sequence[Sequence[int]]


class Figure(NamedTuple):
    """What the bodies of one clip look like.

    Attributes:
        size: the root mean square distance of joints from their center.
        bones: the lengths of the bones, of mean 1; NaN for a bone that is never seen.
        posture: the joints about their center, the mean over the clip, of norm 1.
        place: their center.
    """

    size: float
    bones: Float[np.ndarray, " n"]
    posture: Float[np.ndarray, "v c"]
    place: Float[np.ndarray, " c"]


def figure_of(clip: Float[np.ndarray, "m t v c2"], space: int, bones: Bones) -> Figure | None:
    """Return the figure of a clip; None if nobody is in it.

    Args:
        clip: raw frames; what is absent is zero.
        space: the number of coordinates; a confidence may follow them.
        bones: pairs of joints.
    """
    steps = max(1, clip.shape[1] // _FRAMES)
    bodies = np.asarray(clip[:, ::steps], np.float64).reshape(-1, *clip.shape[2:])
    seen = (bodies != 0).any(axis=2) if clip.shape[3] == space else bodies[..., space] > 0
    bodies, seen = (rows[seen.sum(axis=1) > 1] for rows in (bodies[..., :space], seen))
    if not len(bodies):
        return None
    count = seen.sum(axis=1)[:, None]
    center = np.where(seen[..., None], bodies, 0).sum(axis=1) / count
    joints = np.where(seen[..., None], bodies - center[:, None], 0)
    size = np.sqrt((joints**2).sum(axis=(1, 2)) / count[:, 0])
    posture = (joints / np.maximum(size, 1e-12)[:, None, None]).mean(axis=0)
    return Figure(
        size=float(np.median(size)),
        bones=_relative_lengths(bodies, seen, np.array(bones)),
        posture=posture / max(np.linalg.norm(posture), 1e-12),
        place=np.median(center, axis=0),
    )


def _relative_lengths(
    bodies: Float[np.ndarray, "n v c"],
    seen: Bool[np.ndarray, "n v"],
    bones: Int[np.ndarray, "n2 2"],
) -> Float[np.ndarray, " n2"]:
    """Return the median length of each bone, all divided by their mean."""
    ends = bodies[:, bones[:, 0]], bodies[:, bones[:, 1]]
    length = np.linalg.norm(ends[0] - ends[1], axis=2)
    both = seen[:, bones[:, 0]] & seen[:, bones[:, 1]]
    median = np.array(
        [
            np.median(row[is_seen]) if is_seen.any() else np.nan
            for row, is_seen in zip(length.T, both.T, strict=True)
        ]
    )
    return median / max(np.nanmean(median), 1e-12) if both.any() else median


def ranges_of(figures: Sequence[Figure]) -> dict[str, Any]:
    """Return the ranges of training samples, as in JSON."""
    sizes, places = [f.size for f in figures], np.stack([f.place for f in figures])
    bones = np.nan_to_num(np.nanmedian(np.stack([f.bones for f in figures]), axis=0), nan=1.0)
    posture = np.mean([f.posture for f in figures], axis=0)
    deviations = [_deviation(f.bones, bones) for f in figures]
    likeness = [_likeness(f.posture, posture) for f in figures]
    return {
        "size": np.percentile(sizes, _ORDINARY).tolist(),
        "bones": {"lengths": bones.tolist(), "deviation": float(np.percentile(deviations, 99))},
        "posture": {"mean": posture.tolist(), "likeness": float(np.percentile(likeness, 1))},
        "place": np.percentile(places, _ORDINARY, axis=0).tolist(),
    }


def _deviation(bones: Float[np.ndarray, " n"], lengths: Float[np.ndarray, " n"]) -> float:
    return float(np.nan_to_num(np.nanmean(np.abs(bones - lengths))))


def _likeness(posture: Float[np.ndarray, "v c"], mean: Float[np.ndarray, "v c"]) -> float:
    return float((posture * mean).sum() / max(np.linalg.norm(mean), 1e-12))


def unlike(figure: Figure, ranges: Mapping[str, Any], recipe: Mapping[str, Any]) -> list[str]:
    """Return in what a clip is far from the training data, where its preparation does not mend it.

    Args:
        figure: of the clip.
        ranges: of the training samples (`ranges_of`).
        recipe: the bundle's preprocessing: `origin` and `scale` of a clip recipe.
    """
    low, high = ranges["size"]
    # A recipe that scales every axis is blind to units and to the place.
    scaled = recipe["scale"] != "none"
    found = []
    if not scaled and not low / SIZE_FACTOR <= figure.size <= high * SIZE_FACTOR:
        times = figure.size / ((low + high) / 2)
        found.append(f"bodies are {times:.2g} times as large (other units?)")
    likeness = _likeness(figure.posture, np.array(ranges["posture"]["mean"]))
    if likeness < min(ranges["posture"]["likeness"] - POSTURE_MARGIN, LEAST_ALIKE):
        found.append("bodies stand otherwise (other axes, or one that points the other way?)")
    deviation = _deviation(figure.bones, np.array(ranges["bones"]["lengths"]))
    if deviation > max(ranges["bones"]["deviation"] * BONES_FACTOR, MOST_DEVIATION):
        found.append("bones have other proportions (other joints, or another order of them?)")
    if not scaled and not found and recipe["origin"] == "none":
        first, last = np.array(ranges["place"])
        margin = (last - first) + PLACE_SIZES * high
        if ((figure.place < first - margin) | (figure.place > last + margin)).any():
            found.append("bodies are elsewhere (coordinates with another origin?)")
    return found
