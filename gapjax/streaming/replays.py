"""Clips that the page replays: raw files, and samples of converted datasets."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int

from data_pipelines.errors import UserError
from data_pipelines.specs import catalog
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.storage.index import Index, select
from gapjax.experiment.data import stored_frames
from gapjax.serving import classification
from gapjax.serving.bundle import Bundle

# What clips are replayed at: the rate of Kinects, in frames per second.
RATE = 30


@dataclass(frozen=True, eq=False)
class Replay:
    """A clip to replay.

    Attributes:
        name: its file, or its name in its dataset.
        label: its class; empty if that is not known.
        read: () → its frames.
    """

    name: str
    label: str
    read: Callable[[], Float32[np.ndarray, "t m v c"]]


def replays(bundle: Bundle, sources: Sequence[Path], most: int) -> list[Replay]:
    """Return the clips of files and of converted datasets.

    Args:
        bundle: the bundle that recognizes them.
        sources: files that `gapjax.classify` reads, and folders of converted datasets.
        most: how many samples of a dataset, evenly chosen; of the dataset that the bundle was
            trained on, they are test samples.

    Raises:
        UserError: a dataset has another body than the bundle.
        DataError: a file or a dataset cannot be used.
    """
    found = []
    for source in sources:
        found += _samples(bundle, source, most) if source.is_dir() else [_file(bundle, source)]
    return found


def _file(bundle: Bundle, path: Path) -> Replay:
    clip = classification.read_clip(bundle, path).swapaxes(0, 1)
    return Replay(path.name, "", lambda: clip)


def _samples(bundle: Bundle, folder: Path, most: int) -> list[Replay]:
    """Return evenly chosen samples of a converted dataset."""
    index, spec = Index.load(folder), catalog.spec_of(folder)
    facts = bundle.metadata["input"]
    joints, coordinates = facts["joints"], facts["shape"][3]
    if list(spec.skeleton.joints) != joints or spec.coordinates != coordinates:
        raise UserError(
            f"{folder}: its body is {spec.skeleton.name} with {spec.coordinates} coordinates, "
            f"{bundle.folder} takes {facts['skeleton']} with {coordinates}; give another dataset"
        )
    rows = _rows(bundle, index, spec)
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(int))]
    return [
        Replay(
            str(index.name[row]),
            spec.labels[index.label[row]],
            partial(_read, folder, index, spec, int(row)),
        )
        for row in chosen
    ]


def _rows(bundle: Bundle, index: Index, spec: DatasetSpec) -> Int[np.ndarray, " n"]:
    """Return the samples to choose from: for testing, where the bundle was trained on others."""
    run = bundle.metadata["run"]
    if spec.name == run["dataset"] and run["protocol"] in spec.protocols:
        _, test = select(index, spec.protocols[run["protocol"]])
        return test
    return np.arange(len(index))


def _read(
    folder: Path, index: Index, spec: DatasetSpec, row: int
) -> Float32[np.ndarray, "t m v c"]:
    (clip,) = stored_frames(folder, index, np.array([row]), spec.persons)
    return clip.swapaxes(0, 1).astype(np.float32)


def as_sent(replay: Replay) -> dict[str, Any]:
    """Return a clip as the page reads it: base64 of little-endian float32 numbers."""
    frames = np.ascontiguousarray(replay.read(), "<f4")
    text = base64.b64encode(frames.tobytes()).decode()
    return {"name": replay.name, "label": replay.label, "shape": frames.shape, "frames": text}
