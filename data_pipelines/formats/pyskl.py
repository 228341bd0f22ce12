"""PYSKL's pickles, such as ntu60_3danno.pkl and ntu60_hrnet.pkl.

A dict of `split` (name → samples) and `annotations`; an annotation is a dict of `frame_dir` (the
name), `label`, `keypoint` (persons x frames x joints x coordinates) and, in two dimensions,
`keypoint_score`, which becomes the confidence. 25 joints are NTU RGB+D's, 17 COCO's. The pickle
must fit into memory.

Every pair of splits such as `xsub_train` and `xsub_val` is a protocol. Bit i of a sample's `setup`
says whether it is a training sample of protocol i.
"""

import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Shaped

from data_pipelines.datasets import ntu60, ntu120
from data_pipelines.errors import DataError, FileError
from data_pipelines.parsers import plain_pickle
from data_pipelines.parsers.sources import State, state_of
from data_pipelines.specs.dataset import DatasetSpec, Protocol, RawDataset
from data_pipelines.specs.record import Record, present_persons
from data_pipelines.specs.skeletons import COCO17, NTU25, Skeleton

WANTED = "one of PYSKL's .pkl files"

# (joints, coordinates) → body model.
_BODIES = {(25, 3): NTU25, (17, 2): COCO17}
_NTU_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R\d{3}A(\d{3})")
_MOST_PROTOCOLS = 30


@dataclass(frozen=True, eq=False)
class Annotation:
    """A sample.

    Attributes:
        where: the pickle and the number of the annotation, for messages.
        state: the pickle's state.
        metadata: label, subject, camera and setup.
        name: the sample's name.
        keypoint: coordinates.
        score: their confidence, or None.
    """

    where: str
    state: State
    metadata: tuple[int, int, int, int]
    name: str
    keypoint: Shaped[np.ndarray, "..."] = field(repr=False)
    score: Shaped[np.ndarray, "..."] | None = field(repr=False)

    def __str__(self) -> str:
        return f"{self.where} ({self.name})"


def open_raw(raw: pathlib.Path, name: str) -> RawDataset:
    """Return the contents of a pickle; DataError if it is refused, damaged or invalid."""
    content = plain_pickle.load(raw)
    if not isinstance(content, dict) or not {"split", "annotations"} <= set(content):
        raise DataError(f"{raw}: has no dict of split and annotations; --raw takes {WANTED}")
    annotations, state = content["annotations"], state_of(raw)
    if not isinstance(annotations, list) or not annotations:
        raise DataError(f"{raw}: has no annotations; --raw takes {WANTED}")
    sides = _sides(raw, content["split"])
    items = [
        _annotation(f"{raw}: annotation {number}", state, annotation, sides)
        for number, annotation in enumerate(annotations)
    ]
    return RawDataset(_spec(raw, name, items, sides), items)


def _sides(raw: pathlib.Path, splits: Any) -> dict[str, tuple[set[str], set[str]]]:
    """Return protocol → the names of its training and of its test samples."""
    if not isinstance(splits, dict) or not all(
        isinstance(name, str) and isinstance(samples, list) for name, samples in splits.items()
    ):
        raise DataError(f"{raw}: split should map names to lists of samples; --raw takes {WANTED}")
    protocols = {}
    for name, train in splits.items():
        tests = [name.replace("train", word) for word in ("val", "test")] if "train" in name else []
        for test in tests:
            if test in splits:
                protocol = name.replace("train", "").strip("_-") or "stored"
                protocols[protocol] = set(map(str, train)), set(map(str, splits[test]))
    if not 1 <= len(protocols) <= _MOST_PROTOCOLS:
        pairs = f"{len(protocols)} pairs of splits such as xsub_train and xsub_val"
        raise DataError(f"{raw}: has {pairs}, not 1 to {_MOST_PROTOCOLS}: {', '.join(splits)}")
    return protocols


