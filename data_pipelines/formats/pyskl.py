"""PYSKL's pickles, such as ntu60_3danno.pkl and ntu60_hrnet.pkl.

A dict of `split` (name → samples) and `annotations`; an annotation is a dict of `frame_dir` (the
name), `label`, `keypoint` (persons x frames x joints x coordinates) and, in two dimensions,
`keypoint_score`, which becomes the confidence. 25 joints are NTU RGB+D's, 17 COCO's. The pickle
must fit into memory.

Every pair of splits such as `xsub_train` and `xsub_val`, or `train1` and `test1`, is a protocol.
Bit i of a sample's `setup` says whether it is a training sample of protocol i, bit 15 + i whether
it is on neither side of it. Samples in no split at all are left out.

The label of a sample that is named like NTU RGB+D's is its action number (A001 to A120) minus one.
"""

import pathlib
import re
from collections import Counter
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
from data_pipelines.specs.record import LeftOut, Record
from data_pipelines.specs.skeletons import COCO17, NTU25, Skeleton

WANTED = "one of PYSKL's .pkl files"

# (joints, coordinates) → body model.
_BODIES = {(25, 3): NTU25, (17, 2): COCO17}
_NTU_NAME = re.compile(r"S\d{3}C(\d{3})P(\d{3})R\d{3}A(\d{3})")
# The bits of half of a setup.
_MOST_PROTOCOLS = 15

# Protocol → the names of its training and of its test samples.
_Sides = Mapping[str, tuple[frozenset[str], frozenset[str]]]


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

    @property
    def action(self) -> int | None:
        """Return the action number in the name, from 1; None unless it is one of NTU RGB+D's."""
        match = _NTU_NAME.fullmatch(self.name)
        return int(match[3]) if match else None


@dataclass(frozen=True)
class Fault:
    """An annotation that cannot be used, and why."""

    where: str
    reason: str


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
    usable = [item for item in items if isinstance(item, Annotation)]
    if not usable:
        faults = [item for item in items if isinstance(item, Fault)]
        first = f"{faults[0].where} {faults[0].reason}" if faults else "all are in no split"
        raise DataError(f"{raw}: has no usable annotation; {first}")
    _refuse_labels(raw, usable)
    items = [_agreeing(item) for item in items]
    usable = [item for item in items if isinstance(item, Annotation)]
    return RawDataset(_spec(raw, name, usable, sides), items)


def _sides(raw: pathlib.Path, splits: Any) -> _Sides:
    """Return protocol → the names of its training and of its test samples."""
    if not isinstance(splits, dict) or not all(
        isinstance(name, str) and isinstance(samples, list) for name, samples in splits.items()
    ):
        raise DataError(f"{raw}: split should map names to lists of samples; --raw takes {WANTED}")
    protocols = {}
    for name in splits:
        tests = [name.replace("train", word) for word in ("test", "val")] if "train" in name else []
        for number, test in enumerate(test for test in tests if test in splits):
            protocol = name.replace("train", "").strip("_-") or "stored"
            protocol = f"split{protocol}" if protocol.isdecimal() else protocol
            first, second = (frozenset(map(str, splits[side])) for side in (name, test))
            protocols[f"{protocol}_val" if number else protocol] = first, second
    if not 1 <= len(protocols) <= _MOST_PROTOCOLS:
        pairs = f"{len(protocols)} pairs of splits such as xsub_train and xsub_val"
        raise DataError(f"{raw}: has {pairs}, not 1 to {_MOST_PROTOCOLS}: {', '.join(splits)}")
    return protocols


def _annotation(
    where: str, state: State, fields: Any, sides: _Sides
) -> Annotation | Fault | LeftOut:
    """Return a sample, or why there is none."""
    if not isinstance(fields, dict):
        return Fault(where, "is not a dict; remove it")
    name, label = fields.get("frame_dir"), fields.get("label")
    keypoint, score = map(plain_pickle.array, map(fields.get, ("keypoint", "keypoint_score")))
    if not isinstance(name, str) or type(label) is not int or not 0 <= label < 2**15:
        return Fault(where, "has no frame_dir or no label from 0; repair or remove it")
    place = f"{where} ({name})"
    if keypoint is None or keypoint.ndim != 4 or keypoint.dtype.kind not in "fiu":
        return Fault(place, "has no keypoint of 4 axes; repair or remove it")
    if score is not None and score.dtype.kind not in "fiu":
        return Fault(place, "has a keypoint_score that is not numeric; repair or remove it")
    setup = unused = 0
    for bit, (protocol, (train, test)) in enumerate(sides.items()):
        if name in train and name in test:
            return Fault(place, f"is in both of the splits of {protocol}; remove it from one")
        setup |= (name in train) << bit
        unused |= (name not in train and name not in test) << bit
    if unused == 2 ** len(sides) - 1:
        return LeftOut(place, "in no split")
    match = _NTU_NAME.fullmatch(name)
    camera, subject = (int(match[1]), int(match[2])) if match else (0, 0)
    metadata = label, subject, camera, setup | unused << _MOST_PROTOCOLS
    return Annotation(where, state, metadata, name, keypoint, score)


