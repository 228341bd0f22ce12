"""Several converted datasets with the same joints as one dataset.

    datasets:                   # folder, relative to this file → its protocol
      data/nw_ucla: xview
      data/utd_mhad: xsub
    same:                       # optional: label → the label to merge it into
      sit down: stand to sit

Joints, coordinates and confidence must be the same; the rest of the body model is the first's.

* Classes with the same label are merged; `same` merges labels that differ.
* There is one protocol, `merged`: `setup` is 1 for training samples, 0 for test samples and 2 for
  samples on neither side.
* Sample `a01` of `nw_ucla` is called `nw_ucla/a01`. Its camera is kept. Subjects are renumbered
  from 1, in the order of datasets and of their old numbers, so that they stay distinct.
* A zero-shot split `22_5` of `utd_mhad` is called `utd_mhad_22_5`, though more classes are seen.
  Its classes are unseen in all datasets and tested on the samples of all. If a movement has
  different labels, as "stand to sit" and "sit down", only `same` keeps the split zero-shot.
* A class has its first description: gapjax's own, then those in the folders. If a dataset has
  none, the merged one has none.

Coordinates are neither scaled nor rotated. Those of NW-UCLA and UTD-MHAD are in meters in Kinect's
axes, but a median clip of NW-UCLA has 31 frames, between which a hand moves 7 cm; one of UTD-MHAD
67, and 0.8 cm. `data.balance=sources` trains on each dataset equally often.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from etils import epath

from data_pipelines.formats import _merged_classes
from data_pipelines.specs import catalog, checked_yaml, spec_file
from data_pipelines.specs.checked_yaml import Metadata
from data_pipelines.specs.dataset import DatasetSpec, Protocol, RawDataset
from data_pipelines.specs.record import Record
from data_pipelines.storage import index as indexing
from data_pipelines.storage import packed, stored_samples
from data_pipelines.storage.index import Index
from data_pipelines.storage.stored_samples import Item

WANTED = "a YAML file, as datasets: {data/nw_ucla: xview, data/utd_mhad: xsub}"


# The setup of samples on neither side of their protocol.
_UNUSED = 2


@dataclass(frozen=True, eq=False)
class _Part:
    """One of the datasets."""

    folder: pathlib.Path
    spec: DatasetSpec
    protocol: Protocol
    index: Index


def open_raw(raw: pathlib.Path, name: str) -> RawDataset:
    """Return the contents of all datasets, packed if needed; DataError if they do not fit."""
    metadata = checked_yaml.load(epath.Path(raw))
    metadata.check_keys(["datasets"], ["same"])
    parts = [_part(metadata, raw, *entry) for entry in metadata.mapping("datasets").items()]
    specs = [part.spec for part in parts]
    _check_names(metadata, [spec.name for spec in specs], name)
    _check_bodies(metadata, specs)
    merged_label = _merged_classes.merged_labels(metadata, specs)
    labels = tuple(dict.fromkeys(merged_label.values()))
    numbers = {label: labels.index(merged) for label, merged in merged_label.items()}
    texts_of = {part.folder: part.spec.texts for part in parts}
    names, texts = _merged_classes.texts(texts_of, labels)
    orders = {spec.person_order for spec in specs}
    spec = dataclasses.replace(
        specs[0],
        name=name,
        labels=labels,
        persons=max(spec.persons for spec in specs),
        protocols={"merged": Protocol("setup", (1,), _counts(parts), _tested(parts))},
        texts=names,
        obtain="convert the datasets that its YAML file lists",
        zero_shot=_merged_classes.splits(metadata, specs, numbers),
        builtin=False,
        format="merged",
        person_order=orders.pop() if len(orders) == 1 else "cleaned",
    )
    return RawDataset(spec, list(_items(parts, numbers)), texts)


def read(item: Item) -> Iterator[Record]:
    """Yield a sample, from the pack."""
    return stored_samples.read(item)


def _part(metadata: Metadata, raw: pathlib.Path, path: str, protocol: Any) -> _Part:
    folder = (raw.parent / path).resolve()
    index = Index.load(folder)
    packed.open_pack(folder, index)
    spec = catalog.spec_of(folder)
    if protocol not in tuple(spec.protocols):
        known = ", ".join(spec.protocols)
        raise metadata.error("datasets", f"{path} has no protocol {protocol!r}; there are {known}")
    return _Part(folder, spec, spec.protocols[protocol], index)


def _check_names(metadata: Metadata, names: Sequence[str], merged: str) -> None:
    """Refuse a single dataset, and names that would make samples or splits ambiguous."""
    if len(names) < 2:
        raise metadata.error("datasets", "should have two converted folders or more")
    for name in names:
        if names.count(name) > 1:
            raise metadata.error("datasets", f"has two folders called {name!r}; rename one")
        if not name.isidentifier():
            raise metadata.error(
                "datasets", f"has {name!r}, which is not a name; rename the folder"
            )
    if merged in names:
        raise metadata.error(
            "datasets", f"has {merged!r}, the merged one's name; give another --name"
        )


def _check_bodies(metadata: Metadata, specs: Sequence[DatasetSpec]) -> None:
    """Refuse datasets with different joints or coordinates."""
    first, kinds = specs[0], {numbers: kind for kind, numbers in spec_file.COORDINATES.items()}
    for spec in specs[1:]:
        pair = f"{first.name} and {spec.name} have"
        if spec.skeleton.joints != first.skeleton.joints:
            counts = f"{first.skeleton.num_joints} and {spec.skeleton.num_joints}"
            fault = f"{pair} other joints ({counts}); names and order must be the same"
            raise metadata.error("datasets", fault)
        kind, other = (kinds[s.coordinates, s.confidence] for s in (first, spec))
        if kind != other:
            raise metadata.error("datasets", f"{pair} other coordinates, {kind} and {other}")


def _counts(parts: Sequence[_Part]) -> tuple[int, int] | None:
    """Return the published numbers of training and test samples, if all are known."""
    counts = [part.protocol.counts for part in parts if part.protocol.counts is not None]
    if len(counts) < len(parts):
        return None
    return sum(train for train, _ in counts), sum(test for _, test in counts)


def _tested(parts: Sequence[_Part]) -> tuple[int, ...] | None:
    """Return the setup of test samples, if some samples are on neither side of a protocol."""
    return (0,) if any(part.protocol.test for part in parts) else None


def _items(parts: Sequence[_Part], numbers: Mapping[str, int]) -> Iterator[Item]:
    """Yield the samples of all datasets."""
    subjects_before = 0
    for part in parts:
        index, folder = part.index, str(part.folder)
        state = stored_samples.state(part.folder)
        subjects, subject = np.unique(index.subject, return_inverse=True)
        setup = np.full(len(index), _UNUSED)
        train, test = indexing.select(index, part.protocol)
        setup[train], setup[test] = 1, 0
        labels = [numbers[label] for label in part.spec.labels]
        for row in range(len(index)):
            who = subjects_before + 1 + int(subject[row])
            metadata = labels[index.label[row]], who, int(index.camera[row]), int(setup[row])
            yield Item(folder, state, row, metadata, f"{part.spec.name}/{index.name[row]}")
        subjects_before += len(subjects)