def _annotation(
    where: str,
    state: State,
    fields: Any,
    sides: Mapping[str, tuple[set[str], set[str]]],
) -> Annotation:
    """Return a sample; DataError if its fields are invalid."""
    if not isinstance(fields, dict):
        raise DataError(f"{where} is not a dict; --raw takes {WANTED}")
    name, label = fields.get("frame_dir"), fields.get("label")
    keypoint, score = map(plain_pickle.array, map(fields.get, ("keypoint", "keypoint_score")))
    if not isinstance(name, str) or type(label) is not int or not 0 <= label < 2**15:
        raise DataError(f"{where} has no frame_dir or no label; --raw takes {WANTED}")
    if keypoint is None or keypoint.ndim != 4 or keypoint.dtype.kind != "f":
        raise DataError(f"{where} ({name}) has no keypoint of 4 axes; --raw takes {WANTED}")
    if score is not None and score.dtype.kind != "f":
        raise DataError(f"{where} ({name}) has a keypoint_score that is not numeric; repair it")
    for protocol, (train, test) in sides.items():
        if (name in train) == (name in test):
            both = "both" if name in train else "none"
            raise DataError(f"{where} ({name}) is in {both} of the splits of {protocol}; repair it")
    setup = sum((name in train) << bit for bit, (train, _) in enumerate(sides.values()))
    match = _NTU_NAME.fullmatch(name)
    camera, subject = (int(match[2]), int(match[3])) if match else (0, 0)
    return Annotation(where, state, (label, subject, camera, setup), name, keypoint, score)


def _spec(
    raw: pathlib.Path,
    name: str,
    items: Sequence[Annotation],
    sides: Mapping[str, tuple[set[str], set[str]]],
) -> DatasetSpec:
    """Return the metadata, from NTU RGB+D if the samples are named like its files."""
    body = _body(raw, items[0])
    scored = items[0].score is not None
    classes = 1 + max(item.metadata[0] for item in items)
    setups = sorted({item.metadata[3] for item in items})
    is_ntu = all(_NTU_NAME.fullmatch(item.name) for item in items)
    known = (ntu60 if classes <= 60 else ntu120).SPEC if is_ntu and classes <= 120 else None
    return DatasetSpec(
        name=name,
        skeleton=body,
        labels=known.labels if known else tuple(f"class {number}" for number in range(classes)),
        persons=max(1, *(item.keypoint.shape[0] for item in items)),
        protocols={
            protocol: Protocol("setup", tuple(setup for setup in setups if setup >> bit & 1))
            for bit, protocol in enumerate(sides)
        },
        texts=known.texts if known else "",
        obtain="PYSKL provides it",
        zero_shot=known.zero_shot if known else {},
        coordinates=items[0].keypoint.shape[3] + scored,
        confidence=scored,
        format="pyskl",
    )


def _body(raw: pathlib.Path, item: Annotation) -> Skeleton:
    """Return the body model of a sample."""
    joints, coordinates = item.keypoint.shape[2:]
    if (joints, coordinates) not in _BODIES:
        known = " or ".join(f"{v} joints of {c}" for v, c in _BODIES)
        fault = f"has {joints} joints of {coordinates} coordinates, not {known}"
        raise DataError(f"{raw}: {fault}; convert it as your own (docs/own-data.md)")
    return _BODIES[joints, coordinates]


def read(item: Annotation) -> Iterator[Record]:
    """Yield a sample, without absent persons at the end."""
    keypoint, score = item.keypoint, item.score
    if score is not None and score.shape != keypoint.shape[:3]:
        shapes = f"{keypoint.shape} and {score.shape}"
        raise FileError(str(item), f"keypoint and keypoint_score disagree: {shapes}; repair it")
    numbers = keypoint if score is None else np.concatenate([keypoint, score[..., None]], axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        skeleton = present_persons(numbers.astype(np.float32).swapaxes(0, 1))
    if not skeleton.size:
        raise FileError(str(item), "is zero everywhere; there is nothing to learn from it")
    yield Record(skeleton, *item.metadata, item.name)