def _refuse_labels(raw: pathlib.Path, items: Sequence[Annotation]) -> None:
    """Raise DataError if the labels of all samples with names of NTU RGB+D contradict them."""
    named = [
        (item.name, item.metadata[0], item.action) for item in items if item.action is not None
    ]
    if not named or any(label == action - 1 for _, label, action in named):
        return
    first, label, action = named[0]
    fault = f"{first} has the label {label}, not {action - 1}"
    if all(label == action for _, label, action in named):
        advice = "for each in content['annotations']: each['label'] -= 1"
        raise DataError(f"{raw}: its labels start at 1 ({fault}); subtract 1 from each: {advice}")
    advice = "number the labels by the names (A001 is 0), or rename the samples"
    raise DataError(f"{raw}: all labels contradict the names ({fault}); {advice}")


def _agreeing(item: Annotation | Fault | LeftOut) -> Annotation | Fault | LeftOut:
    """Return an item, or a fault if its label contradicts its name."""
    if not isinstance(item, Annotation) or item.action in (None, item.metadata[0] + 1):
        return item
    wanted = f"has the label {item.metadata[0]}, but its name says {item.action - 1}"
    return Fault(str(item), f"{wanted} (A{item.action:03}); correct one of them")


def _spec(raw: pathlib.Path, name: str, items: Sequence[Annotation], sides: _Sides) -> DatasetSpec:
    """Return the metadata, from NTU RGB+D if most samples are named like its files."""
    body, first = _body(raw, items)
    scored = first.score is not None
    known = _known(items)
    classes = len(known.labels) if known else 1 + max(item.metadata[0] for item in items)
    setups = sorted({item.metadata[3] for item in items})
    return DatasetSpec(
        name=name,
        skeleton=body,
        labels=known.labels if known else tuple(f"class {number}" for number in range(classes)),
        persons=max(1, *(item.keypoint.shape[0] for item in items)),
        protocols={
            protocol: Protocol.of_setups({setup: _side(setup, bit) for setup in setups})
            for bit, protocol in enumerate(sides)
        },
        texts=known.texts if known else "",
        obtain="PYSKL provides it",
        zero_shot=known.zero_shot if known else {},
        coordinates=first.keypoint.shape[3] + scored,
        confidence=scored,
        format="pyskl",
    )


def _side(setup: int, bit: int) -> str:
    """Return the side of a protocol on which the samples of a setup are."""
    if setup >> bit & 1:
        return "train"
    return "neither" if setup >> _MOST_PROTOCOLS + bit & 1 else "test"


def _known(items: Sequence[Annotation]) -> DatasetSpec | None:
    """Return the dataset that most samples are named like, if there is one."""
    actions = [item.action for item in items if item.action is not None]
    if 2 * len(actions) <= len(items) or max(actions) > len(ntu120.SPEC.labels):
        return None
    return (ntu60 if max(actions) <= len(ntu60.SPEC.labels) else ntu120).SPEC


def _body(raw: pathlib.Path, items: Sequence[Annotation]) -> tuple[Skeleton, Annotation]:
    """Return the body model of most samples, and the first of them."""
    shapes = [(*item.keypoint.shape[2:], item.score is not None) for item in items]
    (common, _), *_ = Counter(shapes).most_common(1)
    joints, coordinates, _ = common
    if (joints, coordinates) not in _BODIES:
        known = " or ".join(f"{v} joints of {c}" for v, c in _BODIES)
        fault = f"has {joints} joints of {coordinates} coordinates, not {known}"
        raise DataError(f"{raw}: {fault}; convert it as your own (docs/own-data.md)")
    return _BODIES[joints, coordinates], items[shapes.index(common)]


def read(item: Annotation | Fault | LeftOut) -> Iterator[Record | LeftOut]:
    """Yield a sample; FileError if it cannot be used."""
    if isinstance(item, Fault):
        raise FileError(item.where, item.reason)
    if isinstance(item, LeftOut):
        yield item
        return
    keypoint, score = item.keypoint, item.score
    if score is not None and score.shape != keypoint.shape[:3]:
        shapes = f"{keypoint.shape} and {score.shape}"
        raise FileError(str(item), f"keypoint and keypoint_score disagree: {shapes}; repair it")
    numbers = keypoint if score is None else np.concatenate([keypoint, score[..., None]], axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        skeleton = numbers.astype(np.float32).swapaxes(0, 1)
    yield Record(skeleton, *item.metadata, item.name)
