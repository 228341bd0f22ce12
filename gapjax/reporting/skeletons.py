"""The frames of samples as the page plays them: joints in the panels of a front and a side view."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from data_pipelines.drawing.scene import Scene, aspect, evenly, limits, sides
from data_pipelines.errors import UserError
from data_pipelines.specs.dataset import DatasetSpec
from gapjax.experiment import data
from gapjax.experiment.data import Dataset
from gapjax.experiment.schema import read_flat
from gapjax.reporting.runs import ReportedRun

# The most frames of a clip; of longer ones, evenly chosen frames are shown at the same speed.
MOST_FRAMES = 100
# The duration of a frame in milliseconds: 30 frames per second, as Kinects record.
MILLISECONDS = 1000 / 30
# Panels are this wide and high; a joint that is not there lies at `ABSENT`.
PANEL, ABSENT = 60_000, 65_535

# Raw frames, persons first.
Clip = Float[np.ndarray, "_ _ v c"]


def opened(run: ReportedRun, folder: str) -> Dataset:
    """Return the dataset of a run.

    Args:
        run: the run.
        folder: the folder of converted datasets; if empty, that of the run's config.

    Raises:
        UserError: it is not there, or has other samples than the run's scores.
    """
    plan = read_flat(run.config)
    if folder:
        plan = replace(plan, data=replace(plan.data, dir=folder))
    directory, _ = data.find_dataset(plan)
    if not directory.exists():
        raise UserError(f"{directory}: this dataset is not here; say by --data where it is")
    dataset = data.open_dataset(plan)
    if not dataset.stored.digest.startswith(run.scores.facts.get("index", "")):
        raise UserError(f"{directory} has other samples than {run.workdir} was evaluated on")
    return dataset


def frames(dataset: Dataset, samples: Sequence[str]) -> dict[str, Clip]:
    """Return the raw frames of samples by name.

    Raises:
        UserError: a sample is not in the dataset.
        DataError: the dataset is damaged.
    """
    row_of = {name: row for row, name in enumerate(dataset.stored.name.tolist())}
    missing = [name for name in samples if name not in row_of]
    if missing:
        raise UserError(f"{dataset.directory} has no sample {missing[0]!r}")
    rows = np.array([row_of[name] for name in samples], np.int64)
    return dict(zip(samples, data.raw_frames(dataset, rows), strict=True))


def drawn(clip: Clip, spec: DatasetSpec) -> dict[str, Any]:
    """Return a clip as the page plays it.

    Returns:
        `shape` (frames, persons, joints), the `milliseconds` of a frame, the `aspect` of a panel,
        `bones` and the `sides` of joints, and `views`, each with a `title` and its joints' `x`
        beside the common `y`: base64 of little-endian 16-bit numbers, from the upper left.
    """
    skeleton = clip.swapaxes(0, 1)
    seen = skeleton[..., spec.space] > 0 if spec.confidence else None
    scene = Scene(skeleton[..., : spec.space], spec.skeleton, "", (), seen)
    chosen = evenly(len(skeleton), MOST_FRAMES)
    shown = limits(scene, chosen, min_aspect=0.7)
    joints, there = scene.skeleton[chosen], scene.drawn[chosen]

    def placed(axis: int, direction: int) -> str:
        """Return one coordinate as a share of the panel."""
        low, high = shown[axis]
        share = (joints[..., axis] - low) / (high - low)
        return _packed(share if direction > 0 else 1 - share, there)

    views = [
        {"title": view.title, "x": placed(view.across, view.rightwards)} for view in scene.views
    ]
    return {
        "shape": joints.shape[:3],
        "milliseconds": round(MILLISECONDS * len(skeleton) / len(chosen), 1),
        "aspect": round(aspect(shown), 3),
        "bones": spec.skeleton.bones,
        "sides": sides(spec.skeleton),
        "views": views,
        "y": placed(1, -scene.views[0].upwards),
    }


def _packed(share: Float[np.ndarray, "t m v"], there: Bool[np.ndarray, "t m v"]) -> str:
    placed = np.where(there, np.clip(share, 0, 1) * PANEL, ABSENT).astype("<u2")
    return base64.b64encode(placed.tobytes()).decode()
